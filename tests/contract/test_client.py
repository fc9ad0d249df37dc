"""This machine's side: the simulated client against the real one, which goes through a real sshd."""

from __future__ import annotations

import json
import os
import pathlib
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import pytest

from contract.lab import KEY, Lab
from contract.real_lab import RealLab
from contract.sim_lab import SimLab
from lab import Lab as SshLab
from rhl_helpers.client import Client, ConnectionFile, Forward, ForwardFailed, MalformedFile, Process
from rhl_helpers.local_client import LocalClient
from rhl_helpers.transport.base import Answer

FRONT = "plain"


class Side(ABC):
    """A client, and a machine it can forward to."""

    client: Client
    lab: Lab

    @abstractmethod
    def raw(self, key: str, raw: bytes) -> None:
        """Write a connection file's bytes."""

    @abstractmethod
    def kill(self, pid: int) -> None:
        """Kill one of this machine's processes."""

    @abstractmethod
    def mine(self, kind: str) -> int:
        """Have a process on this machine."""

    @abstractmethod
    def end_port(self, port: int) -> None:
        """End what listens on a port of the machine."""

    def forward(self, local_port: int) -> Forward:
        """Find one forward by its port."""
        (found,) = (forward for forward in self.client.forwards() if forward.local_port == local_port)
        return found

    def open(self, port: int) -> int:
        """Open a forward to a port of the machine."""
        return self.client.open_forward(FRONT, "localhost", port, self.lab.process())


class SimSide(Side):
    def __init__(self) -> None:
        self.lab: SimLab = SimLab()
        self.world = self.lab.world
        self.world.hosts[FRONT] = self.world.hosts.pop("machine")
        self.client = self.world.client

    def raw(self, key: str, raw: bytes) -> None:
        self.world.local.client_files[key] = raw

    def kill(self, pid: int) -> None:
        self.world.client.drop(pid)

    def mine(self, kind: str) -> int:
        machine, self.lab.machine = self.lab.machine, self.world.local
        try:
            return self.lab.process(kind)
        finally:
            self.lab.machine = machine

    def end_port(self, port: int) -> None:
        del self.lab.machine.ports[port]


class RealSide(Side):
    def __init__(self, folder: pathlib.Path) -> None:
        self.lab: RealLab = RealLab(folder)
        self.folder = folder / "client"
        self.folder.mkdir()
        self.client = LocalClient(self.folder)
        self.opened: list[int] = []

    def raw(self, key: str, raw: bytes) -> None:
        (self.folder / f"{key}.json").write_bytes(raw)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def mine(self, kind: str) -> int:
        return self.lab.process(kind)

    def end_port(self, port: int) -> None:
        os.kill(self.lab.stages[port], signal.SIGKILL)

    def open(self, port: int) -> int:
        self.opened.append(super().open(port))
        return self.opened[-1]

    def close(self) -> None:
        for forward in self.client.forwards():
            if forward.local_port in self.opened:
                self.client.end_forward(forward)
        self.lab.close()


@pytest.fixture(scope="session")
def sshd() -> Iterator[SshLab]:
    with SshLab() as running:
        running.host(FRONT)
        yield running


@pytest.fixture(params=["simulated", "real"])
def side(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Side]:
    if request.param == "simulated":
        yield SimSide()
        return
    if "ssh" in request.keywords:
        for name, value in request.getfixturevalue("sshd").env.items():
            monkeypatch.setenv(name, value)
    real = RealSide(tmp_path)
    try:
        yield real
    finally:
        real.close()


# --- connection files ----------------------------------------------------------------------

