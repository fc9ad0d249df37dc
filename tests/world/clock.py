"""Simulated time: it passes only when somebody sleeps, and things happen in it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from world.world import World

START = 1_700_000_000.0

Event = Callable[..., None]


class Clock:
    """Now, and what is due later.

    Events are plain functions of a world and immutable arguments, so that a cloned world runs its own
    copies of them.
    """

    __slots__ = ("_due", "_now", "_sequence", "_world")

    def __init__(self, world: World, start: float = START) -> None:
        self._world = world
        self._now = start
        self._sequence = 0
        self._due: list[tuple[float, int, Event, tuple[Any, ...]]] = []

    def now(self) -> float:
        """Give the time, seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Give the time for measuring; the same clock."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass; whatever is due on the way happens, in order."""
        end = self._now + max(seconds, 0.0)
        due = self._due
        while due and due[0][0] <= end:
            when, _, event, args = heapq.heappop(due)
            self._now = max(self._now, when)
            event(self._world, *args)
        # An event may itself have let time pass.
        self._now = max(self._now, end)

    def after(self, seconds: float, event: Event, *args: Any) -> None:
        """Have `event(world, *args)` happen that many seconds from now."""
        self._sequence += 1
        heapq.heappush(self._due, (self._now + seconds, self._sequence, event, args))

    def pending(self) -> int:
        """Count what is still due."""
        return len(self._due)

    def clone(self, world: World) -> Clock:
        """Give a copy that belongs to another world."""
        copy = Clock(world, self._now)
        copy._sequence = self._sequence
        copy._due = self._due.copy()
        return copy
