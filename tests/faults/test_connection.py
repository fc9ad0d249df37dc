"""Wires that are cut, frozen, slow or noisy; hosts that do not let us in, or only grudgingly."""

from __future__ import annotations

import time
from contextlib import closing

import psutil
import pytest

from faults.scene import PAIR, Scene
from faults.witness import injected
from lab import HostSpec
from lab.clusters import on_host
from lab.host import keygen
from lab.proxy import Proxy
from lab.user import COMMAND, wait_for
from rhl_helpers import calls
from rhl_helpers.errors import AuthenticationFailed, HostKeyProblem, ProtocolError, Unreachable
from rhl_helpers.host import Host
from rhl_helpers.transport.paramiko_ssh import ParamikoTransport

pytestmark = [pytest.mark.ssh, pytest.mark.services]

WAYS = ("paramiko", "openssh")
DISTANT = "distant"


@pytest.fixture(scope="module")
def wire(lab, client, scene):
    """Hold the wire to the host: the cluster `distant` is reached through it."""
    with Proxy(scene.host.port) as held:
        lab.add_place(DISTANT, held.port, key=scene.host.host_key)
        cluster = on_host(scene.host, tunnel=True)
        cluster["frontends"][0]["ssh_hostname"] = DISTANT
        client.clusters({"distant": cluster})
        yield held


@pytest.fixture
def key(scene, wire):
    """Give a running database behind the wire, which is whole."""
    wire.cut_after = wire.spoil_after = None
    wire.latency = 0.0
    return scene.up("database", cluster="distant")["database"]


def told(client, seen):
    return f"`plan`: exit {client.exit}, the service is {seen.states['service.database']}"


def test_a_wire_that_is_cut_after_some_bytes(client, scene, wire, key):
    before = scene.site.footprint(key)
    for way, place in (("paramiko", 1200), ("openssh", 5000)):
        with injected("cut after bytes") as saw:
            wire.cut_after = place
            seen = client.plan("--ssh", way, code=None)
            assert seen.states["service.database"] in ("running", "unknown")
            # The monitor of a tunnel makes connections too, and ends where it cannot.
            assert {address for _, address in seen.verbs} <= {"tunnel.database"}
            assert client.exit in (0, 3)
            saw("`plan`: exit 0 or 3, the service is running or unknown")
            wire.cut_after = None
            client.converge("--ssh", way)
            assert scene.site.footprint(key) == before
            saw(f"the wire whole again: exit {client.exit}, the service was left alone")


def test_a_wire_that_spoils_a_byte(lab, client, scene, wire, key):
    with injected("byte spoiled") as saw:
        heard = set()
        for wire.spoil_after in range(0, 2000, 125):
            transport = ParamikoTransport(DISTANT, config_file=str(lab.ssh_config))
            with closing(transport):
                try:
                    row = Host(transport)._once(calls.inspect(key), None, None)
                    heard.add(row.pid)
                except (Unreachable, ProtocolError, HostKeyProblem, AuthenticationFailed):
                    heard.add(None)
        assert heard <= {None, scene.site.pid(key)}
        assert None in heard
        saw("each of 16 calls: the true answer, or a named error")
        wire.spoil_after = 1500
        seen = client.plan(code=None)
        assert seen.verbs == []
        saw(told(client, seen))
        wire.spoil_after = None


def test_a_wire_that_is_slow(client, scene, wire, key):
    with injected("latency") as saw:
        wire.latency = 0.15
        seen = client.plan("--detailed-exitcode")
        saw(told(client, seen))
        wire.latency = 0.0


def test_a_wire_that_is_cut_in_an_apply(client, scene, wire, key):
    """Everything dies at once: the login, and the ssh of the tunnel."""
    scene.dirty("database")
    with injected("cut in an apply") as saw:
        go = client.folder / "go"
        with client.tampered(hold="started stop service.database", until=str(go)):
            apply = client.start(COMMAND, "apply", "--yes")
            wait_for(lambda: go.with_name("go.there").exists(), seconds=60, why="the stop")
        wire.cut()
        go.touch()
        assert apply.end().returncode == 0
        saw("`apply`: exit 0")
        assert client.plan("--detailed-exitcode").in_sync
        assert len(client.forwards()) == 1
        assert scene.one_each()
        saw("in sync, with one process and one tunnel")


