"""What these tests share: retries of reads come at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True, scope="module")
def no_real_waiting() -> Iterator[None]:
    with stamina.set_testing(testing=True, attempts=2):
        yield
