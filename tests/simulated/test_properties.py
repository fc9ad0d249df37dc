"""What the field asks of reconcilers, each as a test of its own.

Sieve (OSDI'22): restarted mid-way, a stale view, a missed view. Acto (SOSP'23): always reach, always recover,
always resist. Anvil (OSDI'24): eventually stable reconciliation.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from rhl_helpers.calls import MUTATING
from seamless_reconcile.plan import Verdict
from simulated.bench import Bench, DictMemory, reasons, results, spec_of
from simulated.deployments import jobserver, new_world, pair, running, trio
from simulated.mortality import Death, MortalBench, copied, killed_at, steps_of
from world import DATABASE, HASHSERVER, Fault, Killed, World, cold, serving, use
from world.cases import FRONTEND
from world.ending import gone

FAULTS = ("unreachable", "timeout", "lost", "late", "cut", "clipped", "auth")


def _used() -> Bench:
    bench = running(*trio(cache="cold"))
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    bench.world.clock.sleep(5)
    return bench


# --- Sieve: restarted mid-way ----------------------------------------------------------------


@pytest.mark.parametrize("forgets", [False, True], ids=["remembers", "forgets"])
def test_restarted_mid_way_and_once_more_while_it_recovers(forgets: bool) -> None:
    bench = _used()
    for at in range(1, steps_of(bench) + 1, 5):
        after = killed_at(bench, at, forgets=forgets)
        left = steps_of(after)
        for again in range(1, left + 1, 9):
            killed_at(after, again, forgets=forgets).converge()


def test_killed_at_the_same_step_again_and_again_it_still_gets_on() -> None:
    """No step is one at which every attempt starts from nothing: progress is kept."""
    bench = _used()
    for _ in range(steps_of(bench)):
        try:
            MortalBench(bench, Death(25)).apply()
        except Killed:
            bench.world.new_run()
            bench.world.settle()
        else:
            break
    bench.converge()
    assert bench.apply().outcomes == ()


# --- Sieve: stale and missed views -----------------------------------------------------------


class _Past:
    """A transport that answers one read out of an earlier world; a log is a record, not a view of state."""

    def __init__(self, now: Any, then: Any, counter: Iterator[int], nth: int) -> None:
        self._now, self._then, self._counter, self._nth = now, then, counter, nth

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now, name)

    def run(self, argv: tuple[str, ...], **more: Any) -> Any:
        if argv[0] in (*MUTATING, "rhl-logs") or next(self._counter) != self._nth:
            return self._now.run(argv, **more)
        return self._then.run(argv, **more)


class _Backward(Bench):
    """A client whose n-th read shows how it once was."""

    def __init__(self, bench: Bench, then: World, nth: int) -> None:
        super().__init__(bench.world, *bench.desired.services.values(), memory=bench.memory)
        self._then, self._nth, self.counter = then.clone(), nth, itertools.count(1)

    def transports(self) -> dict[str, Any]:
        return {
            name: _Past(t, self._then.transport(name), self.counter, self._nth)
            for name, t in super().transports().items()
        }


def _nothing_then() -> tuple[World, Bench]:
    """It showed nothing; by now all runs."""
    then = new_world()
    return then, running(*trio())


def _nothing_then_and_to_be_cold() -> tuple[World, Bench]:
    return new_world(), _used()


def _running_then_dead_now() -> tuple[World, Bench]:
    bench = _used()
    then = bench.world.clone()
    for process in list(bench.world.hosts[FRONTEND].working()):
        gone(bench.world, FRONTEND, process.pid)
    return then, bench


def _other_processes_then() -> tuple[World, Bench]:
    """Another client has replaced all services since."""
    bench = _used()
    then = bench.world.clone()
    Bench(bench.world, *bench.desired.services.values(), memory=DictMemory()).converge(
        replace=("service.hashserver", "service.database")
    )
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    bench.world.clock.sleep(5)
    return then, bench


def _cold_then_used_now() -> tuple[World, Bench]:
    """What the stale view shows as empty holds data that is to be kept."""
    bench = running(*pair(cache="cold"))
    then = bench.world.clone()
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    bench.world.clock.sleep(5)
    return then, bench.with_specs(*pair(cache="keep"))


def _to_be_removed_but_anew_now() -> tuple[World, Bench]:
    then, bench = _other_processes_then()
    return then, bench.with_specs(*trio(state="absent", jobs="absent"))


VIEWS = [
    _nothing_then, _nothing_then_and_to_be_cold, _running_then_dead_now, _other_processes_then,
    _cold_then_used_now, _to_be_removed_but_anew_now,
]  # fmt: skip


@pytest.mark.parametrize("make", VIEWS, ids=lambda make: make.__name__.strip("_"))
def test_a_read_that_shows_how_it_once_was_does_no_harm(make: Callable[[], tuple[World, Bench]]) -> None:
    """One stale read, or one that misses what is there, wherever in an apply: safe, and then recovered."""
    then, bench = make()
    nth = 0
    while True:
        nth += 1
        victim = _Backward(copied(bench), then, nth)
        victim.apply()
        if next(victim.counter) <= nth:
            break
        assert victim.world.violations == [], (nth, victim.world.violations[0])
        after = Bench(victim.world, *bench.desired.services.values(), memory=victim.memory)
        after.world.new_run()
        after.converge()
    assert nth > 3


# --- Acto: always reach, recover, resist -----------------------------------------------------

WISHES = [
    dict(zip(("state", "cache"), wish, strict=True))
    for wish in itertools.product(("running", "stopped", "absent"), ("keep", "cold"))
]


def test_always_reach_from_every_wish_to_every_other() -> None:
    """Every transition between two manifests, one after the other in one world."""
    world = new_world()
    memory = DictMemory()
    for one, other in itertools.permutations(WISHES, 2):
        for wish in (one, other):
            jobs = wish["state"]
            Bench(world, *trio(**wish, jobs=jobs), memory=memory).converge()
            use(world, FRONTEND, HASHSERVER.key)
            world.clock.sleep(2)


@pytest.mark.parametrize("fate", ["failed", "dies", "hangs", "mute", "sick", "bind"])
def test_always_recover_once_a_bad_change_is_taken_back(fate: str) -> None:
    bench = running(*trio())
    changed = [replace(spec, argv=(*spec.argv, "--more"), start_window=5.0) for spec in trio()]
    bench.world.hosts[FRONTEND].fates[HASHSERVER.key] = (fate,) * 3
    applied = bench.with_specs(*changed).apply()
    assert not applied.converged
    assert bench.world.violations == []
    bench.world.hosts[FRONTEND].fates.clear()
    back = bench.with_specs(*trio())
    # One that hangs while it starts has never answered: the user's word is needed to end it.
    back.converge(**({"replace": ("service.hashserver",)} if fate == "hangs" else {}))
    assert len(serving(bench.world, FRONTEND, HASHSERVER.key)) == 1


def test_always_resist_a_change_that_cannot_work() -> None:
    """What cannot be done is refused where it is, and what is well stays as it is."""
    bench = running(*pair("storage"), jobserver("compute", store="storage"))
    before = serving(bench.world, "storage", DATABASE.key)
    bad = [
        replace(spec, argv=("no-such-tool", *spec.argv[1:])) if spec.name == "hashserver" else spec
        for spec in bench.desired.services.values()
    ]
    applied = bench.with_specs(*bad).apply()
    assert not applied.converged
    assert results(applied)["launch service.hashserver"] == "failed"
    assert results(applied)["launch service.jobserver"] == "skipped"
    assert serving(bench.world, "storage", DATABASE.key) == before
    assert bench.world.violations == []


@pytest.mark.parametrize(
    "bad",
    [{"protect": True, "cache": "cold"}, {"cache": "warm"}],
    ids=["a protected service to be cleared", "an assertion that does not hold"],
)
def test_always_resist_a_contradiction(bad: dict[str, Any]) -> None:
    bench = running(spec_of(HASHSERVER))
    if bad.get("protect"):
        assert use(bench.world, FRONTEND, HASHSERVER.key)
    before = serving(bench.world, FRONTEND, HASHSERVER.key)
    applied = bench.with_specs(spec_of(HASHSERVER, **bad)).apply()
    assert applied.outcomes == ()
    assert reasons(applied.plan)["cache.hashserver"]
    assert serving(bench.world, FRONTEND, HASHSERVER.key) == before


# --- Anvil: eventually stable ----------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_once_all_faults_are_over_it_gets_there_and_stays_there(seed: int) -> None:
    """However many faults there were: finitely many applies later all is as declared, and remains so."""
    chance = random.Random(seed)  # noqa: S311 - reproducible
    world = new_world("storage", "compute")
    memory = DictMemory()
    specs = [*pair("storage", cache="cold"), jobserver("compute", store="storage")]
    for _ in range(6):
        world.faults = [
            Fault(chance.choice(FAULTS), nth=chance.randint(1, 40), times=chance.choice([1, 3]))
            for _ in range(chance.randint(1, 4))
        ]
        try:
            MortalBench(Bench(world, *specs, memory=memory), Death(chance.choice([0, 9, 30, 60]))).apply()
        except Killed:
            world.new_run()
            world.settle()
        if chance.random() < 0.5:
            use(world, "storage", HASHSERVER.key)
        if chance.random() < 0.3:
            for process in list(world.hosts["storage"].working())[:1]:
                gone(world, "storage", process.pid)
        assert world.violations == []
    world.faults = []
    bench = Bench(world, *specs, memory=memory)
    bench.converge()
    assert cold(world, "storage", HASHSERVER.workdir)
    before = [serving(world, spec.host, spec.key) for spec in specs]
    for _ in range(5):
        world.clock.sleep(60)
        applied = bench.apply()
        assert applied.outcomes == ()
        assert applied.plan.in_sync
        assert {resource.verdict for resource in applied.plan.resources} == {Verdict.IN_SYNC}
    assert [serving(world, spec.host, spec.key) for spec in specs] == before