def test_a_host_that_falls_silent(client, scene, wire, key):
    for way in WAYS:
        with injected("sshd stopped") as saw:
            scene.host.freeze()
            began = time.monotonic()
            seen = client.plan("--ssh", way, "--timeout", "1", code=None)
            scene.host.thaw()
            assert time.monotonic() - began < 30
            assert seen.verbs == []
            saw(told(client, seen))
            assert client.plan("--ssh", way, "--detailed-exitcode").in_sync
            saw("going on: in sync")


def test_a_forward_that_is_stopped(client, scene, wire, key):
    (frozen,) = client.forwards()
    with injected("forward stopped") as saw:
        client.start("kill", "-STOP", frozen).end()
        seen = client.plan("--timeout", "1", code=None)
        saw(f"`plan`: exit {client.exit}, the tunnel is {seen.states['tunnel.database']}")
        client.converge("--timeout", "1")
        assert frozen not in client.forwards()
        assert len(client.forwards()) == 1
        saw("`apply`: exit 0, another forward, the stopped one is gone")
        assert scene.one_each()


def test_a_forward_that_is_left_by_its_monitor(client, scene, wire, key):
    (ssh,) = client.forwards()
    with injected("monitor killed") as saw:
        client.kill(psutil.Process(ssh).ppid())
        seen = client.plan(code=None)
        saw(f"`plan`: exit {client.exit}, the tunnel is {seen.states['tunnel.database']}")
        client.converge()
        assert len(client.forwards()) == 1
        saw("`apply`: exit 0, one forward")


def test_keys_that_do_not_fit(lab, client, scene, wire, key, tmp_path):
    known, keys = lab.known_hosts.read_text(), scene.host.folder / "authorized_keys"
    keygen(tmp_path / "other")
    other = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    before = scene.site.footprint(key)

    def looks(fault, words):
        for way in WAYS:
            with injected(fault) as saw:
                logins = scene.host.log.read_text().count("Accepted publickey")
                seen = client.plan("--ssh", way, code=None)
                saw(told(client, seen))
                assert words in seen.observed("service.database")["reason"]
                assert scene.host.log.read_text().count("Accepted publickey") == logins
                saw(f"the reason says: {words}; nobody logged in")

    try:
        lab.known_hosts.write_text("")
        looks("key unknown", "host key")
        lab.known_hosts.write_text(f"[127.0.0.1]:{wire.port} {other}\n")
        looks("key changed", "host key")
        lab.known_hosts.write_text(known)
        allowed = keys.read_text()
        keys.write_text(f"{other} somebody\n")
        looks("login refused", "authentication failed")
        keys.write_text(allowed)
    finally:
        lab.known_hosts.write_text(known)
    assert client.plan("--detailed-exitcode").in_sync
    assert scene.site.footprint(key) == before


def test_a_host_that_is_narrow_and_talkative(lab, client):
    """One session at a time, few logins at once, a banner, and a start-up file that prints."""
    noise = 'Welcome! {"key": "none"} \\033[31mred'
    spec = HostSpec("narrow", max_sessions=1, max_startups="2:50:3", banner="Keep {out}", noise=noise)
    scene = Scene(client, lab.add(spec))
    with injected("narrow") as one, injected("talkative") as other:
        scene.up(*PAIR, cluster="far")
        assert sum(line.endswith(" narrow") for line in client.forwards().values()) == 2
        assert client.plan("--ssh", "openssh", "--detailed-exitcode").in_sync
        for saw in (one, other):
            saw(f"two services and their tunnels brought up: exit {client.exit}, in sync")
        done = client.sr("plan")
        assert "\033[31m" not in done.stdout + done.stderr
    scene.declare(*PAIR, cluster="far", state="absent")
    client.converge()
