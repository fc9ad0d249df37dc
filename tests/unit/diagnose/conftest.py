"""What all tests of diagnoses share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True, scope="session")
def no_real_waiting() -> Iterator[None]:
    """Let retries of reads come at once."""
    with stamina.set_testing(testing=True, attempts=2):
        yield
