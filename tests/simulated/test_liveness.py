"""A converged world is read once and left alone (L4); a failure stops its own chain and nothing else (L3)."""

from __future__ import annotations

from collections import Counter
from threading import Event

import pytest

from rhl_helpers.transport.base import Answer
from seamless_reconcile.events import Ended
from seamless_reconcile.exits import Exit, of_apply
from seamless_reconcile.plan import Verdict
from simulated.bench import Bench, reasons, results, spec_of, state, verbs
from simulated.deployments import PLACED, frontend, jobserver, new_world, pair, running, trio
from world import DATABASE, HASHSERVER, Case, Fault, World, build, use
from world.cases import FRONTEND
from world.world import LOCAL


def helpers_called(world: World) -> Counter[str]:
    return Counter(step.argv[0] for step in world.trace if step.argv)


# --- L4 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cache", "calls"),
    [
        # One listing, and for each of the two caches one look.
        ("keep", {"rhl-ps": 1, "rhl-ps-persistent": 2}),
        # A clear would take along what lies below: a look for caches of the other kind, but where there is
        # nothing at all, as in the hashserver's.
        ("cold", {"rhl-ps": 1, "rhl-ps-persistent": 3}),
    ],
)
@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
def test_a_converged_world_is_read_once(host: str, cache: str, calls: dict[str, int]) -> None:
    bench = running(*trio(host, cache=cache))
    applied = bench.apply()
    assert applied.outcomes == ()
    assert applied.converged
    assert applied.record is None
    assert helpers_called(bench.world) == calls
    assert [step.effects for step in bench.world.trace if step.effects] == []


def test_what_is_down_as_it_should_be_is_read_once_too() -> None:
    bench = running(*trio(state="absent", jobs="absent"))
    assert bench.apply().outcomes == ()
    assert helpers_called(bench.world) == {"rhl-ps": 1, "rhl-ps-persistent": 2}


def test_each_host_is_read_once() -> None:
    specs = [spec_of(PLACED[name], host=host) for host, name in (("a", "hashserver"), ("b", "database"))]
    bench = running(*specs)
    bench.apply()
    assert Counter((step.host, step.argv[0]) for step in bench.world.trace) == {
        ("a", "rhl-ps"): 1, ("a", "rhl-ps-persistent"): 1, ("b", "rhl-ps"): 1, ("b", "rhl-ps-persistent"): 1,
    }  # fmt: skip


def test_a_service_that_is_starting_is_waited_for_and_not_touched() -> None:
    world = build(Case("starting", "ours", finishes=True, age=0.0))
    bench = Bench(world, spec_of(HASHSERVER))
    plan = bench.plan()
    assert state(plan, "service.hashserver") == "starting"
    assert plan.warnings[0].message == "it is starting; apply waits for it before it plans"
    applied = bench.converge()
    assert verbs(applied.plan) == ["open_tunnel tunnel.hashserver"]


@pytest.mark.parametrize("process", ["ours", "zombie", "reused", "other"])
def test_a_start_that_was_waited_for_in_vain_is_unhealthy(process: str) -> None:
    world = build(Case("starting", process, age=0.0))
    bench = Bench(world, spec_of(HASHSERVER, start_window=30.0))
    began = world.clock.now()
    applied = bench.apply()
    assert 30.0 < world.clock.now() - began < 40.0
    assert state(applied.plan, "service.hashserver") == "unhealthy"
    assert applied.outcomes == ()
    assert "nothing shows that process" in reasons(applied.plan)["service.hashserver"]
    assert of_apply(applied) is Exit.BLOCKED


@pytest.mark.parametrize("process", ["ours", "zombie"])
@pytest.mark.parametrize("desired", ["stopped", "absent"])
def test_a_start_that_is_not_wanted_is_ended_within_its_window(desired: str, process: str) -> None:
    world = build(Case("starting", process, age=0.0))
    Bench(world, spec_of(HASHSERVER, state=desired)).converge()
    assert frontend(world).of_key(HASHSERVER.key) == []


def test_a_start_that_hangs_on_this_machine_is_replaced() -> None:
    world = build(Case("starting", "ours", age=0.0), host=LOCAL)
    bench = Bench(world, spec_of(HASHSERVER, host=LOCAL, start_window=30.0))
    applied = bench.converge()
    assert "stop service.hashserver" in verbs(applied.plan)


