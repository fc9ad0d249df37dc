"""Every fault that the tests inject: what it is, what should come of it, and what came of it.

The tests hold each entry to what happened (`witness.py`); the page docs/reliability.md is written
from these entries (`page.py`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        part: the heading it belongs under.
        injected: what was done.
        expected: what should come of it, in general words.
        happened: what a test saw, in its order.
        keeps: the promises of docs/safety.md that this is about.
    """

    part: str
    injected: str
    expected: str
    happened: tuple[str, ...]
    keeps: str


KILLED = "The reconciler is killed"

FAULTS = {
    "killed on the way": Fault(
        KILLED,
        "`kill -9` of nine applies in a row, each one step further: a tunnel ended, a service stopped, its "
        "log saved, its state removed, a cache cleared, a service launched, it answers, a forward opened, "
        "the client file written",
        "the next apply takes over whatever it finds and comes to the same end",
        (
            "9 applies in a row died",
            "the next: exit 0",
            "one process of each service, one tunnel each, both caches cold",
            "both logs are in the records",
        ),
        "L2 S5",
    ),
    "killed at random": Fault(
        KILLED,
        "`kill -9` at random times of the same apply",
        "the next apply comes to the same end, and no log is lost",
        ("the next apply: exit 0, in sync",),
        "L2 S5",
    ),
}
