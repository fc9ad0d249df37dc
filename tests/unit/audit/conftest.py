"""What all audits of the simulated world share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True, scope="session")
def no_real_waiting() -> Iterator[None]:
    """Let retries of reads come at once: the simulated clock is the only one that counts here."""
    with stamina.set_testing(testing=True, attempts=2):
        yield
