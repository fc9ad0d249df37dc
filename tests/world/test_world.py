"""Copies, time, and the matrix of initial states."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from rhl_helpers import calls
from rhl_helpers.errors import HelperFailed
from rhl_helpers.host import Host
from rhl_helpers.rows import MalformedRow, ServerRow
from rhl_helpers.transport.base import Answer
from world import (
    DASKSERVER,
    DATABASE,
    HASHSERVER,
    JOBSERVER,
    Case,
    Placed,
    World,
    build,
    cold,
    every_case,
    serving,
    use,
)
from world.cases import CACHES, CLIENTS, FRONTEND, PORTS, PROCESSES, STATES, TUNNELS

KEY = HASHSERVER.key


def host(world: World) -> Host:
    return Host(world.transport(FRONTEND))


def launch(world: World, placed: Placed = HASHSERVER) -> None:
    host(world).call(calls.launch_service(placed.key, placed.workdir, placed.argv))


# --- copies --------------------------------------------------------------------------------


def test_a_copy_and_its_origin_go_their_own_ways() -> None:
    world = build(Case("running", "ours", "ours", "good", "populated", "good"))
    copy = world.clone()
    host(copy).call(calls.stop(KEY))
    host(copy).call(calls.clear("/home/svc/buffers/p"))
    copy.client.end_forward(copy.client.forwards()[0])
    copy.client.remove_file(KEY)
    copy.monitor.violated(copy, "X", "h", "d")
    assert serving(world, FRONTEND, KEY) != []
    assert not cold(world, FRONTEND, "~/buffers/p")
    assert world.client.forwards()
    assert world.client.files()
    assert world.trace == []
    assert world.violations == []
    assert serving(copy, FRONTEND, KEY) == []
    assert cold(copy, FRONTEND, "~/buffers/p")


def test_what_is_due_happens_in_each_copy_on_its_own() -> None:
    world = World()
    world.add_host(FRONTEND)
    launch(world)
    copy = world.clone()
    copy.clock.sleep(5)
    assert b'"running"' in copy.hosts[FRONTEND].state[KEY].raw
    assert b'"starting"' in world.hosts[FRONTEND].state[KEY].raw
    world.clock.sleep(5)
    assert b'"running"' in world.hosts[FRONTEND].state[KEY].raw


def test_the_same_steps_give_the_same_trace() -> None:
    def story() -> list[object]:
        world = build(Case("running", "ours", "ours", "good", "populated", "good"))
        host(world).call(calls.stop(KEY))
        host(world).call(calls.clear("/home/svc/buffers/p"))
        launch(world)
        world.clock.sleep(3)
        host(world).call(calls.ps())
        return [*world.trace]

    assert story() == story()


# --- time ----------------------------------------------------------------------------------


def test_a_forward_s_monitor_ends_it_when_the_remote_process_is_gone() -> None:
    world = build(Case("running", "ours", "ours", "good", client="good"))
    world.clock.sleep(50)
    assert len(world.client.forwards()) == 1
    host(world).call(calls.stop(KEY))
    assert world.client.probe("localhost", 61_000, "healthcheck") is Answer.SILENT
    world.clock.sleep(21)
    assert world.client.forwards() == []
    assert world.client.probe("localhost", 61_000, "healthcheck") is Answer.CLOSED


def test_a_monitor_ends_with_its_ssh() -> None:
    world = build(Case("running", "ours", "ours", "good"))
    (forward,) = world.client.forwards()
    assert forward.ssh is not None
    world.client.drop(forward.ssh.pid)
    (left,) = world.client.forwards()
    assert (left.ssh, left.monitor) == (None, forward.monitor)
    world.clock.sleep(21)
    assert world.client.forwards() == []


def test_zombies_are_reaped_when_the_machine_does_so() -> None:
    world = build(Case("running", "ours", "ours"))
    machine = world.hosts[FRONTEND]
    machine.reap = 3.0
    (pid,) = serving(world, FRONTEND, KEY)
    start = world.clock.now()
    assert host(world).call(calls.stop(KEY)) == "stopped"
    assert 3.0 < world.clock.now() - start < 4.0
    assert pid not in machine.processes


def test_a_service_that_is_starting_may_finish() -> None:
    world = build(Case("starting", "ours", finishes=True))
    assert serving(world, FRONTEND, KEY) == []
    world.clock.sleep(2)
    assert len(serving(world, FRONTEND, KEY)) == 1
    stuck = build(Case("starting", "ours"))
    stuck.clock.sleep(100)
    assert serving(stuck, FRONTEND, KEY) == []


def test_a_helper_call_is_fast() -> None:
    world = build(Case("running", "ours", "ours", cache="populated"))
    build(Case("running", "ours", "ours", cache="populated"), DATABASE, world=world)
    build(Case("running", "ours", "ours"), JOBSERVER, world=world)
    transport = world.transport(FRONTEND)
    best = 1.0
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(100):
            transport.run(("rhl-ps", "--json"), timeout=1e9)
        best = min(best, (time.perf_counter() - start) / 100)
    # 7 µs on an idle machine; a busy one is given room.
    assert best < 100e-6


# --- the matrix ----------------------------------------------------------------------------


def test_the_matrix_is_whole() -> None:
    sizes = [len(set(values)) for values in (STATES, PROCESSES, PORTS, TUNNELS, CACHES, CLIENTS)]
    assert sizes == [8, 5, 3, 5, 6, 4]
    cases = list(every_case())
    assert len(cases) == len(set(cases)) == 8 * 5 * 3 * 5 * 6 * 4
    assert len(list(every_case(local=True, persistent=False))) == 8 * 5 * 3 * 4
    assert max(Counter(map(str, cases)).values()) == 1


@pytest.mark.parametrize(
    "placed", [HASHSERVER, DATABASE, JOBSERVER, DASKSERVER], ids=lambda placed: placed.type
)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("port", PORTS)
def test_every_state_reads_as_it_was_made(placed: Placed, state: str, process: str, port: str) -> None:
    world = build(Case(state, process, port), placed)
    inspected = host(world).call(calls.inspect(placed.key))
    if state == "malformed":
        with pytest.raises(HelperFailed):
            host(world).call(calls.ps())
        assert isinstance(inspected, MalformedRow)
        return
    rows = host(world).call(calls.ps())
    if state == "absent":
        assert (rows, inspected) == ([], None)
        return
    (row,) = rows
    if state == "wrong-type":
        assert isinstance(row, MalformedRow)
        return
    assert isinstance(row, ServerRow)
    expected = {"dry-run": "running", "running": "stale" if process == "dead" else "running"}
    assert row.status == expected.get(state, state)
    looked_at = state not in ("failed", "dry-run")
    assert row.live is ((process != "dead") if looked_at else None)
    alive = (process == "ours") + (port == "ours" and process != "ours")
    assert len(world.hosts[FRONTEND].of_key(placed.key)) == alive
    if row.port is not None:
        asked = row.extra_ports.get("dashboard_port", row.port)
        path = "health" if placed.type == "daskserver" else "healthcheck"
        answer = world.transport(FRONTEND).probe("localhost", asked, path, timeout=1)
        assert answer is (Answer.CLOSED if port == "closed" else Answer.OK)


@pytest.mark.parametrize("placed", [HASHSERVER, DATABASE], ids=lambda placed: placed.type)
@pytest.mark.parametrize("cache", CACHES)
def test_every_cache_is_what_it_is_called(placed: Placed, cache: str) -> None:
    world = build(Case(cache=cache), placed)
    is_cold = cold(world, FRONTEND, placed.workdir)
    assert is_cold is (cache not in ("populated", "foreign", "half-cleared"))
    path = world.hosts[FRONTEND].expand(placed.workdir)
    marker = {"hashserver": ".HASHSERVER_PREFIX", "database": "seamless.db"}[placed.type]
    rows = host(world).call(calls.ps_persistent(path, marker=marker))
    shown = {
        "absent": ["absent"],
        "foreign": [],
        "half-cleared": [],
        "populated": ["populated"],
        "empty": ["empty"],
    }
    if placed.type == "database":
        # The database is its own marker: with it named, its directory reads as empty.
        shown.update(empty=[], pristine=["empty"], populated=["empty"])
    assert [row.state for row in rows] == shown.get(cache, ["empty"])


@pytest.mark.parametrize("tunnel", TUNNELS)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("placed", [HASHSERVER, DASKSERVER], ids=lambda placed: placed.type)
def test_every_tunnel_is_what_it_is_called(tunnel: str, client: str, placed: Placed) -> None:
    world = build(Case("running", "ours", "ours", tunnel, client=client), placed)
    forwards = world.client.forwards()
    ports = 2 if placed.type == "daskserver" else 1
    assert len(forwards) == (0 if tunnel == "none" else ports)
    assert all((forward.monitor is None) is (tunnel == "dead-monitor") for forward in forwards)
    files = world.client.files()
    assert (placed.key in files) is (client != "absent")
    remote = {port for port in world.hosts[FRONTEND].ports if port > 49_999}
    far = {forward.remote_port for forward in forwards}
    assert far <= remote if tunnel != "misrouted" else not (far & remote)


def test_a_second_life_through_the_helpers_reaches_the_end() -> None:
    for case in every_case():
        if case.tunnel != "none" or case.client != "absent":
            continue
        world = build(case)
        machine = world.hosts[FRONTEND]
        for process in machine.of_key(KEY):
            machine.processes.pop(process.pid)
        machine.ports.clear()
        machine.state.pop(KEY, None)
        launch(world)
        world.clock.sleep(3)
        assert len(serving(world, FRONTEND, KEY)) == 1, case


@pytest.mark.parametrize("placed", [HASHSERVER, DATABASE], ids=lambda placed: placed.type)
def test_use_warms_a_cache_and_clearing_cools_it(placed: Placed) -> None:
    world = World()
    world.add_host(FRONTEND)
    launch(world, placed)
    assert not use(world, FRONTEND, placed.key)
    world.clock.sleep(3)
    assert cold(world, FRONTEND, placed.workdir)
    assert use(world, FRONTEND, placed.key)
    assert not cold(world, FRONTEND, placed.workdir)
    host(world).call(calls.stop(placed.key))
    host(world).call(calls.clear(world.hosts[FRONTEND].expand(placed.workdir)))
    assert cold(world, FRONTEND, placed.workdir)
