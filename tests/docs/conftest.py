"""What the documents show is run in a throw-away home, on real services of this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running