TUNNELLED = {
    "hostname": "localhost",
    "port": 61000,
    "tunneled-host": "front",
    "tunneled-port": 51000,
    "tunneled-network-interface": "localhost",
    "parameters": {"x_port": 5},
    "meta": {"a": 1},
}
DASK = {**TUNNELLED, "dashboard_port": 61001, "tunneled-dashboard_port": 51001}
READ: dict[str, tuple[Any, ConnectionFile]] = {
    "direct": ({"hostname": "node", "port": 51000}, ConnectionFile(KEY, "node", 51000, None, None, {}, {})),
    "tunnelled": (TUNNELLED, ConnectionFile(KEY, "localhost", 61000, "front", 51000, {}, {})),
    "two ports": (
        DASK,
        ConnectionFile(
            KEY, "localhost", 61000, "front", 51000, {"dashboard_port": 61001}, {"dashboard_port": 51001}
        ),
    ),
    "stale": (
        {**TUNNELLED, "status": "stale"},
        ConnectionFile(KEY, "localhost", 61000, "front", 51000, {}, {}, stale=True),
    ),
    "odd far port": (
        {**TUNNELLED, "tunneled-port": "51000", "tunneled-host": 5},
        ConnectionFile(KEY, "localhost", 61000, None, None, {}, {}),
    ),
}
UNREADABLE = {
    "cut": b'{"hostname": "loc',
    "not utf-8": b'{"hostname": "\xff", "port": 1}',
    "a list": b"[]",
    "deep": b"[" * 100_000,
    "no host": b'{"port": 61000}',
    "empty host": b'{"hostname": "", "port": 61000}',
    "no port": b'{"hostname": "localhost"}',
    "port as text": b'{"hostname": "localhost", "port": "61000"}',
    "boolean port": b'{"hostname": "localhost", "port": true}',
    "port 0": b'{"hostname": "localhost", "port": 0}',
}


@pytest.mark.parametrize("name", READ)
def test_files_that_the_client_wrote(side: Side, name: str) -> None:
    content, expected = READ[name]
    side.client.write_file(KEY, content)
    assert side.client.files() == {KEY: expected}


@pytest.mark.parametrize("name", UNREADABLE)
def test_files_that_nobody_can_use(side: Side, name: str) -> None:
    side.raw(KEY, UNREADABLE[name])
    side.raw("good", json.dumps(TUNNELLED).encode())
    files = side.client.files()
    assert isinstance(files[KEY], MalformedFile)
    assert isinstance(files["good"], ConnectionFile)


def test_a_file_is_rewritten_and_removed(side: Side) -> None:
    assert side.client.files() == {}
    side.client.write_file(KEY, TUNNELLED)
    side.client.write_file(KEY, {"hostname": "node", "port": 5})
    file = side.client.files()[KEY]
    assert isinstance(file, ConnectionFile)
    assert file.hostname == "node"
    side.client.remove_file(KEY)
    side.client.remove_file(KEY)
    assert side.client.files() == {}


@pytest.mark.parametrize("key", ["a/b", "../a", "a b", ""])
def test_no_key_no_file(side: Side, key: str) -> None:
    with pytest.raises(ValueError, match="not a service key"):
        side.client.write_file(key, TUNNELLED)
    with pytest.raises(ValueError, match="not a service key"):
        side.client.remove_file(key)


# --- processes and ports -------------------------------------------------------------------


def test_evidence(side: Side) -> None:
    alive = side.client.evidence(side.mine("sleep"))
    assert alive is not None
    assert not alive.zombie
    zombie = side.client.evidence(side.mine("zombie"))
    assert zombie is not None
    assert (zombie.zombie, zombie.command) == (True, ())
    assert side.client.evidence(side.mine("dead")) is None


def test_asking_ports(side: Side) -> None:
    if isinstance(side, SimSide):
        side.lab.machine = side.world.local
    port = side.lab.port("http", {"healthcheck": 200, "sick": 503})
    assert side.client.probe("localhost", port, "healthcheck") is Answer.OK
    assert side.client.probe("localhost", port, "/healthcheck") is Answer.OK
    assert side.client.probe("localhost", port, "sick") is Answer.NOT_OK
    assert side.client.probe("localhost", side.lab.port("closed"), "x") is Answer.CLOSED
    assert side.client.probe("localhost", side.lab.port("reset"), "x") is Answer.SILENT
    assert side.client.probe("localhost", side.lab.port("silent"), "x", timeout=0.5) is Answer.SILENT
    assert side.client.probe("no-such-host.invalid", 1, "x") is Answer.SILENT


