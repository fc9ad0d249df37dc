"""Several clients of one world, one of them running at a time: who goes on is decided between two calls."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from rhl_helpers.calls import MUTATING
from seamless_reconcile.outcomes import Applied
from seamless_reconcile.plan import Verb
from simulated.bench import Bench
from world import World

# What may be broken where a client is held up between its last look and its act: see docs/safety.md.
WINDOWS: dict[str, frozenset[str]] = {
    "rhl-stop": frozenset(),
    # The state file of a successor goes: it is then invisible to the clear and the launch that follow.
    "rhl-rm": frozenset({"S1", "S4", "S5"}),
    "rhl-clear": frozenset({"S1"}),
    "rhl-launch-service": frozenset({"S4", "S5"}),
}


@dataclass
class Ensemble:
    """Clients that apply at once.

    Attributes:
        benches: one for each client, all on one world.
        turns: how many calls each may make before the next has its turn, in order, round and round; once
            they are used up, each runs to its end.
        held: the call before which a client was held up, each time.
    """

    benches: Sequence[Bench]
    turns: Sequence[int]
    held: list[tuple[str, ...]] = field(default_factory=list)
    applied: dict[int, Applied] = field(default_factory=dict)
    problems: list[BaseException] = field(default_factory=list)

    def play(self) -> Ensemble:
        """Run all clients to their ends."""
        world = self.benches[0].world
        self._gates = [threading.Semaphore(0) for _ in self.benches]
        self._over = threading.Semaphore(0)
        self._done: set[int] = set()
        self._turns = list(self.turns)
        self._now, self._left = 0, self._take()
        world.interpose = self._called
        threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(len(self.benches))
        ]
        for thread in threads:
            thread.start()
        self._gates[0].release()
        for _ in threads:
            self._over.acquire()
        for thread in threads:
            thread.join()
        world.interpose = None
        if self.problems:
            raise self.problems[0]
        return self

    def _take(self) -> int | None:
        return self._turns.pop(0) if self._turns else None

    def _run(self, number: int) -> None:
        self._gates[number].acquire()
        try:
            self.applied[number] = self.benches[number].apply()
        except BaseException as exc:  # noqa: BLE001 - told by `play`, in the test's own thread
            self.problems.append(exc)
        self._done.add(number)
        self._next(number)
        self._over.release()

    def _called(self, world: World, host: str, argv: tuple[str, ...]) -> None:
        """Hold the client that is about to call, if its turn is over."""
        if self._left is None:
            return
        self._left -= 1
        if self._left >= 0:
            return
        number = self._now
        if len(self._done) + 1 == len(self.benches):
            # Nobody else is left to run.
            self._left = None
            return
        self.held.append(argv)
        self._next(number)
        self._gates[number].acquire()
        # The call it was held before is the first of its turn.
        if self._left is not None:
            self._left -= 1

    def _next(self, number: int) -> None:
        others = [(number + step) % len(self.benches) for step in range(1, len(self.benches) + 1)]
        following = next((other for other in others if other not in self._done), None)
        self._left = self._take()
        if following is not None:
            self._now = following
            self._gates[following].release()

    @property
    def windows(self) -> list[str]:
        """The acts before which a client was held up: between its last look and that act."""
        return [argv[0] for argv in self.held if argv[0] in MUTATING]

    @property
    def excused(self) -> frozenset[str]:
        """The rules that may be broken, given where clients were held up."""
        return frozenset[str]().union(*(WINDOWS[name] for name in self.windows))

    def said(self) -> list[str]:
        """Give what the clients tell of the actions that did not succeed."""
        return [o.detail for applied in self.applied.values() for o in applied.outcomes if not o.ok]

    def launched(self) -> list[str]:
        """Give the launches that succeeded, as far as their clients could see."""
        outcomes = (outcome for applied in self.applied.values() for outcome in applied.outcomes)
        return [o.action.resource for o in outcomes if o.action.verb is Verb.LAUNCH and o.ok]
