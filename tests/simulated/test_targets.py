"""--target, --replace, --passive and plans that were made earlier."""

from __future__ import annotations

import pytest

from seamless_reconcile.agreement import StalePlan
from seamless_reconcile.exits import Exit, of_apply
from seamless_reconcile.plan import Plan, Verdict
from seamless_reconcile.saved import differences
from simulated.bench import Bench, reasons, results, spec_of, state, verbs
from simulated.deployments import PAIR, frontend, new_world, pair, running, trio
from world import DATABASE, HASHSERVER, Case, build, serving, use
from world.cases import FRONTEND


def test_a_target_brings_what_it_requires_and_nothing_else() -> None:
    bench = Bench(new_world(), *trio())
    applied = bench.apply(targets=("service.database",))
    assert verbs(applied.plan) == ["launch service.database", "open_tunnel tunnel.database"]
    assert applied.converged
    assert serving(bench.world, FRONTEND, HASHSERVER.key) == []
    applied = bench.apply(targets=("tunnel.jobserver",))
    assert set(verbs(applied.plan)) == {
        "launch service.hashserver", "open_tunnel tunnel.hashserver",
        "launch service.jobserver", "open_tunnel tunnel.jobserver",
    }  # fmt: skip
    assert applied.converged
    assert of_apply(applied) is Exit.OK


def test_a_target_takes_its_cache_along() -> None:
    bench = running(*trio())
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    cold = bench.with_specs(*trio(cache="cold"))
    applied = cold.apply(targets=("service.hashserver",))
    assert applied.converged
    assert "clear cache.hashserver" in verbs(applied.plan)
    assert "clear cache.database" not in verbs(applied.plan)
    # What follows from it is done in any case: the job server was wired to the old port.
    assert "launch service.jobserver" in verbs(applied.plan)
    assert cold.plan().resource("cache.database").verdict is Verdict.DRIFT


def test_a_cache_as_target_restarts_its_service() -> None:
    bench = running(*pair())
    assert use(bench.world, FRONTEND, DATABASE.key)
    cold = bench.with_specs(*pair(cache="cold"))
    applied = cold.apply(targets=("cache.database",))
    assert applied.converged
    assert {"stop service.database", "clear cache.database", "launch service.database"} <= set(
        verbs(applied.plan)
    )


def test_what_is_not_targeted_shows_as_drift_and_is_left() -> None:
    bench = Bench(new_world(), *pair())
    plan = bench.plan(targets=("service.database",))
    assert plan.resource("service.hashserver").verdict is Verdict.DRIFT
    assert plan.resource("tunnel.hashserver").verdict is Verdict.DRIFT


def test_a_target_whose_requirements_are_not_there_brings_them() -> None:
    bench = Bench(new_world(), *trio())
    applied = bench.apply(targets=("service.jobserver",))
    assert applied.converged
    assert all(serving(bench.world, FRONTEND, spec.key) for spec in bench.desired.services.values())


@pytest.mark.parametrize("option", ["targets", "replace"])
@pytest.mark.parametrize("address", ["service.nobody", "hashserver", "", "cache.nobody"])
def test_an_address_that_is_not_there_is_an_error(address: str, option: str) -> None:
    bench = Bench(new_world(), *trio())
    with pytest.raises(KeyError, match=address or "''"):
        bench.plan(**{option: (address,)})


def test_a_cache_cannot_be_replaced() -> None:
    bench = Bench(new_world(), *trio())
    with pytest.raises(KeyError, match=r"cache\.database"):
        bench.plan(replace=("cache.database",))


@pytest.mark.parametrize("address", ["tunnel.hashserver", "service.hashserver", "service.jobserver"])
def test_what_is_well_can_be_replaced(address: str) -> None:
    bench = running(*trio())
    pids = {name: serving(bench.world, FRONTEND, spec.key) for name, spec in bench.desired.services.items()}
    applied = bench.converge(replace=(address,))
    kind, name = address.split(".")
    after = {name: serving(bench.world, FRONTEND, spec.key) for name, spec in bench.desired.services.items()}
    moved = {one for one in pids if pids[one] != after[one]}
    if kind == "tunnel":
        assert moved == set()
        assert verbs(applied.plan) == [f"close_tunnel {address}", f"open_tunnel {address}"]
    else:
        assert moved == ({name, "jobserver"})
    assert bench.apply().outcomes == ()


def test_replace_of_what_is_down_starts_it() -> None:
    bench = Bench(new_world(), *pair())
    bench.converge(replace=("service.hashserver", "tunnel.database"))


@pytest.mark.parametrize("process", ["ours", "zombie"])
@pytest.mark.parametrize("state_", ["running", "failed", "stale"])
def test_replace_stops_what_nothing_vouches_for(state_: str, process: str) -> None:
    world = build(Case(state_, process))
    bench = Bench(world, spec_of(HASHSERVER))
    assert bench.apply().outcomes == ()
    bench.converge(replace=("service.hashserver",))