# --- forwards ------------------------------------------------------------------------------


@pytest.mark.ssh
def test_a_forward_opens_answers_and_ends(side: Side) -> None:
    port = side.lab.port("http", {"healthcheck": 200})
    local = side.open(port)
    assert side.client.probe("localhost", local, "healthcheck") is Answer.OK
    forward = side.forward(local)
    assert (forward.ssh_host, forward.remote_host, forward.remote_port) == (FRONT, "localhost", port)
    assert forward.remote_pid is not None
    assert forward.ssh is not None
    assert forward.monitor is not None
    side.client.end_forward(forward)
    assert local not in [each.local_port for each in side.client.forwards()]
    assert side.client.probe("localhost", local, "healthcheck") is Answer.CLOSED
    side.client.end_forward(forward)


@pytest.mark.ssh
def test_a_forward_to_where_nobody_listens_accepts_and_resets(side: Side) -> None:
    port = side.lab.port("http", {"healthcheck": 200})
    local = side.open(port)
    side.end_port(port)
    side.lab.until(lambda: side.client.probe("localhost", local, "healthcheck") is Answer.SILENT)
    assert side.client.probe("localhost", side.open(side.lab.port("closed")), "x") is Answer.SILENT


@pytest.mark.ssh
def test_a_killed_monitor_leaves_its_ssh_forwarding(side: Side) -> None:
    local = side.open(side.lab.port("http", {"healthcheck": 200}))
    monitor = side.forward(local).monitor
    assert monitor is not None
    side.kill(monitor.pid)
    side.lab.until(lambda: side.forward(local).monitor is None)
    orphan = side.forward(local)
    assert orphan.ssh is not None
    assert orphan.remote_pid is None
    assert side.client.probe("localhost", local, "healthcheck") is Answer.OK
    side.client.end_forward(orphan)
    assert side.client.probe("localhost", local, "healthcheck") is Answer.CLOSED


@pytest.mark.ssh
def test_a_killed_ssh_leaves_its_monitor_for_a_while(side: Side) -> None:
    local = side.open(side.lab.port("http", {"healthcheck": 200}))
    ssh = side.forward(local).ssh
    assert ssh is not None
    # In its first half second the monitor would notice, and give up.
    side.lab.wait(1.0)
    side.kill(ssh.pid)
    side.lab.until(lambda: side.forward(local).ssh is None)
    assert side.forward(local).monitor is not None
    assert side.client.probe("localhost", local, "healthcheck") is Answer.CLOSED
    side.client.end_forward(side.forward(local))
    assert local not in [each.local_port for each in side.client.forwards()]


@pytest.mark.ssh
def test_an_ssh_that_ends_at_once_takes_its_monitor_along(side: Side) -> None:
    local = side.open(side.lab.port("http", {"healthcheck": 200}))
    ssh = side.forward(local).ssh
    assert ssh is not None
    side.kill(ssh.pid)
    side.lab.until(lambda: local not in [each.local_port for each in side.client.forwards()])


@pytest.mark.ssh
def test_a_pid_that_is_something_else_by_now_is_left_alone(side: Side) -> None:
    local = side.open(side.lab.port("http", {"healthcheck": 200}))
    forward = side.forward(local)
    assert forward.ssh is not None
    other = Forward(
        local,
        FRONT,
        "localhost",
        forward.remote_port,
        ssh=Process(forward.ssh.pid, forward.ssh.create_time - 5),
    )
    with pytest.raises(ForwardFailed):
        side.client.end_forward(other)
    assert side.client.probe("localhost", local, "healthcheck") is Answer.OK


@pytest.mark.ssh
def test_a_host_nobody_knows(side: Side) -> None:
    with pytest.raises(ForwardFailed):
        side.client.open_forward("nowhere", "localhost", 5, 5)
    assert "nowhere" not in [forward.ssh_host for forward in side.client.forwards()]