def test_each_start_is_given_its_own_window() -> None:
    world = build(Case("starting", "ours", age=0.0), HASHSERVER)
    build(Case("starting", "ours", age=0.0), DATABASE, world=world)
    bench = Bench(world, spec_of(HASHSERVER, start_window=5.0), spec_of(DATABASE, start_window=20.0))
    began = world.clock.now()
    applied = bench.apply()
    assert 20.0 < world.clock.now() - began < 30.0
    assert set(reasons(applied.plan)) >= {"service.hashserver", "service.database"}


# --- L3 --------------------------------------------------------------------------------------


def test_a_host_that_is_down_stops_nothing_elsewhere() -> None:
    bench = Bench(new_world("a", "b"), spec_of(HASHSERVER, host="a"), spec_of(DATABASE, host="b"))
    bench.world.hosts["a"].up = False
    applied = bench.apply()
    assert results(applied) == {"launch service.database": "done", "open_tunnel tunnel.database": "done"}
    after = applied.after
    assert after is not None
    assert after.resource("service.hashserver").verdict is Verdict.UNKNOWN
    assert after.resource("tunnel.hashserver").verdict is Verdict.UNKNOWN
    assert of_apply(applied) is Exit.UNKNOWN
    bench.world.hosts["a"].up = True
    bench.converge()


def test_a_host_that_goes_down_meanwhile_fails_only_its_own_chain() -> None:
    bench = Bench(new_world("a", "b"), spec_of(HASHSERVER, host="a"), spec_of(DATABASE, host="b"))
    bench.world.faults.append(Fault("unreachable", "rhl-launch-service", host="a"))
    ended = results(bench.apply())
    assert ended["launch service.hashserver"] == "failed"
    assert ended["open_tunnel tunnel.hashserver"] == "skipped"
    assert ended["launch service.database"] == ended["open_tunnel tunnel.database"] == "done"
    bench.converge()


FATES = {
    "failed": "it reported that it failed; its log ends: RuntimeError: it would not start",
    "dies": "its process died while starting; its log ends: SystemExit: killed while starting",
    "hangs": "it did not answer within 60 s; its log is empty",
    "sick": "it did not answer within 60 s",
    "mute": "it did not answer within 60 s",
    "bind": "its process died while starting; its log ends: ERROR:    [Errno 98] address already in use",
}


@pytest.mark.parametrize("fate", FATES)
def test_a_launch_that_fails_says_why_and_stops_only_its_own_chain(fate: str) -> None:
    bench = Bench(new_world(), *trio())
    frontend(bench.world).fates[HASHSERVER.key] = (fate,)
    applied = bench.apply()
    failed = [outcome for outcome in applied.outcomes if outcome.result.value == "failed"]
    assert [outcome.action.resource for outcome in failed] == ["service.hashserver"]
    assert failed[0].detail.startswith(FATES[fate])
    ended = results(applied)
    assert ended["launch service.jobserver"] == "skipped"
    assert ended["open_tunnel tunnel.database"] == "done"
    assert of_apply(applied) is Exit.ERROR
    assert bench.world.violations == []


def test_a_launch_that_hangs_is_replaced_once_it_has_outlived_its_start() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    frontend(bench.world).fates[HASHSERVER.key] = ("hangs",)
    assert results(bench.apply())["launch service.hashserver"] == "failed"
    frontend(bench.world).fates.clear()
    # Somebody else's process may have that pid by now, as far as another client can tell.
    bench.world.clock.sleep(400)
    stranger = Bench(bench.world, spec_of(HASHSERVER))
    assert "nothing shows that process" in reasons(stranger.plan())["service.hashserver"]
    bench.converge()


@pytest.mark.parametrize("fate", [fate for fate in FATES if fate != "hangs"])
def test_after_a_failed_launch_the_next_apply_converges(fate: str) -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER), spec_of(DATABASE))
    frontend(bench.world).fates[HASHSERVER.key] = (fate,)
    bench.apply()
    bench.converge()