@pytest.mark.parametrize("desired", ["running", "absent"])
def test_replace_is_the_users_word_that_nothing_runs_behind_a_malformed_file(desired: str) -> None:
    world = build(Case("malformed"))
    bench = Bench(world, spec_of(HASHSERVER, state=desired))
    assert bench.apply().outcomes == ()
    assert "nothing tells which process it was of" in reasons(bench.plan())["service.hashserver"]
    bench.converge(replace=("service.hashserver",))


def test_replace_stops_nothing_behind_a_malformed_file() -> None:
    world = build(Case("malformed"))
    bench = Bench(world, spec_of(HASHSERVER, state="stopped"))
    plan = bench.plan(replace=("service.hashserver",))
    assert verbs(plan) == []
    assert "a malformed state file leads rhl-stop to no process" in reasons(plan)["service.hashserver"]


def test_replace_does_not_reach_a_hidden_process() -> None:
    world = build(Case("stale", "dead", "ours"))
    bench = Bench(world, spec_of(HASHSERVER))
    assert verbs(bench.plan(replace=("service.hashserver",))) == []


# --- passive ---------------------------------------------------------------------------------


def test_a_passive_plan_asks_no_port_and_says_so() -> None:
    bench = running(*trio())

    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("a port was asked")

    bench.world.client.probe = nobody  # type: ignore[assignment,method-assign]
    for machine in bench.world.hosts.values():
        for process in machine.processes.values():
            if process.service is not None:
                process.service.last_request = -1.0
    plan = bench.plan(passive=True)
    assert plan.in_sync
    assert plan.resource("service.hashserver").observed["verified"] is False
    assert plan.resource("tunnel.hashserver").observed["verified"] is False
    assert plan.warnings[-1].message.startswith("handshakes were left out (--passive)")
    asked = [p.service.last_request for p in frontend(bench.world).processes.values() if p.service]
    assert set(asked) == {-1.0}


def test_an_idle_service_dies_although_it_is_planned_passively_again_and_again() -> None:
    bench = running(spec_of(HASHSERVER))
    for _ in range(5):
        bench.world.clock.sleep(200)
        bench.plan(passive=True)
    assert serving(bench.world, FRONTEND, HASHSERVER.key) == []


# --- a plan that was shown -------------------------------------------------------------------


def test_a_plan_made_again_from_the_same_world_is_the_same() -> None:
    bench = running(*trio())
    assert use(bench.world, FRONTEND, DATABASE.key)
    cold = bench.with_specs(*trio(cache="cold"))
    first, second = cold.plan(), cold.plan()
    assert first == second
    assert differences(first, second) == []


CHANGES = {
    "another process": lambda b: b.converge(replace=("service.hashserver",)),
    "a write": lambda b: (b.world.clock.sleep(2), use(b.world, FRONTEND, DATABASE.key)),
    "gone": lambda b: b.with_specs(*trio(state="absent", jobs="absent")).converge(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_is_stale_once_its_grounds_have_changed(change: str) -> None:
    bench = running(*trio())
    assert use(bench.world, FRONTEND, DATABASE.key)
    cold = bench.with_specs(*trio(cache="cold"))
    planned = cold.plan()
    CHANGES[change](bench)
    found = differences(planned, cold.plan())
    assert found

    def agree(plan: Plan) -> None:
        raise StalePlan(differences(planned, plan))

    bench.world.trace.clear()
    with pytest.raises(StalePlan):
        cold.apply(agree=agree)
    assert [step.effects for step in bench.world.trace if step.effects] == []


def test_nothing_is_done_before_it_is_agreed_to() -> None:
    bench = Bench(new_world(), *trio())

    def refuse(plan: Plan) -> None:
        raise StalePlan(["not now"])

    with pytest.raises(StalePlan):
        bench.apply(agree=refuse)
    assert frontend(bench.world).processes == {}
    assert results(bench.apply())["launch service.hashserver"] == "done"
    assert {state(bench.plan(), f"service.{name}") for name in PAIR} == {"running"}


@pytest.mark.parametrize("state_", ["running", "failed", "malformed", "wrong-type"])
def test_replace_vouches_for_a_clear_too(state_: str) -> None:
    world = build(Case(state_, "zombie" if state_ in ("running", "failed") else "dead", cache="populated"))
    bench = Bench(world, spec_of(HASHSERVER, cache="cold"))
    assert bench.apply().outcomes == ()
    applied = bench.converge(replace=("service.hashserver",))
    assert "clear cache.hashserver" in verbs(applied.plan)
    assert bench.apply().outcomes == ()


def test_a_malformed_file_is_removed_before_anything_is_cleared() -> None:
    world = build(Case("wrong-type", cache="populated", log=False))
    bench = Bench(world, spec_of(HASHSERVER, cache="cold"))
    plan = bench.plan()
    removal = next(action for action in plan.actions if action.verb.value == "remove_state")
    clear = next(action for action in plan.actions if action.verb.value == "clear")
    assert removal.id in clear.requires
    bench.converge()
