"""A client that is killed at its n-th step into the world, as by `kill -9`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from simulated.bench import Bench, DictMemory
from world import Killed

T = TypeVar("T")

_CLIENT_STEPS = frozenset({"write_file", "remove_file", "open_forward", "end_forward"})
_MEMORY_STEPS = frozenset({"note_ended", "note_receipt", "note_cleared", "note_launched"})


@dataclass
class Death:
    """When a client dies: right before its `at`-th step; `at=0` lets it live and count.

    A step is a helper call, a change on this machine, or a change of the client's memory. To die right
    after a step is to die before the next one.
    """

    at: int = 0
    count: int = 0
    dead: bool = False

    def step(self, act: Callable[[], T]) -> T:
        """Take a step, or die. The dead take no steps: nothing they clean up on the way out is done."""
        if self.dead:
            raise Killed
        self.count += 1
        if self.count != self.at:
            return act()
        self.dead = True
        raise Killed


class _Mortal:
    """Passes everything on to what it stands for; some of it are steps."""

    def __init__(self, of: Any, death: Death, steps: frozenset[str]) -> None:
        self._of, self._death, self._steps = of, death, steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if name not in self._steps:
            return found
        return lambda *args, **named: self._death.step(lambda: found(*args, **named))


class MortalBench(Bench):
    """A bench whose client dies; what it remembers up to then stays."""

    def __init__(self, bench: Bench, death: Death) -> None:
        super().__init__(bench.world, *bench.desired.services.values(), memory=bench.memory)
        self.death = death
        self.client = _Mortal(self.world.client, death, _CLIENT_STEPS)
        self.memory = _Mortal(bench.memory, death, _MEMORY_STEPS)  # type: ignore[assignment]

    def transports(self) -> dict[str, Any]:
        return {name: _Mortal(t, self.death, frozenset({"run"})) for name, t in super().transports().items()}


def copied(bench: Bench) -> Bench:
    """Give the same client in a copy of its world."""
    return Bench(bench.world.clone(), *bench.desired.services.values(), memory=bench.memory.copy())


def steps_of(bench: Bench, **options: Any) -> int:
    """Count the steps of an apply that nobody disturbs."""
    mortal = MortalBench(copied(bench), Death())
    mortal.apply(**options)
    return mortal.death.count


def killed_at(bench: Bench, at: int, *, forgets: bool, **options: Any) -> Bench:
    """Kill an apply at a step; gives the client that comes after it."""
    victim = copied(bench)
    try:
        MortalBench(victim, Death(at)).apply(**options)
    except Killed:
        pass
    else:
        raise AssertionError(f"it survived step {at}")
    victim.world.new_run()
    victim.world.settle()
    specs = victim.desired.services.values()
    return Bench(victim.world, *specs, memory=DictMemory() if forgets else victim.memory)
