"""What all runs on the simulated world share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True, scope="session")
def no_real_waiting() -> Iterator[None]:
    """Let retries of reads come at once and without a word: only the simulated clock counts here."""
    stamina.instrumentation.set_on_retry_hooks([])
    with stamina.set_testing(testing=True, attempts=2):
        yield
    stamina.instrumentation.set_on_retry_hooks(None)
