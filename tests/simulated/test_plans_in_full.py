"""What a plan requires and says, in full: also where a run mostly comes out right without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamless_reconcile.plan import Action, Plan, Verb
from simulated.bench import Bench, reasons, spec_of
from simulated.deployments import PLACED, frontend, new_world, pair, running, store, trio
from world import DATABASE, HASHSERVER, Case, World, build, use
from world.cases import FRONTEND


def planned(plan: Plan, verb: Verb, name: str = "hashserver") -> Action:
    return next(action for action in plan.actions if (action.verb, action.name) == (verb, name))


def required(plan: Plan, action: Action) -> set[tuple[Verb, str]]:
    """Give all that must have succeeded before an action, directly or not."""
    by_id = {one.id: one for one in plan.actions}
    todo, found = [*action.requires], set()
    while todo:
        one = by_id[todo.pop()]
        found.add((one.verb, one.name))
        todo += one.requires
    return found


def cold_again(**more: object) -> Plan:
    bench = running(*trio(cache="cold"))
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    bench.world.clock.sleep(5)
    return bench.plan(**more)


# --- what requires what: a failure must stop all that builds on it (L3) ---------------------


def test_nothing_is_cleared_before_everybody_who_works_there_is_down() -> None:
    plan = cold_again()
    for name in ("hashserver", "database"):
        clear = required(plan, planned(plan, Verb.CLEAR, name))
        assert (Verb.STOP, name) in clear
        assert (Verb.STOP, "jobserver") in clear


def test_nothing_is_launched_before_all_below_it_is_as_it_should_be() -> None:
    plan = cold_again()
    for name in ("hashserver", "database"):
        before = required(plan, planned(plan, Verb.LAUNCH, name))
        wanted = {Verb.STOP, Verb.SAVE_LOG, Verb.REMOVE_STATE, Verb.CLEAR, Verb.CLOSE_TUNNEL}
        assert wanted <= {verb for verb, of in before if of == name}
    jobs = required(plan, planned(plan, Verb.LAUNCH, "jobserver"))
    assert {(Verb.LAUNCH, "hashserver"), (Verb.LAUNCH, "database")} <= jobs


def test_a_tunnel_is_opened_after_its_service_came_up_and_the_old_one_went() -> None:
    plan = cold_again()
    for name in PLACED.keys() & {"hashserver", "database", "jobserver"}:
        before = required(plan, planned(plan, Verb.OPEN_TUNNEL, name))
        assert {(Verb.LAUNCH, name), (Verb.CLOSE_TUNNEL, name)} <= before


def test_a_tunnel_that_is_replaced_alone_is_closed_first() -> None:
    plan = running(*trio()).plan(replace=("tunnel.hashserver",))
    assert required(plan, planned(plan, Verb.OPEN_TUNNEL)) == {(Verb.CLOSE_TUNNEL, "hashserver")}


def test_no_state_is_removed_before_the_log_is_saved_and_the_process_gone() -> None:
    plan = running(*trio()).with_specs(*trio(state="absent", jobs="absent")).plan()
    for name in ("hashserver", "database", "jobserver"):
        before = required(plan, planned(plan, Verb.REMOVE_STATE, name))
        assert {(Verb.STOP, name), (Verb.SAVE_LOG, name), (Verb.CLOSE_TUNNEL, name)} <= before


def test_where_actions_run() -> None:
    plan = cold_again()
    for action in plan.actions:
        tunnel = action.verb in (Verb.CLOSE_TUNNEL, Verb.OPEN_TUNNEL)
        assert action.host == ("local" if tunnel else FRONTEND)
        assert action.destructive is (action.verb is Verb.CLEAR)
        assert action.promises
        assert action.cause


# --- what is told of a resource --------------------------------------------------------------


def test_what_resources_require_and_what_they_should_be() -> None:
    plan = Bench(new_world(), *trio(cache="cold", epoch="e")).plan()
    assert plan.resource("tunnel.hashserver").requires == ("service.hashserver",)
    assert plan.resource("service.hashserver").requires == ("cache.hashserver",)
    assert plan.resource("service.jobserver").requires == ("service.hashserver", "service.database")
    assert plan.resource("tunnel.hashserver").desired == {"state": "open"}
    assert plan.resource("service.hashserver").desired == {"state": "running"}
    assert plan.resource("cache.hashserver").desired == {"state": "cold", "epoch": "e"}
    assert {r.names for r in plan.resources} == {("hashserver",), ("database",), ("jobserver",)}
    assert {r.key for r in plan.resources} == {HASHSERVER.key, DATABASE.key, PLACED["jobserver"].key}


def test_what_is_in_sync_shows_no_changes() -> None:
    plan = running(*trio(cache="cold")).plan()
    assert {r.changes for r in plan.resources} == {()}


def test_a_tunnel_to_nowhere_says_why_it_is_replaced() -> None:
    bench = running(spec_of(HASHSERVER))
    bench.world.client.drop(bench.world.client.opened[0].ssh)
    close = planned(bench.plan(), Verb.CLOSE_TUNNEL)
    assert close.cause.startswith("is broken: local port ")


@pytest.mark.parametrize("state", ["absent", "stale", "malformed"])
def test_of_a_ghost_is_told_where_it_is_and_how_to_end_it(state: str) -> None:
    world = build(Case(state, "ours" if state != "stale" else "dead", "ours", client="good"))
    plan = Bench(world, spec_of(HASHSERVER)).plan()
    seen = plan.resource("service.hashserver").observed
    blocked = next(one for one in plan.blocked if one.resource == "service.hashserver")
    assert seen["state"] == state
    assert isinstance(seen["port"], int)
    assert f"port {seen['port']}" in blocked.reason
    assert blocked.hint.startswith("stop it by hand on that host")


def test_a_service_that_answers_with_an_error_says_so_in_its_cause() -> None:
    world = new_world()
    world.hosts[FRONTEND].fates[HASHSERVER.key] = ("sick",)
    bench = Bench(world, spec_of(HASHSERVER, start_window=3.0))
    bench.apply()
    stop = planned(bench.plan(), Verb.STOP)
    assert "is open but answers with an error" in stop.cause


def test_whose_process_nobody_knows_is_told_with_its_pid_and_what_to_do() -> None:
    world = build(Case("failed", "ours"))
    plan = Bench(world, spec_of(HASHSERVER)).plan()
    pid = plan.resource("service.hashserver").observed["pid"]
    blocked = plan.blocked[0]
    assert f"process {pid} is alive" in blocked.reason
    assert f"look at process {pid} on that host" in blocked.hint
    assert "--replace" in blocked.hint


# --- caches ----------------------------------------------------------------------------------


def write(world: World, *paths: str) -> None:
    for path in paths:
        frontend(world).tree.write(path, 100, world.clock.now() - 9_999)


def test_an_unmarked_parent_still_tells_what_lies_in_it_and_since_when_it_is_cold() -> None:
    world = new_world()
    write(world, "/home/svc/buffers/p/STAGE-x/.HASHSERVER_PREFIX", "/home/svc/buffers/p/STAGE-x/ab/abcd")
    bench = Bench(world, spec_of(HASHSERVER, cache="cold", epoch="e"))
    bench.memory.note_cleared(FRONTEND, HASHSERVER.workdir, "e")
    seen = bench.plan().resource("cache.hashserver").observed
    assert seen["reason"] == "it only holds other caches"
    assert seen["nested"] == ["/home/svc/buffers/p/STAGE-x"]
    assert seen["epoch"] == "e"


def test_a_foreign_directory_is_blocked_with_what_to_do() -> None:
    world = build(Case(cache="foreign"))
    plan = Bench(world, spec_of(HASHSERVER, cache="cold")).plan()
    blocked = next(one for one in plan.blocked if one.resource == "cache.hashserver")
    assert "put a .HASHSERVER_PREFIX there" in blocked.hint


def test_a_warm_project_above_a_cold_stage_is_told() -> None:
    bench = running(store(cache="keep"), store("STAGE-a", cache="keep"))
    for spec in bench.desired.services.values():
        assert use(bench.world, FRONTEND, spec.key)
    one, other = store(cache="keep"), store("STAGE-a", cache="cold")
    declared = bench.with_specs(one, other).plan()
    warned = {w.resource: w.message for w in declared.warnings}
    assert "cold, but cache.hashserver above it is populated" in warned["cache.hashserver-STAGE-a"]
    # Left out of the manifest, it is found all the same, as it serves.
    alone = bench.with_specs(other).plan()
    warned = {w.resource: w.message for w in alone.warnings}
    assert f"cold, but {HASHSERVER.key} serves ~/buffers/p above it" in warned["cache.hashserver-STAGE-a"]


def test_what_is_on_another_host_or_cold_too_is_not_above() -> None:
    world = new_world("one", "other")
    bench = running(store(host="one"), store("STAGE-a", host="other"), world=world)
    assert use(world, "one", HASHSERVER.key)
    elsewhere = replace(store(cache="keep", host="one"), host="one")
    assert bench.with_specs(elsewhere, store("STAGE-a", host="other")).plan().warnings == ()
    both = running(store(), store("STAGE-a"))
    assert both.plan().warnings == ()


def test_two_rows_alone_do_not_make_a_plan_blocked() -> None:
    assert reasons(running(*pair()).plan()) == {}
