"""Hosts as they are: slow reapers, malformed files, legacy rows, hiccups, helpers that are not there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seamless_reconcile.exits import Exit, of_plan
from seamless_reconcile.plan import Verdict
from simulated.bench import Bench, DictMemory, reasons, results, spec_of, state, verbs
from simulated.deployments import PAIR, frontend, new_world, pair, running, trio
from world import DASKSERVER, DATABASE, HASHSERVER, Case, Fault, Listener, World, build, serving, use
from world.cases import FRONTEND
from world.process import Process
from world.state import StateFile

KEY = HASHSERVER.key


def raw(world: World, key: str = KEY, host: str = FRONTEND) -> dict[str, object]:
    return dict(json.loads(world.hosts[host].state[key].raw))


def rewrite(world: World, key: str = KEY, *, host: str = FRONTEND, **fields: object) -> None:
    """Change fields of a state file; those that are None go."""
    data = {name: value for name, value in {**raw(world, key, host), **fields}.items() if value is not None}
    world.hosts[host].state[key] = StateFile(json.dumps(data).encode(), world.clock.now())


# --- nobody reaps ----------------------------------------------------------------------------


@pytest.mark.parametrize("reap", [None, 4.0, 30.0], ids=["never", "4 s", "30 s"])
@pytest.mark.parametrize("cache", ["keep", "cold"])
def test_where_zombies_stay_everything_converges(cache: str, reap: float | None) -> None:
    bench = running(*trio(cache=cache), world=new_world(reap=reap))
    for key in (KEY, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    names = tuple(f"service.{name}" for name in (*PAIR, "jobserver"))
    bench.converge(replace=names if cache == "keep" else ())
    assert bench.apply().outcomes == ()
    bench.with_specs(*trio(cache=cache, state="absent", jobs="absent")).converge()


def test_a_zombie_that_an_earlier_run_left_forbids_no_clear() -> None:
    bench = running(*pair(cache="keep"), world=new_world(reap=None))
    for key in (KEY, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    stopped = bench.with_specs(*pair(state="stopped"))
    stopped.converge()
    assert [row.zombie for row in frontend(bench.world).processes.values()] == [True, True]
    bench.with_specs(*pair(state="stopped", cache="cold")).converge()


@pytest.mark.parametrize("vouched", [False, True], ids=["nobody vouches", "--replace"])
def test_a_zombie_that_somebody_else_left_is_replaced_only_if_the_user_says_so(vouched: bool) -> None:
    world = build(Case("running", "zombie"))
    frontend(world).reap = None
    bench = Bench(world, spec_of(HASHSERVER))
    if not vouched:
        assert bench.apply().outcomes == ()
        assert (
            "nothing shows that process 4000 is this service" in reasons(bench.plan())["service.hashserver"]
        )
        return
    applied = bench.converge(replace=("service.hashserver",))
    stop = next(o for o in applied.outcomes if o.action.verb.value == "stop")
    assert stop.detail == "process 4000 was killed; that host has not reaped it yet"
    assert bench.apply().outcomes == ()


def test_a_pid_that_comes_again_is_no_zombie() -> None:
    """In a container that starts anew, the same service gets the same pid."""
    bench = running(*pair(), world=new_world())
    bench.with_specs(*pair(state="absent")).converge()
    host = frontend(bench.world)
    host.next_pid = 4000
    bench.converge()
    assert sorted(host.processes) == [4000, 4001]
    assert bench.apply().outcomes == ()
    fresh = bench.with_specs(*pair(), memory=DictMemory(gone=bench.memory.gone))
    assert fresh.plan().in_sync


def test_a_stopped_service_whose_pid_another_client_got_is_not_taken_for_dead() -> None:
    bench = running(*pair())
    down = bench.with_specs(*pair(state="stopped"))
    down.converge()
    frontend(bench.world).next_pid = 4000
    Bench(bench.world, *pair(), memory=DictMemory()).converge()
    assert frontend(bench.world).processes.keys() == {4000, 4001}
    assert bench.plan().in_sync
    down.converge()


# --- files that are not what they should be --------------------------------------------------

BAD = {
    "malformed": b'{"pid": 4',
    "empty": b"",
    "not an object": b"[]",
    "not UTF-8": b'{"status": "\xff"}',
    "deep": b"[" * 2000,
    "huge pid": b'{"status": "running", "pid": 99999999999999999999}',
}


@pytest.mark.parametrize("bad", BAD)
def test_a_malformed_neighbour_blocks_clears_and_nothing_else(bad: str) -> None:
    bench = running(*trio())
    for key in (KEY, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    frontend(bench.world).state["neighbour"] = StateFile(BAD[bad], bench.world.clock.now())
    cold = bench.with_specs(*trio(cache="cold"))
    plan = cold.plan()
    assert verbs(plan) == []
    assert reasons(plan)["cache.hashserver"].startswith("what runs on frontend could not be listed in full: ")
    bench.converge(replace=("service.hashserver",))
    del frontend(bench.world).state["neighbour"]
    cold.converge()


@pytest.mark.parametrize("bad", BAD)
def test_a_malformed_file_of_ones_own_hides_no_neighbour_and_is_replaced(bad: str) -> None:
    bench = running(*pair())
    world = bench.world
    for process in list(frontend(world).of_key(KEY)):
        del frontend(world).processes[process.pid]
    frontend(world).ports = {
        p: x for p, x in frontend(world).ports.items() if x.pid in frontend(world).processes
    }
    frontend(world).state[KEY] = StateFile(BAD[bad], world.clock.now())
    cold = bench.with_specs(*pair(cache="cold"))
    plan = cold.plan()
    assert state(plan, "service.hashserver") == "malformed"
    assert state(plan, "service.database") == "running"
    cold.converge()


def test_a_state_file_that_cannot_be_read_is_unknown_not_absent() -> None:
    """Its permissions are wrong, say: the helpers fail with an error of their own, as for anything else."""
    bench = running(*pair())
    denied = b"rhl-inspect: could not read /home/svc/x.json: [Errno 13] Permission denied"
    bench.world.faults += [
        Fault("reply", "rhl-ps", times=None, reply=(1, b"", b"rhl-ps: could not read x.json: [Errno 13]")),
        Fault("reply", "rhl-inspect", times=None, reply=(1, b"", denied)),
    ]
    plan = bench.plan()
    assert [plan.resource(f"service.{name}").verdict for name in PAIR] == [Verdict.UNKNOWN] * 2
    assert (verbs(plan), of_plan(plan, detailed=False)) == ([], Exit.UNKNOWN)
    assert bench.apply().outcomes == ()


def test_one_unreadable_state_file_leaves_the_others_known() -> None:
    bench = running(*pair())
    bench.world.faults += [
        Fault("reply", "rhl-ps", times=None, reply=(1, b"", b"rhl-ps: could not read x.json: [Errno 13]")),
        Fault("reply", "rhl-inspect", times=1, reply=(1, b"", b"rhl-inspect: could not read: [Errno 13]")),
    ]
    plan = bench.plan()
    assert plan.resource("service.hashserver").verdict is Verdict.UNKNOWN
    assert plan.resource("service.database").verdict is Verdict.IN_SYNC


@pytest.mark.parametrize("times", [1, 2])
def test_a_hiccup_of_the_listing_is_tried_again(times: int) -> None:
    bench = running(*trio(cache="cold"))
    hiccup = (1, b"", b"rhl-ps: could not read /home/svc/x.json: [Errno 2] No such file or directory")
    bench.world.faults.append(Fault("reply", "rhl-ps", times=times, reply=hiccup))
    plan = bench.plan()
    assert [
        r.address for r in plan.resources if r.kind == "service" and r.verdict is not Verdict.IN_SYNC
    ] == []
    called = [step.argv[0] for step in bench.world.trace].count("rhl-inspect")
    # The second time it is believed, and each key of the manifest is read by itself.
    assert called == (0 if times == 1 else 3)


def test_a_state_file_read_while_it_was_written_fails_no_launch() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    half = (1, b"", b"rhl-inspect: malformed JSON in /home/svc/x.json: Expecting value: line 1 column 1")
    # The first inspect proves the absence, right before the launch.
    bench.world.faults.append(Fault("reply", "rhl-inspect", nth=2, reply=half))
    bench.converge()


def test_a_state_file_that_stays_malformed_fails_the_launch() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER))
    half = (1, b"", b"rhl-inspect: malformed JSON in /home/svc/x.json: Expecting value: line 1 column 1")
    bench.world.faults.append(Fault("reply", "rhl-inspect", nth=2, times=None, reply=half))
    assert results(bench.apply())["launch service.hashserver"] == "failed"


# --- rows of other tools and times -----------------------------------------------------------


def test_rows_without_meta_are_ours_all_the_same() -> None:
    bench = running(*pair(cache="cold"))
    for key in (KEY, DATABASE.key):
        rewrite(bench.world, key, meta=None)
    plan = bench.plan()
    assert state(plan, "service.hashserver") == "running"
    # Without a launch id nothing vouches for the database.
    assert state(plan, "cache.database") == "populated"
    bench.converge()


def test_a_legacy_row_without_network_interface_and_log_is_read() -> None:
    bench = running(*pair())
    rewrite(bench.world, network_interface=None, log=None, uid=None)
    assert bench.plan().in_sync


def test_a_row_marked_stale_too_late_is_alive() -> None:
    bench = running(spec_of(HASHSERVER))
    rewrite(bench.world, status="stale")
    plan = bench.plan()
    assert state(plan, "service.hashserver") == "unhealthy"
    bench.converge()


@pytest.mark.parametrize("host", [FRONTEND, "local"])
@pytest.mark.parametrize("field", ["status", "port"])
@pytest.mark.parametrize("desired", ["running", "stopped", "absent"])
def test_a_row_that_lacks_something_is_malformed_and_made_good(desired: str, field: str, host: str) -> None:
    bench = running(spec_of(HASHSERVER, host=host))
    rewrite(bench.world, host=host, **{field: None})
    bench = bench.with_specs(spec_of(HASHSERVER, host=host, state=desired))
    assert state(bench.plan(), "service.hashserver") == "malformed"
    bench.converge()
    assert bool(serving(bench.world, host, KEY)) is (desired == "running")


def test_a_row_without_a_pid_leads_nowhere_but_what_answers_is_seen() -> None:
    bench = running(spec_of(HASHSERVER))
    rewrite(bench.world, pid=None)
    assert bench.apply().outcomes == ()
    assert "still answers on port 50000 (its state file)" in reasons(bench.plan())["service.hashserver"]


def test_a_daskserver_without_its_dashboard_port_is_malformed() -> None:
    bench = running(spec_of(DASKSERVER))
    rewrite(bench.world, DASKSERVER.key, dashboard_port=None)
    assert state(bench.plan(), "service.daskserver") == "malformed"


def test_another_service_on_the_same_port_leaves_open_whose_it_is() -> None:
    bench = running(spec_of(HASHSERVER))
    rival = replace(HASHSERVER, key="rival", workdir="~/elsewhere")
    host = frontend(bench.world)
    host.state["rival"] = StateFile(
        json.dumps({**raw(bench.world), "workdir": rival.workdir}).encode(), bench.world.clock.now()
    )
    plan = bench.plan()
    assert state(plan, "service.hashserver") == "unhealthy"
    assert "rival claims the same port" in reasons(plan)["service.hashserver"]
    assert verbs(plan) == []


# --- processes that no state file leads to ---------------------------------------------------


@pytest.mark.parametrize("trace", ["log", "client file", "memory"])
def test_a_process_whose_state_file_is_gone_is_found_by_its_traces(trace: str) -> None:
    bench = running(spec_of(HASHSERVER, tunnel="open" if trace == "client file" else "closed"))
    host = frontend(bench.world)
    del host.state[KEY]
    if trace != "log":
        del host.logs[KEY]
    memory = bench.memory if trace == "memory" else DictMemory()
    again = Bench(bench.world, spec_of(HASHSERVER), memory=memory)
    plan = again.plan()
    assert verbs(plan) == []
    assert "still answers on port 50000" in reasons(plan)["service.hashserver"]
    assert again.apply().outcomes == ()
    assert serving(bench.world, FRONTEND, KEY)


@pytest.mark.parametrize("state_", ["stopped", "absent"])
def test_before_a_clear_traces_are_followed_too(state_: str) -> None:
    bench = running(spec_of(HASHSERVER))
    assert use(bench.world, FRONTEND, KEY)
    del frontend(bench.world).state[KEY]
    cold = bench.with_specs(spec_of(HASHSERVER, state=state_, cache="cold"))
    assert verbs(cold.plan()) == []
    assert cold.apply().outcomes == ()
    assert "cannot be stopped" in reasons(cold.plan())["cache.hashserver"]


def test_a_port_that_another_service_claims_is_no_trace() -> None:
    bench = running(spec_of(HASHSERVER))
    host = frontend(bench.world)
    host.processes.clear()
    host.ports.clear()
    rewrite(bench.world, status="running")
    other = replace(HASHSERVER, key="other", workdir="~/elsewhere")
    host.next_port = 50_000
    build(Case("running", "ours", "ours"), other, world=bench.world)
    assert state(bench.plan(), "service.hashserver") == "stale"
    bench.converge()


def test_a_stranger_on_the_old_port_of_another_interface_is_no_trace() -> None:
    bench = running(spec_of(HASHSERVER))
    host = frontend(bench.world)
    host.processes.clear()
    host.ports.clear()
    stranger = Process(9_000, "stranger", 0.0, owner="other")
    host.processes[9_000] = stranger
    host.addresses |= {"node1.internal"}
    host.ports[50_000] = Listener("node1.internal", "http", 9_000, (("healthcheck", 200),))
    bench.converge()


# --- tunnels of others -----------------------------------------------------------------------


def test_a_local_port_that_another_service_got_is_left_to_it() -> None:
    """Our connection file is a leftover; its local port was given to another service's forward since."""
    bench = running(spec_of(DATABASE))
    file = bench.world.client.files()[DATABASE.key]
    leftover = {"hashname": "localhost", "hostname": "localhost", "port": file.port,
                "tunneled-host": FRONTEND, "tunneled-port": 40_000}  # fmt: skip
    bench.world.local.client_files[KEY] = json.dumps(leftover).encode()
    ours = bench.with_specs(spec_of(HASHSERVER))
    ours.converge()
    assert file.port in {forward.local_port for forward in bench.world.client.forwards()}
    assert bench.plan().in_sync


