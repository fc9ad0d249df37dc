"""Proofs on the simulated world: whatever clocks, zones and other clients do, when in doubt not proven."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from seamless_reconcile.declared import CacheState
from seamless_reconcile.planner import Options
from seamless_reconcile.proof.judge import Finding, judge, judge_start
from simulated.bench import Bench, DictMemory, spec_of
from simulated.deployments import frontend, new_world, pair, stage, store
from world import DATABASE, HASHSERVER, World, use
from world.cases import FRONTEND
from world.world import LOCAL

HOUR = 3600
SKEWS = (-HOUR, 0.0, 0.95, HOUR)
ZONES = (-12 * HOUR, 0, 19_800, 14 * HOUR)
CLOCKS = pytest.mark.parametrize(
    ("skew", "zone"), list(itertools.product(SKEWS, ZONES)), ids=lambda seconds: f"{seconds / HOUR:+.3g}h"
)
BOTH = (HASHSERVER.key, DATABASE.key)


def look(bench: Bench):
    return bench.loop().plan(Options())[1]


def proof(bench: Bench, command, *, start: bool = True):
    """Prove a command on a world that is made so first; gives the finding."""
    bench.converge()
    before = look(bench)
    if start:
        assert judge_start(before, bench.desired) is None
    command(bench.world)
    return judge(before, look(bench), bench.desired)


def writes(*keys: str, host: str = FRONTEND):
    def command(world: World) -> None:
        for key in keys:
            assert use(world, host, key)

    return command


@CLOCKS
def test_a_run_is_judged_alike_by_every_clock(skew: float, zone: int) -> None:
    for keys, finding in (
        (BOTH, Finding.GENUINE),
        ((), Finding.UNTOUCHED),
        (BOTH[:1], Finding.UNTOUCHED),
        (BOTH[1:], Finding.UNTOUCHED),
    ):
        bench = Bench(new_world(skew=skew, zone=zone), *pair(cache="cold"))
        assert proof(bench, writes(*keys)).finding is finding, keys


@CLOCKS
@pytest.mark.parametrize("delay", [0.0, 0.5, 0.99])
def test_a_write_in_the_first_moment_counts(skew: float, zone: int, delay: float) -> None:
    world = new_world(skew=skew, zone=zone)
    world.clock.sleep(delay)
    assert proof(Bench(world, *pair(cache="cold")), writes(*BOTH)).holds


def test_a_write_on_this_machine_counts() -> None:
    bench = Bench(World(), *pair(LOCAL, cache="cold"))
    assert proof(bench, writes(*BOTH, host=LOCAL)).holds


@pytest.mark.parametrize("step", [-HOUR, -1, 1, HOUR], ids="{:+d}s".format)
def test_a_clock_that_is_set_while_the_command_runs_hides_no_write(step: int) -> None:
    bench = Bench(new_world(), *pair(cache="cold"))

    def command(world: World) -> None:
        frontend(world).skew += step
        writes(*BOTH)(world)

    assert proof(bench, command).holds


@pytest.mark.parametrize("step", [-HOUR, HOUR], ids="{:+d}s".format)
def test_a_zone_that_changes_is_no_write(step: int) -> None:
    """The night in which clocks are put back: a time that reads otherwise proves nothing cold, and no run."""
    bench = Bench(new_world(), *pair(cache="cold"))

    def command(world: World) -> None:
        frontend(world).zone += step

    assert not proof(bench, command).holds
    assert CacheState.COLD in {node.state for node in look(bench).nodes}
    # In doubt it is cleared once more.
    assert any(action.resource == "cache.database" for action in bench.plan().actions)


def test_a_service_that_idles_out_has_changed() -> None:
    bench = Bench(new_world(), *pair(cache="cold"))

    def command(world: World) -> None:
        writes(*BOTH)(world)
        world.clock.sleep(601)

    found = proof(bench, command)
    assert found.finding is Finding.CHANGED
    assert [s.lived for s in found.services] == [False, False]


def test_a_service_that_is_launched_anew_has_changed() -> None:
    """As a Seamless client does that finds its service gone."""
    bench = Bench(new_world(), *pair(cache="cold"))

    def command(world: World) -> None:
        world.clock.sleep(601)
        bench.with_specs(*pair(cache="keep")).converge()
        writes(*BOTH)(world)

    assert proof(bench, command).finding is Finding.CHANGED


@CLOCKS
def test_another_client_agrees_on_an_epoch_but_finds_it_no_proof(skew: float, zone: int) -> None:
    world = new_world(skew=skew, zone=zone)
    first = Bench(world, *pair(cache="cold", epoch="17"))
    assert proof(first, writes(*BOTH)).holds
    stranger = Bench(world, *pair(cache="cold", epoch="17"), memory=DictMemory())
    assert stranger.plan().in_sync
    found = proof(stranger, writes(*BOTH), start=False)
    assert found.finding is Finding.WARM
    assert "it was made cold for epoch 17, and used since" in found.reasons[0]
    # For the next run everybody clears, and only once.
    later = Bench(world, *pair(cache="cold", epoch="18"), memory=DictMemory())
    assert proof(later, writes(*BOTH)).holds
    assert Bench(world, *pair(cache="cold", epoch="18"), memory=DictMemory()).plan().in_sync


def test_a_client_without_any_memory_cannot_call_a_used_epoch_cold() -> None:
    world = new_world()
    Bench(world, *pair(cache="cold", epoch="17")).converge()
    # Cold, and nobody has written; but this client has no receipt.
    stranger = Bench(world, *pair(cache="cold", epoch="17"), memory=DictMemory())
    assert stranger.plan().in_sync
    assert proof(stranger, writes(*BOTH), start=False).finding is Finding.WARM


# --- nested --------------------------------------------------------------------------------


def test_a_stage_proves_nothing_of_its_project_and_the_other_way_round() -> None:
    inner = stage(HASHSERVER, "STAGE-a")
    for written, finding in ((HASHSERVER.key, Finding.UNTOUCHED), (inner.key, Finding.UNTOUCHED)):
        bench = Bench(new_world(), store(), store("STAGE-a"))
        found = proof(bench, writes(written))
        assert found.finding is finding
        assert [c.written for c in found.caches] == [written == HASHSERVER.key, written == inner.key]
    bench = Bench(new_world(), store(), store("STAGE-a"))
    assert proof(bench, writes(HASHSERVER.key, inner.key)).holds


def test_a_warm_project_above_a_cold_stage_is_not_covered() -> None:
    bench = Bench(new_world(), store(cache="keep"), store("STAGE-a"))
    bench.converge()
    writes(HASHSERVER.key)(bench.world)
    told = [(w.resource, w.message) for w in bench.plan().warnings]
    why = "a run that reads it too can still get cached results"
    assert told == [
        ("cache.hashserver-STAGE-a", f"cold, but cache.hashserver above it is populated: {why}"),
    ]
    alone = bench.with_specs(store("STAGE-a"))
    assert [w.message for w in alone.plan().warnings] == [
        f"cold, but {HASHSERVER.key} serves ~/buffers/p above it: {why}"
    ]
    found = proof(alone, writes(stage(HASHSERVER, "STAGE-a").key))
    assert found.holds
    assert f"{HASHSERVER.key} serves ~/buffers/p above it (above cache.hashserver-STAGE-a)" in (
        found.uncovered
    )


def test_an_undeclared_service_on_the_same_directory_leaves_it_in_doubt() -> None:
    bench = Bench(new_world(), *pair(cache="keep"))
    bench.converge()
    argv = tuple(word.replace(HASHSERVER.key, "mine") for word in HASHSERVER.argv)
    other = spec_of(replace(HASHSERVER, key="mine", argv=argv), cache="cold")
    found = proof(Bench(bench.world, other, memory=bench.memory), lambda world: None, start=False)
    assert found.finding is Finding.UNKNOWN
    assert f"{HASHSERVER.key} (process " in found.reasons[0]


def test_what_a_clear_took_is_in_the_record() -> None:
    bench = Bench(new_world(), store(), store("STAGE-a"))
    bench.converge()
    for key in (HASHSERVER.key, stage(HASHSERVER, "STAGE-a").key):
        assert use(bench.world, FRONTEND, key)
    plan = bench.plan()
    shown = plan.resource("cache.hashserver").observed
    assert (shown["state"], shown["nested"]) == ("populated", ["/home/svc/buffers/p/STAGE-a"])
    assert shown["modified"]
    taken = {o.action.resource: o.facts for o in bench.converge().outcomes if o.action.verb.value == "clear"}
    assert taken["cache.hashserver"]["before"]["path"] == "/home/svc/buffers/p"
    assert taken["cache.hashserver-STAGE-a"]["before"]["state"] == "populated"
    assert {facts["after"]["state"] for facts in taken.values()} == {"empty"}
