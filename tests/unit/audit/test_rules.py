"""Every rule of the catalogue finds what it is for, and nothing in a healthy scene."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rhl_helpers.client import Forward, Process
from seamless_reconcile.audit import CATALOGUE, Severity, find, untold
from seamless_reconcile.audit.scene import finding
from seamless_reconcile.resolver.frontends import Frontend
from simulated.bench import spec_of, upstream_of
from unit.audit.scenes import (
    GONE,
    HEALTHY,
    JOBS,
    RESULTS,
    SCENES,
    STORE,
    healthy,
    look,
    shared,
    there,
)
from world import Case, World, build
from world.cases import FRONTEND
from world.transport import Fault

# An id, once released, keeps its meaning: add lines, change none.
GOLDEN = {
    "R101": "not as declared",
    "R102": "stale state",
    "R103": "failed service",
    "R104": "unhealthy service",
    "R105": "half-dead start",
    "R106": "malformed state file",
    "R107": "miswired jobserver",
    "R108": "hidden process",
    "R109": "state file without meta",
    "R110": "unmanaged service",
    "R111": "soon exits when idle",
    "R112": "two services claim one port",
    "R113": "service that could not be judged",
    "R114": "launched by another version",
    "R115": "key of another deployment",
    "R116": "one key on several hosts",
    "R117": "two processes of one service",
    "R118": "about to end, being idle",
    "R201": "broken tunnel",
    "R202": "misrouted tunnel",
    "R203": "orphan tunnel",
    "R204": "connection file of no service",
    "R205": "connections that could not be read",
    "R301": "warm cache that nobody serves",
    "R302": "other caches inside a cold one",
    "R303": "shared cache",
    "R304": "foreign data in a cache",
    "R305": "one cache of two cold",
    "R306": "not cold as declared",
    "R307": "warm cache above a cold one",
    "R308": "cache that could not be looked at",
    "R309": "not warm as declared",
    "R310": "caches inside a cache",
    "R401": "host that could not be asked",
    "R402": "helpers not installed",
    "R403": "guard without a path policy",
    "R404": "listing incomplete",
    "R405": "guard that lets every path through",
    "R406": "clocks that differ",
}
# What is found besides, because both are so.
BESIDES = {"R106": {"R404"}, "R112": {"R110"}}


def ids(found):
    return [one.rule.id for one in found]


def test_the_ids_are_unique_and_keep_their_meaning():
    assert {id_: rule.title for id_, rule in CATALOGUE.items()} == GOLDEN
    assert all(id_ == rule.id for id_, rule in CATALOGUE.items())


def test_a_healthy_scene_has_no_findings():
    scene = healthy()
    assert find(scene) == ()
    assert not untold(scene, ())


@pytest.mark.parametrize("id_", CATALOGUE)
def test_every_rule_finds_what_it_is_for_and_nothing_that_follows_from_it(id_):
    scene = SCENES[id_]()
    found = find(scene)
    assert set(ids(found)) == {id_} | BESIDES.get(id_, set())
    first = next(one for one in found if one.rule.id == id_)
    assert first.message
    assert "{" not in first.remedy
    assert untold(scene, found) == (CATALOGUE[id_].untold or "R404" in ids(found))


def test_the_gravest_come_first():
    world = build(GONE, STORE)
    build(HEALTHY, RESULTS, world=world)
    found = find(look(world, spec_of(STORE)))
    assert ids(found) == ["R102", "R110"]
    assert [one.severity for one in found] == [Severity.ERROR, Severity.INFO]


@pytest.mark.parametrize("case", [replace(HEALTHY, port="closed"), GONE], ids=str)
def test_nobody_is_told_to_stop_a_pid_that_may_be_someone_elses(case):
    """rhl-stop signals whatever pid the file holds; the finding of what is wrong says what comes first."""
    world = build(HEALTHY, STORE)
    build(case, replace(RESULTS, meta={}), world=world)
    notes = [one for one in find(look(world, spec_of(STORE))) if one.severity is Severity.INFO]
    assert ids(notes) == ["R110"]
    assert "rhl-stop" not in notes[0].remedy
    assert "seamless-reconcile import" in notes[0].remedy


# --- what follows from something else ------------------------------------------------------


@pytest.mark.parametrize("client", ["good", "malformed", "stale"])
def test_the_tunnel_and_the_cache_of_a_dead_service_are_no_findings(client):
    case = replace(GONE, client=client)
    assert ids(find(look(build(case, STORE), spec_of(STORE)))) == ["R102"]
    assert ids(find(look(build(case, STORE), hosts=there()))) == ["R102"]


def wired(world, port):
    urls = {"database": [{"remote_url": f"http://localhost:{port}"}], "buffer": []}
    return build(HEALTHY, replace(JOBS, parameters=urls), world=world)


def test_a_jobserver_wired_to_a_dead_service_follows_from_that():
    world = build(GONE, RESULTS)
    wired(world, 50_000)
    assert ids(find(look(world, hosts=there()))) == ["R102"]
    upstream = (upstream_of(RESULTS, name="database"),)
    specs = (spec_of(RESULTS), spec_of(JOBS, dependencies=("database",), upstream=upstream))
    assert "R107" not in ids(find(look(world, *specs)))


def test_a_declared_jobserver_wired_elsewhere_is_found():
    world = wired(build(HEALTHY, RESULTS), 44_444)
    upstream = (upstream_of(RESULTS, name="database"),)
    specs = (spec_of(RESULTS), spec_of(JOBS, dependencies=("database",), upstream=upstream))
    (found,) = find(look(world, *specs))
    assert (found.rule.id, found.resource) == ("R107", "service.jobserver")
    assert "44444" in found.message


def test_a_jobserver_is_judged_by_the_live_ports_of_the_hosts_that_were_seen():
    assert find(look(wired(build(HEALTHY, RESULTS), 50_000), hosts=there())) == ()
    # One that leads to a host nobody looked at is not judged.
    far = {"database": [{"remote_url": "http://elsewhere:44444"}], "buffer": [{"url": "http://[x"}, 7]}
    world = build(HEALTHY, replace(JOBS, parameters=far))
    assert find(look(world, hosts=there())) == ()
    # Once it is looked at, it is; not while its services could not be listed.
    world.add_host("elsewhere")
    hosts = (*there(), Frontend("elsewhere"))
    assert ids(find(look(world, hosts=hosts))) == ["R107"]
    world.faults.append(Fault("unreachable", host="elsewhere", times=None))
    assert ids(find(look(world, hosts=hosts))) == ["R401"]


def test_what_is_stopped_as_declared_is_no_finding():
    world = build(replace(GONE, state="stale", cache="empty"), STORE)
    assert find(look(world, spec_of(STORE, state="stopped"))) == ()
    # Nor is what somebody stopped on purpose, where nothing is declared.
    assert find(look(world, hosts=there())) == ()


# --- what nobody declared ------------------------------------------------------------------


def test_without_a_manifest_nothing_is_unmanaged_and_tunnels_are_nobodys_drift():
    closed = replace(HEALTHY, tunnel="none", client="absent")
    for tunnelled in (True, False):
        for case in (HEALTHY, closed):
            assert find(look(build(case, STORE), hosts=there(tunnelled=tunnelled))) == ()


def test_what_nobody_declared_gets_remedies_without_a_manifest():
    for case in (GONE, replace(GONE, state="failed"), replace(HEALTHY, port="closed")):
        (found,) = find(look(build(case, STORE), hosts=there()))
        assert found.resource == f"key.{STORE.key}"
        assert found.commands[0] == f"seamless-reconcile diagnose --host frontend --key {STORE.key}"
        assert found.commands[-1].startswith("ssh frontend 'PATH=$HOME/miniforge3/bin:")
        assert not any("apply" in command for command in found.commands)


def test_a_row_nobody_declared_that_is_no_row_is_found():
    world = build(replace(HEALTHY, state="wrong-type"), STORE)
    build(HEALTHY, RESULTS, world=world)
    assert [(f.rule.id, f.resource) for f in find(look(world, hosts=there()))] == [
        ("R106", f"key.{STORE.key}")
    ]


def test_a_connection_file_about_another_host_is_not_judged_here():
    world = build(HEALTHY, STORE)
    other = replace(HEALTHY, tunnel="none", client="absent")
    build(other, STORE, host="second", world=world)
    (found,) = find(look(world, hosts=(*there(), Frontend("second", "localhost", tunnelled=True))))
    # That the key lives twice is found, on the host which the file does not lead to.
    assert (found.rule.id, found.host) == ("R116", "second")


def test_a_malformed_connection_file_of_no_service_is_found():
    world = build(HEALTHY, STORE)
    world.local.client_files["gone"] = b"\xff\x00"
    (found,) = find(look(world, spec_of(STORE), hosts=there()))
    assert (found.rule.id, found.resource, found.host) == ("R204", "key.gone", "local")
    assert found.remedy == "rhl-rm gone --client"


def test_connection_files_are_judged_only_where_all_was_seen():
    world = build(Case(client="good"), STORE)
    assert find(look(world, hosts=(Frontend("local"),))) == ()
    build(replace(HEALTHY, state="malformed", client="absent", tunnel="none"), RESULTS, world=world)
    assert ids(find(look(world, hosts=there()))) == ["R404"]


def test_a_forward_that_nobody_names_is_found_and_a_users_own_is_not():
    world = build(HEALTHY, STORE)
    scene = look(world, spec_of(STORE))

    def found(**fields):
        settled = {"local_port": 1234, "ssh_host": FRONTEND, "remote_host": "localhost", "remote_port": 1}
        return find(replace(scene, forwards=(Forward(**{**settled, **fields}),)))

    (one,) = found(monitor=Process(41, 1.0), ssh=Process(42, 1.0))
    assert (one.rule.id, one.resource, one.commands) == ("R203", "forward.1234", ("kill -9 42 41",))
    port = scene.snapshot.services["hashserver"].port
    assert ids(found(ssh=Process(42, 1.0), remote_port=port)) == ["R203"]
    assert found(ssh=Process(42, 1.0)) == ()
    assert found(monitor=Process(41, 1.0), ssh_host="elsewhere") == ()


def test_services_that_share_a_directory_are_one_cache_however_it_is_spelled():
    world = build(HEALTHY, STORE)
    absolute = replace(STORE, key="hashserver-c-ro-p", workdir="/home/svc/buffers/p")
    build(HEALTHY, absolute, world=world)
    (found,) = find(look(world, hosts=there()))
    assert found.rule.id == "R303"
    declared = find(look(world, spec_of(STORE)))
    assert ids(declared) == ["R110", "R303"]
    assert declared[1].resource == "cache.hashserver"
    assert [one.rule.id for one in find(shared())] == ["R303"]


# --- hosts ---------------------------------------------------------------------------------


def test_a_dead_host_is_told_once_asked_once_and_hides_nothing_of_the_others():
    world = build(GONE, STORE)
    build(HEALTHY, RESULTS, host="dead", world=world)
    world.faults.append(Fault("timeout", host="dead", times=None))
    specs = (spec_of(STORE), spec_of(RESULTS, host="dead"))
    scene = look(world, *specs)
    found = find(scene)
    assert [(f.rule.id, f.host) for f in found] == [("R102", FRONTEND), ("R401", "dead")]
    assert untold(scene, found)
    assert len([step for step in world.trace if step.host == "dead"]) == 1


def test_a_host_without_services_was_looked_at_all_the_same():
    world = World()
    world.add_host(FRONTEND)
    scene = look(world, hosts=there())
    assert find(scene) == ()
    assert set(scene.snapshot.hosts) == {FRONTEND}


def test_a_passive_audit_asks_no_service():
    world = build(HEALTHY, STORE)
    last = [p.service.last_request for p in world.hosts[FRONTEND].processes.values() if p.service]
    world.clock.sleep(30)
    assert find(look(world, spec_of(STORE), passive=True)) == ()
    assert [p.service.last_request for p in world.hosts[FRONTEND].processes.values() if p.service] == last


@pytest.mark.parametrize(
    "hostile", ["x; rm -rf ~", "$(reboot)", "two  words", "-oProxyCommand=x", "`id`", "x\ny"]
)
def test_what_a_shell_would_obey_gets_into_no_remedy(hostile):
    for id_ in CATALOGUE:
        for resource in (f"service.{hostile}", f"key.{hostile}"):
            one = finding(id_, resource, hostile, hostile, key=hostile, path=hostile)
            assert hostile not in one.remedy
