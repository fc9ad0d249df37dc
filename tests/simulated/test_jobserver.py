"""Job servers are wired to a hashserver and a database at their launch: order, causes, and broken wires."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seamless_reconcile.plan import Verdict
from simulated.bench import Bench, reasons, results, spec_of, state, verbs
from simulated.deployments import PAIR, frontend, jobserver, new_world, pair, running, told, trio
from world import DASKSERVER, DATABASE, HASHSERVER, JOBSERVER, World, serving, use
from world.cases import FRONTEND
from world.machine import SimHost
from world.world import LOCAL

KEYS = {"hashserver": HASHSERVER.key, "database": DATABASE.key, "jobserver": JOBSERVER.key}


def port_of(host: SimHost, key: str) -> int:
    return int(json.loads(host.state[key].raw)["port"])


def wired_to(host: SimHost, role: str) -> Any:
    (entry,) = json.loads(host.state[JOBSERVER.key].raw)["parameters"][role]
    return entry


def crash(world: World, key: str, host: str = FRONTEND) -> None:
    """Have a service end without a word; its state file stays."""
    machine = world.hosts[host]
    for process in machine.of_key(key):
        del machine.processes[process.pid]
        for port in [port for port, listener in machine.ports.items() if listener.pid == process.pid]:
            del machine.ports[port]


@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
def test_comes_up_after_its_services_and_knows_where_they_are(host: str) -> None:
    bench = Bench(new_world(host), *trio(host))
    plan = bench.plan()
    assert told(plan) == (
        "[] -> #1 launch service.hashserver, is absent\n"
        "[] -> #2 launch service.database, is absent\n"
        "[1, 2] -> #3 launch service.jobserver, is absent\n"
        "[1] -> #4 open_tunnel tunnel.hashserver, service.hashserver comes up\n"
        "[2] -> #5 open_tunnel tunnel.database, service.database comes up\n"
        "[3] -> #6 open_tunnel tunnel.jobserver, service.jobserver comes up"
    )
    bench.converge()
    machine = bench.world.hosts[host]
    store = "localhost"
    for role, key in (("buffer", HASHSERVER.key), ("database", DATABASE.key)):
        assert wired_to(machine, role)["remote_url"] == f"http://{store}:{port_of(machine, key)}"
    assert wired_to(machine, "buffer")["remote_directory"] == HASHSERVER.workdir
    assert bench.apply().outcomes == ()


def test_a_restarted_hashserver_takes_its_tunnel_and_the_job_server_along() -> None:
    bench = running(*trio())
    plan = bench.plan(replace=("service.hashserver",))
    moved = "service.hashserver comes up on another port"
    moves_on = "service.jobserver comes up on another port"
    assert told(plan) == (
        f"[] -> #1 close_tunnel tunnel.hashserver, {moved}\n"
        f"[] -> #2 close_tunnel tunnel.jobserver, {moves_on}\n"
        f"[2] -> #3 stop service.jobserver, {moved}\n"
        "[3] -> #4 save_log service.jobserver, a launch starts the log anew\n"
        "[1, 3] -> #5 stop service.hashserver, asked for with --replace\n"
        "[5] -> #6 save_log service.hashserver, a launch starts the log anew\n"
        "[6] -> #7 remove_state service.hashserver, asked for with --replace\n"
        f"[4] -> #8 remove_state service.jobserver, {moved}\n"
        "[7] -> #9 launch service.hashserver, asked for with --replace\n"
        f"[8, 9] -> #10 launch service.jobserver, {moved}\n"
        f"[9] -> #11 open_tunnel tunnel.hashserver, {moved}\n"
        f"[10] -> #12 open_tunnel tunnel.jobserver, {moves_on}"
    )
    old = port_of(frontend(bench.world), HASHSERVER.key)
    bench.converge(replace=("service.hashserver",))
    new = port_of(frontend(bench.world), HASHSERVER.key)
    assert new != old
    assert wired_to(frontend(bench.world), "buffer")["url"] == f"http://localhost:{new}"


def test_all_goes_down_in_reverse_and_comes_up_in_order_when_caches_are_cleared() -> None:
    bench = running(*trio(cache="keep"))
    for key in (HASHSERVER.key, DATABASE.key):
        use(bench.world, FRONTEND, key)
    cold = bench.with_specs(*trio(cache="cold"))
    applied = cold.converge()
    order = [f"{a.verb.value} {a.name}" for a in applied.plan.actions]
    for needed in PAIR:
        assert order.index("stop jobserver") < order.index(f"stop {needed}") < order.index(f"clear {needed}")
        assert (
            order.index(f"clear {needed}") < order.index(f"launch {needed}") < order.index("launch jobserver")
        )
    assert cold.apply().outcomes == ()


def test_tearing_down_ends_the_job_server_first() -> None:
    bench = running(*trio())
    down = bench.with_specs(*trio(jobs="absent", state="absent"))
    applied = down.converge()
    order = [f"{a.verb.value} {a.name}" for a in applied.plan.actions]
    assert order.index("stop jobserver") < min(order.index(f"stop {name}") for name in PAIR)
    assert frontend(down.world).state == {}
    assert down.world.client.files() == {}
    assert down.world.client.forwards() == []


def test_a_job_server_whose_hashserver_moved_behind_its_back_is_miswired_and_replaced() -> None:
    bench = running(*trio())
    crash(bench.world, HASHSERVER.key)
    other = bench.with_specs(*pair(), memory=type(bench.memory)())
    other.converge()
    plan = bench.plan()
    assert state(plan, "service.jobserver") == "miswired"
    old, new = (
        wired_to(frontend(bench.world), "buffer")["url"],
        port_of(frontend(bench.world), HASHSERVER.key),
    )
    assert plan.resource("service.jobserver").note == (
        f"is miswired: it is wired to port {old.rpartition(':')[2]} for its buffer; "
        f"service.hashserver is on port {new}"
    )
    assert verbs(plan)[-2:] == ["launch service.jobserver", "open_tunnel tunnel.jobserver"]
    bench.converge()
    assert wired_to(frontend(bench.world), "buffer")["url"] == f"http://localhost:{new}"


def test_a_job_server_launched_without_storage_is_miswired() -> None:
    bench = running(*trio())
    key, machine = JOBSERVER.key, frontend(bench.world)
    data = json.loads(machine.state[key].raw)
    data["parameters"] = {"buffer": [], "database": []}
    machine.state[key] = machine.state[key]._replace(raw=json.dumps(data).encode())
    plan = bench.plan()
    assert (
        "it was launched without a buffer: it computes without storage"
        in plan.resource("service.jobserver").note
    )
    bench.converge()


def test_a_dead_hashserver_is_replaced_and_so_is_the_job_server_wired_to_it() -> None:
    bench = running(*trio())
    crash(bench.world, HASHSERVER.key)
    plan = bench.plan()
    assert plan.resource("service.jobserver").note.startswith("is miswired")
    bench.converge()


def test_a_database_that_is_healthy_is_left_alone() -> None:
    bench = running(*trio())
    before = serving(bench.world, FRONTEND, DATABASE.key)
    crash(bench.world, HASHSERVER.key)
    bench.converge()
    assert serving(bench.world, FRONTEND, DATABASE.key) == before


# --- services that are not declared, or elsewhere --------------------------------------------


def test_services_that_are_not_declared_are_used_where_they_run() -> None:
    bench = running(*pair())
    alone = bench.with_specs(jobserver(declared=False))
    assert verbs(alone.plan()) == ["launch service.jobserver", "open_tunnel tunnel.jobserver"]
    alone.converge()
    port = port_of(frontend(alone.world), HASHSERVER.key)
    assert wired_to(frontend(alone.world), "buffer")["url"] == f"http://localhost:{port}"


def test_without_its_undeclared_services_it_is_not_launched() -> None:
    bench = Bench(new_world(), jobserver(declared=False))
    plan = bench.plan()
    assert plan.actions == ()
    assert reasons(plan)["service.jobserver"] == f"it needs {HASHSERVER.key}, which is not running"


def test_a_service_it_needs_that_should_be_stopped_blocks_it_before_anything_is_done() -> None:
    bench = running(*trio())
    down = bench.with_specs(spec_of(HASHSERVER, state="stopped"), spec_of(DATABASE), jobserver())
    plan = down.plan()
    assert reasons(plan)["service.jobserver"] == f"it needs {HASHSERVER.key}, which is not running"
    assert verbs(plan) == ["close_tunnel tunnel.hashserver", "stop service.hashserver"]
    after = down.apply().after
    assert after is not None
    assert after.actions == ()
    assert reasons(after)["service.jobserver"] == reasons(plan)["service.jobserver"]


def test_services_on_another_host_are_found_there() -> None:
    bench = Bench(new_world("storage", "compute"), *pair("storage"), jobserver("compute", store="storage"))
    bench.world.hosts["storage"].addresses |= {"storage.example.org"}
    bench.converge()
    port = port_of(bench.world.hosts["storage"], DATABASE.key)
    assert wired_to(bench.world.hosts["compute"], "database")["url"] == f"http://localhost:{port}"
    assert bench.apply().outcomes == ()


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "undeclared"])
def test_a_host_that_cannot_be_asked_leaves_the_wiring_unknown(declared: bool) -> None:
    world = new_world("storage", "compute")
    store = pair("storage") if declared else []
    bench = Bench(world, *store, jobserver("compute", store="storage", declared=declared))
    world.hosts["storage"].up = False
    plan = bench.plan()
    assert plan.actions == ()
    verdict = plan.resource("service.jobserver").verdict
    assert verdict is (Verdict.UNKNOWN if declared else Verdict.BLOCKED)
    why = reasons(plan)["service.jobserver"]
    expected = "requires service.hashserver, which is unknown" if declared else "could not be told"
    assert expected in why


def test_a_running_job_server_is_left_alone_while_its_storage_cannot_be_asked() -> None:
    bench = running(*pair("storage"), jobserver("compute", store="storage"))
    bench.world.hosts["storage"].up = False
    plan = bench.plan()
    assert verbs(plan) == []
    assert plan.resource("service.jobserver").observed["state"] == "running"


# --- bystanders ------------------------------------------------------------------------------


def test_an_undeclared_job_server_that_will_lose_its_storage_is_warned_of() -> None:
    bench = running(*trio())
    storage = bench.with_specs(*pair())
    plan = storage.plan(replace=("service.database",))
    assert [(w.resource, w.message) for w in plan.warnings] == [
        ("service.database", f"{JOBSERVER.key} on {FRONTEND} is wired to it and will lose it")
    ]
    assert storage.plan().warnings == ()


def test_a_protected_job_server_is_not_restarted_and_the_plan_says_so() -> None:
    bench = running(*trio())
    guarded = bench.with_specs(*pair(), jobserver(protect=True))
    plan = guarded.plan(replace=("service.hashserver",))
    assert reasons(plan)["service.jobserver"] == (
        "it is protected, and would be restarted: service.hashserver comes up on another port"
    )
    assert "stop service.jobserver" not in verbs(plan)


def test_a_failing_storage_leaves_the_job_server_down_and_the_rest_alone() -> None:
    bench = Bench(new_world(), *trio())
    frontend(bench.world).fates[DATABASE.key] = ("failed",)
    ended = results(bench.apply())
    assert ended["launch service.database"] == "failed"
    assert ended["launch service.jobserver"] == ended["open_tunnel tunnel.jobserver"] == "skipped"
    assert ended["launch service.hashserver"] == ended["open_tunnel tunnel.hashserver"] == "done"
    bench.converge()


# --- daskservers -----------------------------------------------------------------------------


def test_a_daskserver_has_a_second_port_and_its_handshake_there() -> None:
    bench = running(*pair(), spec_of(DASKSERVER, dependencies=PAIR))
    file = bench.world.client.files()[DASKSERVER.key]
    assert dict(file.extra or {}).keys() == {"dashboard_port"}
    assert len(list(bench.world.client.forwards())) == 4
    assert bench.apply().outcomes == ()


def test_a_daskserver_that_takes_its_state_along_is_waited_for() -> None:
    bench = running(spec_of(DASKSERVER))
    bench.converge(replace=("service.daskserver",))
    assert len(serving(bench.world, FRONTEND, DASKSERVER.key)) == 1
    bench.with_specs(spec_of(DASKSERVER, state="stopped")).converge()
    assert frontend(bench.world).of_key(DASKSERVER.key) == []
