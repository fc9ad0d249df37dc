"""What was injected, what should happen, and whether it did: a test against its entry in the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from faults.table import FAULTS


@contextmanager
def injected(name: str) -> Iterator[Callable[[str], None]]:
    """Watch what happens in a block, one sentence after the other, each said once it was seen.

    Args:
        name: names the entry in the table.

    Raises:
        AssertionError: something else happened than the table says.
    """
    seen: list[str] = []
    yield seen.append
    assert seen == list(FAULTS[name].happened), f"{name}: {seen}"