@pytest.mark.parametrize("desired", ["running", "absent"])
def test_forwards_to_other_hosts_and_services_are_left_alone(desired: str) -> None:
    bench = running(spec_of(HASHSERVER))
    client = bench.world.client
    bench.world.add_host("elsewhere")
    mine = client.place_forward(FRONTEND, "localhost", 12_345, 1)
    theirs = client.place_forward("elsewhere", "localhost", 50_000, 1)
    bench.with_specs(spec_of(HASHSERVER, state=desired)).converge()
    left = {forward.local_port for forward in client.forwards()}
    assert {mine.local_port, theirs.local_port} <= left


# --- helpers and hosts that are not there ----------------------------------------------------


def test_helpers_that_are_not_installed_make_everything_unknown() -> None:
    bench = Bench(new_world(helpers="missing"), *trio())
    plan = bench.plan()
    assert verbs(plan) == []
    assert {r.verdict for r in plan.resources if r.host == FRONTEND} == {Verdict.UNKNOWN}
    assert "not installed" in reasons(plan)["service.hashserver"]


@pytest.mark.parametrize("kind", ["unreachable", "timeout", "auth", "host key"])
def test_a_host_that_does_not_answer_makes_its_nodes_unknown(kind: str) -> None:
    bench = running(*pair())
    bench.world.faults.append(Fault(kind, times=None))
    plan = bench.plan()
    assert {r.verdict for r in plan.resources if r.host == FRONTEND} == {Verdict.UNKNOWN}
    assert (verbs(plan), of_plan(plan, detailed=True)) == ([], Exit.UNKNOWN)


def test_where_no_port_can_be_asked_directly_the_helper_asks() -> None:
    world = new_world()
    bench = Bench(world, *trio())
    transport = world.transport
    world.transport = lambda host="local", *, probes=True: transport(host, probes=False)  # type: ignore[method-assign]
    bench.converge()
    assert "rhl-handshake" in {step.argv[0] for step in world.trace if step.argv}


def test_where_a_proxy_hides_the_ports_nothing_is_taken_for_closed_that_is_not_shown_to_be() -> None:
    bench = running(*pair())
    frontend(bench.world).proxy = True
    transport = bench.world.transport
    bench.world.transport = lambda host="local", *, probes=True: transport(host, probes=False)  # type: ignore[method-assign]
    assert bench.plan().in_sync