def test_no_forward_leaves_the_service_up_and_nothing_half_open() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    bench.world.client.refuses = "administratively prohibited: open failed"
    applied = bench.apply()
    (failed,) = [outcome for outcome in applied.outcomes if not outcome.ok]
    assert (failed.action.verb.value, failed.detail) == (
        "open_tunnel",
        "administratively prohibited: open failed",
    )
    assert (dict(bench.world.client.files()), bench.world.client.forwards()) == ({}, [])
    bench.world.client.refuses = None
    assert results(bench.converge()) == {"open_tunnel tunnel.hashserver": "done"}


def test_a_full_disk_here_leaves_no_forward_behind() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    bench.world.client.disk_full = True
    (failed,) = [outcome for outcome in bench.apply().outcomes if not outcome.ok]
    assert failed.detail == "on this machine: [Errno 28] No space left on device"
    assert bench.world.client.forwards() == []


def test_a_full_disk_there_leaves_no_orphan_when_apply_ends() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    frontend(bench.world).disk_full = True
    (failed, *_) = [outcome for outcome in bench.apply().outcomes if not outcome.ok]
    assert failed.detail.endswith("[Errno 28] No space left on device")
    assert frontend(bench.world).of_key(HASHSERVER.key) == []
    frontend(bench.world).disk_full = False
    bench.converge()


def test_a_memory_that_cannot_be_written_at_the_end_costs_a_receipt_only() -> None:
    bench = Bench(new_world(), spec_of(DATABASE, cache="cold"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    note, bench.memory.note_receipt = bench.memory.note_receipt, full  # type: ignore[method-assign]
    applied = bench.apply()
    assert all(outcome.ok for outcome in applied.outcomes)
    assert not applied.converged
    bench.memory.note_receipt = note  # type: ignore[method-assign]
    bench.converge()


def test_once_asked_to_stop_nothing_new_begins() -> None:
    stop = Event()

    class Impatient:
        def on_event(self, event: object) -> None:
            if isinstance(event, Ended):
                stop.set()

    bench = Bench(new_world(), *trio(), reporter=Impatient())
    applied = bench.apply(stop=stop)
    assert list(results(applied).values()) == ["done", *["not_started"] * 5]
    assert (applied.interrupted, applied.after, of_apply(applied)) == (True, None, Exit.INTERRUPTED)
    bench.with_specs(*trio()).converge()


def test_a_blocked_clear_blocks_the_launch_on_that_directory_and_nothing_else() -> None:
    world = build(Case(cache="foreign"), HASHSERVER)
    bench = Bench(world, *pair(cache="cold"))
    applied = bench.apply()
    assert results(applied) == {"launch service.database": "done", "open_tunnel tunnel.database": "done"}
    assert set(reasons(applied.plan)) == {"cache.hashserver", "service.hashserver", "tunnel.hashserver"}
    assert of_apply(applied) is Exit.BLOCKED
    assert world.monitor.notes == []


def test_what_answers_is_asked_through_the_tunnel_only_once() -> None:
    bench = running(*pair())
    asked: list[tuple[str, int]] = []
    probe = bench.world.client.probe

    def listening(host: str, port: int, path: str, *, timeout: float = 10.0) -> Answer:
        asked.append((host, port))
        return probe(host, port, path, timeout=timeout)

    bench.world.client.probe = listening  # type: ignore[method-assign]
    bench.apply()
    assert len(asked) == len(set(asked)) == 2


def test_an_idle_service_that_ended_by_itself_is_started_again() -> None:
    bench = running(*trio())
    bench.world.clock.sleep(3600)
    assert state(bench.plan(), "service.database") == "stale"
    bench.converge()


def test_an_idle_database_that_was_used_is_cold_again_after_one_apply() -> None:
    bench = running(*pair(cache="cold"))
    use(bench.world, FRONTEND, DATABASE.key)
    bench.world.clock.sleep(3600)
    assert state(bench.plan(), "cache.database") == "populated"
    bench.converge()


def test_a_dask_and_a_job_server_with_undeclared_services_share_one_read() -> None:
    bench = running(*pair(), jobserver())
    alone = bench.with_specs(jobserver(declared=False))
    bench.world.trace.clear()
    assert alone.apply().outcomes == ()
    assert helpers_called(bench.world) == {"rhl-ps": 1}
