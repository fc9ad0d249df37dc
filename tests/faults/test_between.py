"""The world goes on between a look and an act: services end, ports are taken, others are at work."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager

import pytest

from faults.client import Client
from faults.witness import injected
from lab.clusters import on_host
from lab.user import COMMAND, wait_for
from lab.web import serve

pytestmark = [pytest.mark.ssh, pytest.mark.services]

DAY = 86_400
# A launch that waits until as many have come as the shim is told to wait for.
TOGETHER = """
mkdir "{folder}/launch.$$"
for _ in $(seq 600); do
  [ "$(ls -d "{folder}"/launch.* | wc -l)" -ge 2 ] && break
  sleep 0.05
done
real "$@"
"""


@pytest.fixture
def key(scene):
    return scene.up("database")["database"]


@contextmanager
def held(client, point, *words):
    """Start an apply, and hold it at a point for the length of the block."""
    go = client.folder / f"go-{client._started}"
    with client.tampered(hold=point, until=str(go)):
        apply = client.start(COMMAND, "apply", "--yes", "--json", *words)
    wait_for(lambda: go.with_name(f"{go.name}.there").exists(), seconds=60, why=point)
    try:
        yield apply
    finally:
        go.touch()


def test_a_service_that_idles_out_after_the_plan(client, scene):
    with injected("idled out") as saw:
        scene.up("hashserver", cache="keep", idle_timeout="2s")
        key = scene.keys["hashserver"]
        pid = scene.site.pid(key)
        client.sr("plan", "--replace", "service.hashserver", "--out", "saved.plan")
        wait_for(lambda: not scene.site.alive(key), seconds=30, why="it to idle out")
        done = client.sr("apply", "--yes", "saved.plan", code=None)
        assert "stale" in done.stderr
        saw(f"`apply FILE`: exit {client.exit}, nothing was done")
        assert scene.site.pid(key) == pid
        assert client.plan(code=None).states["service.hashserver"] == "stale"
        client.apply(code=None)
        assert scene.site.pid(key) != pid
        saw("`apply`: it is launched anew")
    scene.declare("hashserver", cache="keep", state="absent")
    client.converge()


def test_a_service_that_dies_after_the_plan(client, scene, key):
    with injected("died after the plan") as saw:
        client.sr("plan", "--replace", "service.database", "--out", "saved.plan")
        scene.site.kill(key)
        done = client.sr("apply", "--yes", "saved.plan", code=None)
        assert "stale" in done.stderr
        saw(f"`apply FILE`: exit {client.exit}, nothing was done")
        client.converge()
        assert scene.one_each()
        saw(f"`apply`: exit {client.exit}")


def test_a_service_that_dies_between_look_and_act(client, scene, key):
    with injected("died before the act") as saw:
        with held(client, "planned", "--replace", "service.database") as apply:
            scene.site.kill(key)
        done = apply.end()
        results = {one["verb"]: one["result"] for one in json.loads(done.stdout)["outcomes"]}
        saw(f"`apply`: exit {done.returncode}, stop: {results['stop']}, launch: {results['launch']}")
        assert scene.one_each()
        assert client.plan("--detailed-exitcode").in_sync
        saw("one process, in sync")


def test_a_service_that_was_launched_anew_between_look_and_act(lab, client, scene, key):
    """By somebody else, whose service is not the one that the plan was made on."""
    other = Client(lab, "f-other")
    other.clusters({"near": on_host(scene.host, tunnel=False)})
    other.manifest({"database": "running"}, cluster="near", project="demo")
    with injected("replaced before the act") as saw:
        with held(client, "planned", "--replace", "service.database") as apply:
            other.converge("--replace", "service.database")
            before = scene.site.footprint(key)
        done = apply.end()
        results = {one["verb"]: one["result"] for one in json.loads(done.stdout)["outcomes"]}
        saw(f"`apply`: exit {done.returncode}, stop: {results['stop']}")
        assert scene.site.footprint(key) == before
        saw("the other's service was left alone")


def test_two_applies_of_one_client(client, scene, key):
    with injected("two of one client") as saw:
        with held(client, "started stop service.database", "--replace", "service.database") as first:
            client.sr("apply", "--yes", "--replace", "service.database", code=None)
            saw(f"the second: exit {client.exit}")
        saw(f"the first: exit {first.end().returncode}")
        assert scene.one_each()


def test_two_clients_that_launch_at_once(lab, client, scene):
    """Both have seen that nothing is there, and neither can know of the other: the helpers have no locks."""
    one, two = (Client(lab, f"f-{name}") for name in ("one", "two"))
    for each in (one, two):
        each.clusters({"near": on_host(scene.host, tunnel=False)})
        each.manifest({"hashserver": "running"}, cluster="near", project="raced")
    key = "hashserver-near-rw-raced"
    with injected("two clients launch") as saw:
        with scene.shims.misbehave("rhl-launch-service", TOGETHER.format(folder=scene.shims.folder)):
            both = [each.start(COMMAND, "apply", "--yes", "--json") for each in (one, two)]
            ended = [apply.end() for apply in both]
        codes = sorted(done.returncode for done in ended)
        assert codes in ([0, 1], [1, 1])
        saw("one apply at most: exit 0; the other: exit 1")
        told = "".join(done.stdout for done in ended)
        assert "another client launched it at the same time" in told
        assert re.search(r"end it by hand|kill \d+", told)
        saw("who lost says so, and what to do")
        processes = {process.pid for process in scene.site.processes(key)}
        for pid in processes - {scene.site.pid(key)}:
            client.kill(pid)
        one.apply(code=None)
        two.apply(code=None)
        assert one.plan("--detailed-exitcode").in_sync
        assert two.plan("--detailed-exitcode").in_sync
        assert len(list(scene.site.processes(key))) == 1
        saw("the one too many ended by hand, and applied again: both in sync, one process")


def test_local_ports_that_somebody_takes(client, scene):
    with injected("local port stolen") as saw:
        scene.up("database", cluster="far", project="tunnelled")
        (ssh,) = client.forwards()
        client.kill(ssh)
        with client.tampered(steal=2):
            client.converge()
        saw(f"`apply`: exit {client.exit}")
        (line,) = client.forwards().values()
        port = json.loads((client.client_files / f"{scene.keys['database']}.json").read_text())["port"]
        assert f"-L {port}:" in line
        saw("a third port is used, one tunnel")


def test_a_port_on_the_host_that_somebody_takes(client, scene):
    """The service is dead, and another program answers where it did: well, and by the same handshake."""
    scene.up("database", cluster="far", project="tunnelled")
    key = scene.keys["database"]
    with injected("remote port stolen") as saw:
        scene.site.kill(key)
        before = scene.site.footprint(key)
        with serve(before[key][1]):
            states = client.plan(code=None).states
            saw(f"the service is {states['service.database']}, the tunnel {states['tunnel.database']}")
            client.apply(code=None)
            assert scene.site.footprint(key) == before
            saw(f"`apply`: exit {client.exit}, nothing was launched")
        client.converge()
        assert scene.one_each()
        saw(f"that program gone: exit {client.exit}, in sync")
    scene.declare("database", cluster="far", project="tunnelled", state="absent")
    client.converge()


def test_clocks_that_differ(client, scene, key):
    with injected("clock off") as saw:
        for seconds in (-400 * DAY, 400 * DAY):
            with client.tampered(clock=seconds):
                assert client.plan("--detailed-exitcode").in_sync
                client.converge("--replace", "service.database")
        assert client.plan("--detailed-exitcode").in_sync
        assert scene.one_each()
        saw(f"replaced under each clock: exit {client.exit}, in sync")
    elsewhere = 'TZ=Pacific/Kiritimati; export TZ; real "$@"'
    with injected("time zone off") as saw, scene.shims.misbehave("rhl-ps-persistent", elsewhere):
        seen = client.plan(code=None)
        assert seen.states["service.database"] == "running"
        assert ("clear", "cache.database") in seen.verbs
        saw(f"the database is {seen.states['cache.database']}, and would be cleared once more")
