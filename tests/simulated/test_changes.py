"""What changes between the plan and the act is refused and said (S7); answers that get lost are made good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from seamless_reconcile.exits import Exit, of_apply
from seamless_reconcile.plan import Plan
from simulated.bench import Bench, DictMemory, results, spec_of
from simulated.deployments import frontend, new_world, running, trio
from simulated.mortality import copied
from world import DATABASE, HASHSERVER, Case, Fault, World, build, use
from world.cases import FRONTEND
from world.state import StateFile

KEY = HASHSERVER.key
FOLDER = "/home/svc/buffers/p"


def other_client(world: World, **more: object) -> Bench:
    """Give somebody else, who knows nothing of us, with the hashserver in their manifest."""
    return Bench(world, spec_of(HASHSERVER, **more), memory=DictMemory())  # type: ignore[arg-type]


def changed(bench: Bench, change: Callable[[World], object], **options: object) -> dict[str, str]:
    """Apply while somebody changes the world right after the plan was agreed to; gives how it ended."""

    def agree(_: Plan) -> None:
        change(bench.world)

    applied = bench.apply(agree=agree, **options)
    assert bench.world.violations == []
    assert of_apply(applied) is not Exit.OK or all(outcome.ok for outcome in applied.outcomes)
    return results(applied)


def why(bench: Bench, change: Callable[[World], object], verb: str, **options: object) -> str:
    """The same; gives what the refused action with that verb says."""
    applied = bench.apply(agree=lambda _: change(bench.world) and None, **options)
    assert bench.world.violations == []
    return next(
        o.detail for o in applied.outcomes if (o.action.verb.value, o.result.value) == (verb, "refused")
    )


def restart(world: World) -> None:
    other_client(world).converge(replace=("service.hashserver",))


def test_a_service_that_somebody_restarted_is_not_stopped() -> None:
    bench = running(spec_of(HASHSERVER)).with_specs(spec_of(HASHSERVER, state="stopped"))
    ended = changed(copied(bench), restart)
    # Its connection is another one by now, too.
    assert ended == {"close_tunnel tunnel.hashserver": "refused", "stop service.hashserver": "skipped"}
    hidden = running(spec_of(HASHSERVER, tunnel="closed"))
    hidden = hidden.with_specs(spec_of(HASHSERVER, state="stopped", tunnel="closed"))

    def restart_without_tunnel(world: World) -> bool:
        other_client(world, tunnel="closed").converge(replace=("service.hashserver",))
        return True

    text = why(hidden, restart_without_tunnel, "stop")
    assert text == "process 4001 runs it now, the plan was made on process 4000"
    hidden.converge()


def test_a_service_that_somebody_launched_is_not_launched_again() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    ended = changed(bench, lambda world: other_client(world, tunnel="closed").converge())
    assert ended == {"launch service.hashserver": "refused", "open_tunnel tunnel.hashserver": "skipped"}
    bench.converge()


def test_a_service_that_somebody_stopped_needs_no_stop() -> None:
    bench = running(spec_of(HASHSERVER, tunnel="closed"))
    bench = bench.with_specs(spec_of(HASHSERVER, state="absent"))
    ended = changed(bench, lambda world: other_client(world, state="stopped").converge())
    assert ended["stop service.hashserver"] == "unneeded"
    assert ended["remove_state service.hashserver"] == "done"


def test_a_state_file_that_somebody_removed_needs_no_removal() -> None:
    bench = running(spec_of(HASHSERVER, tunnel="closed"))
    bench = bench.with_specs(spec_of(HASHSERVER, state="absent"))
    ended = changed(bench, lambda world: other_client(world, state="absent").converge())
    assert ended["stop service.hashserver"] == "done"
    assert ended["remove_state service.hashserver"] == "unneeded"


def test_a_state_file_of_another_process_is_not_removed() -> None:
    world = build(Case("failed", "dead", log=False))
    bench = Bench(world, spec_of(HASHSERVER, state="absent"))

    def relaunch(world: World) -> bool:
        other_client(world).converge()
        return True

    text = why(bench, relaunch, "remove_state")
    assert text == "its state file is of process 4001 now, the plan was made on 4000"
    assert len(frontend(world).of_key(KEY)) == 1


def test_a_state_file_that_became_malformed_is_not_removed() -> None:
    bench = running(spec_of(HASHSERVER, tunnel="closed"))
    frontend(bench.world).processes.clear()
    frontend(bench.world).ports.clear()
    bench = bench.with_specs(spec_of(HASHSERVER, state="absent"))

    def spoil(world: World) -> bool:
        frontend(world).state[KEY] = StateFile(b'{"pid": 4', world.clock.now())
        return True

    assert why(bench, spoil, "remove_state").startswith("its state file is malformed now: ")


def _write(world: World) -> bool:
    frontend(world).tree.write(f"{FOLDER}/new", 1, world.clock.now())
    return True


def _nest(world: World) -> bool:
    frontend(world).tree.write(f"{FOLDER}/STAGE-x/.HASHSERVER_PREFIX", 2, world.clock.now() - 9_999)
    frontend(world).tree.write(f"{FOLDER}/STAGE-x/ab/cd", 2, world.clock.now() - 9_999)
    return True


def _neighbour(world: World) -> bool:
    other = replace(HASHSERVER, key="hashserver-other", workdir="~/buffers/p/inner")
    build(Case("running", "ours", "ours"), other, world=world)
    return True


def _malformed_neighbour(world: World) -> bool:
    frontend(world).state["other"] = StateFile(b"{", world.clock.now())
    return True


def _foreign(world: World) -> bool:
    frontend(world).tree.remove(f"{FOLDER}/.HASHSERVER_PREFIX")
    return True


CLEARS = {
    "written to": (_write, "has changed since the plan"),
    "a cache inside": (_nest, "holds other caches that are not to be cold: /home/svc/buffers/p/STAGE-x"),
    "a live process inside": (_neighbour, "hashserver-other (pid 4001) works in ~/buffers/p/inner"),
    "a malformed neighbour": (_malformed_neighbour, "what runs on frontend could not be listed in full"),
    "no marker any more": (_foreign, "is foreign: it holds data, but no .HASHSERVER_PREFIX"),
}


@pytest.mark.parametrize("what", CLEARS)
def test_a_cache_that_changed_is_not_cleared(what: str) -> None:
    change, said = CLEARS[what]
    world = build(Case(cache="populated"))
    bench = Bench(world, spec_of(HASHSERVER, state="stopped", cache="cold"))
    before = dict(frontend(world).tree.files(FOLDER))
    assert said in why(bench, change, "clear")
    lost = before.keys() - dict(frontend(world).tree.files(FOLDER)).keys()
    assert lost <= {f"{FOLDER}/.HASHSERVER_PREFIX"}


def test_a_cache_that_somebody_cleared_needs_no_clear() -> None:
    world = build(Case(cache="populated"))
    bench = Bench(world, spec_of(HASHSERVER, state="stopped", cache="cold"))
    ended = changed(bench, lambda w: other_client(w, state="stopped", cache="cold").converge())
    assert ended == {"clear cache.hashserver": "unneeded"}


def test_a_cold_cache_that_was_filled_before_the_launch_blocks_it() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER, cache="cold"))

    def fill(world: World) -> bool:
        build(Case(cache="populated"), world=world)
        return True

    assert why(bench, fill, "launch") == "~/buffers/p is populated again"


def test_a_connection_that_somebody_replaced_is_not_closed() -> None:
    bench = running(spec_of(HASHSERVER)).with_specs(spec_of(HASHSERVER, tunnel="closed"))

    def reopen(world: World) -> bool:
        other_client(world).converge(replace=("tunnel.hashserver",))
        return True

    text = why(bench, reopen, "close_tunnel")
    assert text == "the client file names port 50001 now, the plan was made on 50000"
    bench.converge()


def test_a_connection_that_somebody_closed_needs_no_closing() -> None:
    bench = running(spec_of(HASHSERVER)).with_specs(spec_of(HASHSERVER, tunnel="closed"))
    ended = changed(bench, lambda world: other_client(world, tunnel="closed").converge())
    assert ended == {"close_tunnel tunnel.hashserver": "unneeded"}


def test_a_connection_that_somebody_opened_is_used() -> None:
    bench = running(spec_of(HASHSERVER, tunnel="closed")).with_specs(spec_of(HASHSERVER))
    ended = changed(bench, lambda world: other_client(world).converge())
    assert ended == {"open_tunnel tunnel.hashserver": "unneeded"}


def test_no_connection_is_opened_to_a_service_that_ended() -> None:
    bench = running(spec_of(HASHSERVER, tunnel="closed")).with_specs(spec_of(HASHSERVER))

    def end(world: World) -> bool:
        other_client(world, state="stopped").converge()
        return True

    assert why(bench, end, "open_tunnel") == "service.hashserver is not running any more"


def test_an_unreachable_host_is_a_failure_not_a_refusal() -> None:
    bench = running(spec_of(HASHSERVER, tunnel="closed"))
    bench = bench.with_specs(spec_of(HASHSERVER, state="stopped"))
    ended = changed(bench, lambda world: setattr(frontend(world), "up", False))
    assert ended == {"stop service.hashserver": "failed"}


# --- any one thing that goes wrong -----------------------------------------------------------

FAULTS = ("unreachable", "timeout", "lost", "late", "cut", "clipped", "login", "auth")


def _cold_again() -> Bench:
    bench = running(*trio(cache="cold"))
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    bench.world.clock.sleep(5)
    return bench


def _down() -> Bench:
    return running(*trio()).with_specs(*trio(jobs="absent", state="absent"))


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("make", [_cold_again, _down], ids=["cold again", "down"])
def test_any_one_call_may_go_wrong(make: Callable[[], Bench], kind: str) -> None:
    start = make()
    quiet = copied(start)
    quiet.converge()
    calls = [step.argv for step in quiet.world.trace if step.argv and step.argv[0].startswith("rhl-")]
    assert len(calls) > 20
    for nth, argv in enumerate(calls, start=1):
        if kind == "clipped" and argv[0] == "rhl-logs":
            continue  # Half a log that comes with exit 0 cannot be told from a short one.
        bench = copied(start)
        bench.world.faults.append(Fault(kind, nth=nth))
        bench.apply()
        assert bench.world.violations == [], (nth, argv, bench.world.violations[0])
        try:
            bench.converge()
        except AssertionError as exc:
            raise AssertionError(f"{kind} at call {nth}, {' '.join(argv[:3])}: {exc}") from exc


@pytest.mark.parametrize("kind", ["lost", "late", "cut"])
@pytest.mark.parametrize("helper", ["rhl-stop", "rhl-rm", "rhl-clear", "rhl-launch-service"])
def test_what_took_effect_although_no_answer_came_is_seen(helper: str, kind: str) -> None:
    bench = _cold_again()
    bench.world.faults.append(Fault(kind, helper))
    applied = bench.apply()
    assert bench.world.violations == []
    assert applied.converged, [o.detail for o in applied.outcomes if not o.ok]


@pytest.mark.parametrize("helper", ["rhl-stop", "rhl-rm", "rhl-launch-service"])
def test_what_did_not_take_effect_is_a_failure(helper: str) -> None:
    bench = _cold_again()
    bench.world.faults.append(Fault("timeout", helper))
    applied = bench.apply()
    assert "failed" in results(applied).values()
    assert bench.world.violations == []
    bench.converge()


def test_a_stop_whose_answer_got_lost_does_not_mark_the_successor() -> None:
    """The helper goes on after the connection broke, and marks whatever state file it finds at its end."""
    bench = _cold_again()
    bench.world.faults.append(Fault("lost", "rhl-stop", times=None))
    applied = bench.apply()
    assert applied.converged
    bench.world.faults.clear()
    assert bench.apply().outcomes == ()
