"""Each safety monitor: it speaks when it must, and only then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rhl_helpers import calls
from rhl_helpers.client import Forward
from rhl_helpers.client import Process as Identified
from rhl_helpers.host import Host
from world import (
    DASKSERVER,
    DATABASE,
    HASHSERVER,
    JOBSERVER,
    Allowed,
    Case,
    Fault,
    Placed,
    World,
    build,
)
from world.cases import FRONTEND
from world.ending import interrupt
from world.process import Process

RUNNING = Case("running", "ours", "ours", cache="populated")
DEAD = Case("stale", "dead", "closed", cache="populated")
KEY = HASHSERVER.key
FOLDER = "/home/svc/buffers/p"


def host(world: World) -> Host:
    return Host(world.transport(FRONTEND))


def rules(world: World) -> list[str]:
    return [violation.rule for violation in world.violations]


def notes(world: World) -> list[str]:
    return [note.rule for note in world.monitor.notes]


def launch(world: World, placed: Placed = HASHSERVER) -> None:
    host(world).call(calls.launch_service(placed.key, placed.workdir, placed.argv))


def read_log(world: World, placed: Placed = HASHSERVER) -> None:
    host(world).call(calls.logs(placed.key))


# --- S1: clear where somebody works --------------------------------------------------------


@pytest.mark.parametrize("path", [FOLDER, "/home/svc/buffers", f"{FOLDER}/ab"])
def test_clear_in_above_or_below_a_live_workdir(path: str) -> None:
    world = build(RUNNING)
    host(world).call(calls.clear(path))
    assert "S1" in rules(world)


@pytest.mark.parametrize(
    "case", [DEAD, Case("stale", "zombie", cache="populated"), Case("stale", "other", cache="populated")]
)
def test_clear_where_nobody_works(case: Case) -> None:
    world = build(case)
    assert host(world).call(calls.clear(FOLDER)) is True
    assert rules(world) == []


def test_clear_beside_a_live_workdir() -> None:
    world = build(RUNNING)
    build(Case("stale", cache="populated"), DATABASE, world=world)
    host(world).call(calls.clear("/home/svc/databases/p"))
    assert rules(world) == []


def test_clear_through_a_symlink_is_seen_through() -> None:
    world = build(RUNNING)
    world.hosts[FRONTEND].tree.link("/home/svc/way-round", FOLDER, 0.0)
    host(world).call(calls.clear("/home/svc/way-round"))
    assert "S1" in rules(world)


@pytest.mark.parametrize("placed", [JOBSERVER, DASKSERVER], ids=lambda placed: placed.type)
def test_a_workdir_of_tmp_is_shared_ground_but_no_free_game(placed: Placed) -> None:
    world = build(Case("running", "ours", "ours"), placed)
    machine = world.hosts[FRONTEND]
    machine.tree.write("/tmp/cache/.HASHSERVER_PREFIX", 2, 0.0)
    machine.caches["/tmp/cache"] = "service"
    host(world).call(calls.clear("/tmp/cache"))
    assert rules(world) == []
    host(world).call(calls.clear("/tmp"))
    assert rules(world) == ["S1"]


def test_an_orphan_that_nothing_shows_is_only_noted() -> None:
    world = build(Case("absent", "ours", "ours", cache="populated"))
    host(world).call(calls.clear(FOLDER))
    assert rules(world) == []
    assert notes(world) == ["S1"]


def test_a_process_that_was_shown_once_is_remembered() -> None:
    world = build(RUNNING)
    host(world).call(calls.ps())
    del world.hosts[FRONTEND].state[KEY]
    host(world).call(calls.clear(FOLDER))
    assert rules(world) == ["S1"]
    world.new_run()
    host(world).call(calls.clear(FOLDER))
    assert (rules(world), notes(world)) == (["S1"], ["S1"])


def test_an_answer_that_was_lost_shows_nothing() -> None:
    world = build(RUNNING)
    world.faults.append(Fault("lost", "rhl-ps", times=None))
    with pytest.raises(Exception, match="reset"):
        host(world).call(calls.ps())
    assert world.hosts[FRONTEND].seen == set()


# --- S2, S3: what a clear may take ---------------------------------------------------------


def test_foreign_data_is_taken() -> None:
    world = build(Case(cache="foreign"))
    host(world).call(calls.clear(FOLDER))
    assert rules(world) == ["S3"]


def test_data_nobody_registered_is_foreign() -> None:
    world = build(Case(cache="populated"))
    world.hosts[FRONTEND].tree.write("/home/svc/letters/a", 5, 0.0)
    host(world).call(calls.clear("/home/svc/letters"))
    assert rules(world) == ["S3"]


@pytest.mark.parametrize("cache", ["empty", "populated", "half-cleared"])
def test_a_cache_that_was_named_may_go(cache: str) -> None:
    world = build(Case(cache=cache))
    world.monitor.allowed = Allowed(clears={FRONTEND: frozenset({FOLDER})})
    host(world).call(calls.clear(FOLDER))
    assert rules(world) == []


def test_a_nested_cache_that_was_not_named_is_taken() -> None:
    world = build(Case(cache="populated"))
    machine = world.hosts[FRONTEND]
    machine.tree.write(f"{FOLDER}/STAGE-x/.HASHSERVER_PREFIX", 2, 0.0)
    machine.caches[f"{FOLDER}/STAGE-x"] = "service"
    world.monitor.allowed = Allowed(clears={FRONTEND: frozenset({FOLDER})})
    host(world).call(calls.clear(FOLDER))
    assert rules(world) == ["S2"]


# --- S2, stop: who may be signalled --------------------------------------------------------


@pytest.mark.parametrize("process", ["reused", "other"])
def test_a_stranger_s_pid_is_signalled(process: str) -> None:
    world = build(Case("running", process))
    world.transport(FRONTEND).run(("rhl-stop", KEY), timeout=60)
    assert rules(world) == ["stop"]


@pytest.mark.parametrize("process", ["ours", "dead", "zombie"])
def test_the_key_s_own_process_may_be_signalled(process: str) -> None:
    world = build(Case("running", process))
    host(world).call(calls.stop(KEY))
    assert rules(world) == []


def test_everybody_is_signalled() -> None:
    world = build(RUNNING)
    state = world.hosts[FRONTEND].state[KEY]
    world.hosts[FRONTEND].state[KEY] = state._replace(raw=b'{"pid": -1, "status": "running"}')
    world.transport(FRONTEND).run(("rhl-stop", KEY), timeout=60)
    assert rules(world) == ["stop"]


def test_keys_nobody_named() -> None:
    world = build(DEAD)
    world.monitor.allowed = Allowed(keys={FRONTEND: frozenset({DATABASE.key})})
    host(world).call(calls.stop(KEY))
    read_log(world)
    host(world).call(calls.remove_server_state(KEY))
    launch(world)
    assert rules(world) == ["S2", "S2", "S2"]


# --- S4, S5: state and log -----------------------------------------------------------------


def test_state_of_a_live_process_is_removed() -> None:
    world = build(Case("running", "ours", "ours", log=False))
    host(world).call(calls.remove_server_state(KEY))
    assert rules(world) == ["S4"]


@pytest.mark.parametrize("process", ["dead", "zombie", "reused", "other"])
def test_state_of_a_dead_service_may_go_whoever_has_its_pid(process: str) -> None:
    world = build(Case("stale", process, log=False))
    host(world).call(calls.remove_server_state(KEY))
    assert rules(world) == []


def test_launch_over_a_live_process() -> None:
    world = build(Case("running", "ours", "ours", log=False))
    launch(world)
    assert rules(world) == ["S4"]


@pytest.mark.parametrize(("seen", "found"), [(True, (["S4"], [])), (False, ([], ["S4"]))])
def test_launch_over_a_process_that_took_its_state_along(
    seen: bool, found: tuple[list[str], list[str]]
) -> None:
    world = build(Case("running", "ours", "ours", log=False), DASKSERVER)
    if seen:
        host(world).call(calls.ps())
    (process,) = world.hosts[FRONTEND].of_key(DASKSERVER.key)
    interrupt(world, world.hosts[FRONTEND], process, "SIGINT")
    assert world.hosts[FRONTEND].state == {}
    launch(world, DASKSERVER)
    assert (rules(world), notes(world)) == found


def test_launch_after_a_launch_whose_answer_was_lost() -> None:
    world = build(Case())
    world.hosts[FRONTEND].logs.clear()
    world.faults.append(Fault("lost", "rhl-launch-service"))
    with pytest.raises(Exception, match="reset"):
        launch(world)
    launch(world)
    assert rules(world) == ["S4"]


def remove(world: World) -> None:
    host(world).call(calls.remove_server_state(KEY))


@pytest.mark.parametrize("act", [remove, launch])
def test_an_unread_log_is_lost(act: Callable[[World], None]) -> None:
    world = build(DEAD)
    act(world)
    assert rules(world) == ["S5"]


@pytest.mark.parametrize("act", [remove, launch])
def test_a_log_that_was_read_may_go(act: Callable[[World], None]) -> None:
    world = build(DEAD)
    read_log(world)
    act(world)
    assert rules(world) == []


def test_a_log_that_grew_since_it_was_read_is_unread() -> None:
    world = build(RUNNING)
    read_log(world)
    host(world).call(calls.stop(KEY))
    remove(world)
    assert rules(world) == ["S5"]


@pytest.mark.parametrize("fault", ["cut", "clipped"])
def test_half_a_log_is_not_read(fault: str) -> None:
    world = build(DEAD)
    world.faults.append(Fault(fault, "rhl-logs", times=None))
    world.transport(FRONTEND).run(("rhl-logs", KEY), timeout=10)
    remove(world)
    assert rules(world) == ["S5"]


def test_the_tail_of_a_log_and_a_capped_one_are_not_read() -> None:
    world = build(DEAD)
    host(world).call(calls.logs(KEY, tail=100))
    host(world).call(calls.logs(KEY), max_output=5)
    remove(world)
    assert rules(world) == ["S5"]


# --- S6, S8: reading phases, forwards ------------------------------------------------------


def test_any_change_in_a_reading_phase() -> None:
    world = build(Case("stale", tunnel="good", client="good", log=False))
    client = world.client
    with world.reading():
        host(world).call(calls.ps())
        client.files()
        client.forwards()
        assert rules(world) == []
        host(world).call(calls.stop("none"))
        host(world).call(calls.remove_server_state("none"))
        client.remove_file(KEY)
        client.write_file(KEY, {})
        client.open_forward(FRONTEND, "localhost", 1, 1)
        client.end_forward(client.forwards()[0])
    assert rules(world) == ["S6"] * 6
    host(world).call(calls.stop("none"))
    assert len(rules(world)) == 6


def test_connection_files_and_forwards_nobody_named() -> None:
    world = build(Case("running", tunnel="good", client="good"))
    forward = world.client.forwards()[0]
    world.monitor.allowed = Allowed(client_keys=frozenset(), ports=frozenset({1}))
    world.client.remove_file(KEY)
    world.client.end_forward(forward)
    assert rules(world) == ["S2", "S2"]


def test_the_kill_of_what_is_no_forward() -> None:
    world = build(Case("running", tunnel="good", client="good"))
    precious = Process(9_999, "stranger", world.clock.now())
    world.local.processes[precious.pid] = precious
    named = Identified(precious.pid, precious.started)
    world.client.end_forward(Forward(61_000, FRONTEND, "localhost", 1, ssh=named))
    assert rules(world) == ["S8"]


def test_a_removal_by_the_helper_on_this_machine_counts_too() -> None:
    world = build(Case("stale", client="good"), host="local")
    world.monitor.allowed = Allowed(client_keys=frozenset())
    Host(world.transport("local")).call(calls.remove_client_state(KEY))
    assert KEY not in world.client.files()
    assert rules(world) == ["S2"]


def test_a_launch_in_a_foreign_directory_is_noted() -> None:
    world = build(Case(cache="foreign", log=False))
    launch(world)
    assert (rules(world), notes(world)) == ([], ["L3"])
    world.clock.sleep(5)
    assert world.hosts[FRONTEND].caches[FOLDER] == "foreign"
