"""Two clients at once: whatever one does between two calls of the other, S1 to S4 hold (L5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rhl_helpers.calls import MUTATING
from simulated.bench import Bench, DictMemory
from simulated.deployments import new_world, pair, running, trio
from simulated.mortality import copied
from world import DATABASE, HASHSERVER, World, use
from world.cases import FRONTEND


def _from_nothing() -> tuple[Bench, Bench]:
    bench = Bench(new_world(), *pair(cache="cold"))
    return bench, bench


def _cold_again() -> tuple[Bench, Bench]:
    bench = running(*pair(cache="cold"))
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    bench.world.clock.sleep(5)
    return bench, bench


def _down_and_up() -> tuple[Bench, Bench]:
    bench = running(*trio())
    return bench.with_specs(*trio(state="absent", jobs="absent")), bench


def _cold_and_kept() -> tuple[Bench, Bench]:
    one, _ = _cold_again()
    return one, one.with_specs(*pair(cache="keep"))


SCENARIOS = [_from_nothing, _cold_again, _down_and_up, _cold_and_kept]


class Interloper:
    """Another client whose whole apply happens right before the n-th call of the first."""

    def __init__(self, other: Bench, nth: int) -> None:
        self.other, self.nth, self.count = other, nth, 0
        self.before: tuple[str, ...] = ()

    def __call__(self, world: World, host: str, argv: tuple[str, ...]) -> None:
        self.count += 1
        if self.count != self.nth:
            return
        self.before = argv
        world.interpose = None
        Bench(world, *self.other.desired.services.values(), memory=DictMemory()).apply()


def meet(one: Bench, other: Bench, nth: int) -> tuple[Bench, Interloper]:
    """Let the two meet at the n-th call; gives the first client as it is afterwards."""
    bench = copied(one)
    interloper = Interloper(other, nth)
    bench.world.interpose = interloper
    bench.apply()
    bench.world.interpose = None
    return bench, interloper


@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make.__name__.strip("_"))
def test_whoever_comes_between_two_calls_nothing_bad_happens(
    make: Callable[[], tuple[Bench, Bench]],
) -> None:
    one, other = make()
    nth, acts = 0, 0
    while True:
        nth += 1
        bench, interloper = meet(one, other, nth)
        if not interloper.before:
            break
        if interloper.before[0] in MUTATING:
            # Between the last look and the act there is no lock: see the next test.
            acts += 1
            continue
        assert bench.world.violations == [], (nth, interloper.before, bench.world.violations[0])
        bench.world.new_run()
        bench.converge()
    assert nth > 20
    assert acts > 1


@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make.__name__.strip("_"))
def test_the_moment_between_the_last_look_and_the_act_is_one_call_wide(
    make: Callable[[], tuple[Bench, Bench]],
) -> None:
    """What can still collide there is what was about to be done, to what, and what follows from it."""
    one, other = make()
    nth = 0
    while True:
        nth += 1
        bench, interloper = meet(one, other, nth)
        if not interloper.before:
            break
        if interloper.before[0] not in MUTATING:
            continue
        rules = {violation.rule for violation in bench.world.violations}
        assert (
            rules
            <= {
                "rhl-stop": set(),
                # The state file of a successor goes: it is then invisible to the clear that follows.
                "rhl-rm": {"S1", "S4", "S5"},
                "rhl-clear": {"S1"},
                "rhl-launch-service": {"S4", "S5"},
            }[interloper.before[0]]
        ), (nth, interloper.before, bench.world.violations)
