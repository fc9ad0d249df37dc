"""This simulated machine's side: connection files, forwards, and asking local ports."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from rhl_helpers.client import (
    ConnectionFile,
    Forward,
    ForwardFailed,
    MalformedFile,
    ProcessEvidence,
)
from rhl_helpers.client import Process as Identified
from rhl_helpers.transport.base import Answer
from world import network
from world.command import KEY
from world.process import Listener, Process

if TYPE_CHECKING:
    from world.world import World

MONITOR_ROUND = 20.0
OPENING = 0.2
FIRST_LOOK = 0.4


class SimForward:
    """One port forward, and who watches it."""

    __slots__ = ("local_port", "monitor", "remote_host", "remote_pid", "remote_port", "ssh", "ssh_host")

    def __init__(
        self, local_port: int, ssh_host: str, remote_host: str, remote_port: int, remote_pid: int
    ) -> None:
        self.local_port = local_port
        self.ssh_host = ssh_host
        self.remote_host = remote_host
        self.remote_port = remote_port
        self.remote_pid = remote_pid
        self.monitor: int | None = None
        self.ssh: int | None = None

    def clone(self) -> SimForward:
        """Copy it."""
        copy = SimForward(self.local_port, self.ssh_host, self.remote_host, self.remote_port, self.remote_pid)
        copy.monitor, copy.ssh = self.monitor, self.ssh
        return copy


class SimClient:
    """What can be read and done on this machine, as `rhl_helpers.client.Client` says.

    Attributes:
        refuses: why the next forwards cannot be opened; None: they can.
        disk_full: no connection file can be written.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.opened: list[SimForward] = []
        self.refuses: str | None = None
        self.disk_full = False

    def clone(self, world: World) -> SimClient:
        """Copy it into another world."""
        copy = SimClient(world)
        copy.opened = [forward.clone() for forward in self.opened]
        copy.refuses, copy.disk_full = self.refuses, self.disk_full
        return copy

    # --- connection files ------------------------------------------------------------------

    def files(self) -> Mapping[str, ConnectionFile | MalformedFile]:
        """Read all connection files."""
        return {key: read_file(key, raw) for key, raw in sorted(self.world.local.client_files.items())}

    def write_file(self, key: str, payload: Mapping[str, Any]) -> None:
        """Write one connection file."""
        check(key)
        self.world.monitor.touching_file(self.world, key)
        if self.disk_full:
            raise OSError(28, "No space left on device")
        self.world.local.client_files[key] = json.dumps(dict(payload)).encode()
        self.world.effect("local", "wrote connection file", key)
        self.world.step("local", ("write-file", key), 0)

    def remove_file(self, key: str) -> None:
        """Remove one connection file; a missing one is fine."""
        check(key)
        self.world.monitor.touching_file(self.world, key)
        if self.world.local.client_files.pop(key, None) is not None:
            self.world.effect("local", "removed connection file", key)
        self.world.step("local", ("remove-file", key), 0)

    # --- forwards --------------------------------------------------------------------------

    def forward_at(self, local_port: int) -> SimForward | None:
        """Give the working forward on a port."""
        local = self.world.local
        for forward in self.opened:
            if forward.local_port == local_port and forward.ssh in local.processes:
                return forward
        return None

    def forwards(self) -> list[Forward]:
        """List the forwards of which something still runs."""
        found = []
        for forward in self.opened:
            monitor, ssh = self._named(forward.monitor), self._named(forward.ssh)
            if monitor is not None or ssh is not None:
                remote_pid = forward.remote_pid if monitor is not None else None
                found.append(
                    Forward(
                        forward.local_port,
                        forward.ssh_host,
                        forward.remote_host,
                        forward.remote_port,
                        remote_pid,
                        monitor,
                        ssh,
                    )
                )
        return found

    def _named(self, pid: int | None) -> Identified | None:
        process = self.world.local.processes.get(pid) if pid is not None else None
        if process is None or process.role not in ("ssh", "monitor"):
            return None
        return Identified(process.pid, process.started)

    def open_forward(self, ssh_host: str, remote_host: str, remote_port: int, remote_pid: int) -> int:
        """Open a forward; whether anybody answers at its far end is not looked at."""
        self.world.monitor.changing(self.world, "local", f"forward to {ssh_host}")
        self.world.clock.sleep(OPENING)
        host = self.world.hosts.get(ssh_host)
        problem = self.refuses
        if problem is None and (host is None or not host.up):
            problem = f"ssh: connect to host {ssh_host} port 22: Connection refused"
        if problem is not None:
            self.world.step("local", ("open-forward", ssh_host, str(remote_port)), None, "refused")
            raise ForwardFailed(problem)
        forward = self.place_forward(ssh_host, remote_host, remote_port, remote_pid)
        self.world.clock.after(FIRST_LOOK, monitor_start, forward.monitor)
        self.world.effect("local", "opened forward", str(forward.local_port))
        self.world.step("local", ("open-forward", ssh_host, str(remote_port)), 0)
        return forward.local_port

    def place_forward(
        self,
        ssh_host: str,
        remote_host: str,
        remote_port: int,
        remote_pid: int,
        *,
        local_port: int | None = None,
    ) -> SimForward:
        """Put a working forward on this machine, without any monitor of safety looking."""
        local = self.world.local
        port = local.free_port() if local_port is None else local_port
        forward = SimForward(port, ssh_host, remote_host, remote_port, remote_pid)
        ssh = Process(local.new_pid(), "ssh", self.world.clock.now())
        ssh.command = (
            "ssh",
            "-N",
            "-o",
            "ExitOnForwardFailure=yes",
            "-L",
            f"{port}:{remote_host}:{remote_port}",
            ssh_host,
        )
        monitor = Process(local.new_pid(), "monitor", self.world.clock.now())
        monitor.command = ("python", "-c", "...", "--ssh-host", ssh_host, "--local-port", str(port))
        for process in (ssh, monitor):
            local.processes[process.pid] = process
        forward.ssh, forward.monitor = ssh.pid, monitor.pid
        local.ports[port] = Listener("localhost", "forward", ssh.pid)
        self.opened.append(forward)
        self.world.clock.after(MONITOR_ROUND, monitor_round, monitor.pid)
        return forward

    def end_forward(self, forward: Forward) -> None:
        """End a forward; its processes must still be what they were (S8)."""
        world = self.world
        for process in (forward.ssh, forward.monitor):
            now = None if process is None else world.local.processes.get(process.pid)
            if process is not None and now is not None and now.started != process.create_time:
                world.step("local", ("end-forward", str(forward.local_port)), None, "not the same process")
                raise ForwardFailed(f"pid {process.pid} is another process now")
        pids = [process.pid for process in (forward.ssh, forward.monitor) if process is not None]
        world.monitor.ending_forward(
            world, forward.local_port, genuine=self._genuine(forward.local_port, pids)
        )
        for pid in pids:
            self.drop(pid)
        world.effect("local", "ended forward", str(forward.local_port))
        world.step("local", ("end-forward", str(forward.local_port)), 0)

    def _genuine(self, local_port: int, pids: list[int]) -> bool:
        """Tell whether these processes, as far as they run, are that port's forward."""
        known = {
            pid
            for forward in self.opened
            if forward.local_port == local_port
            for pid in (forward.ssh, forward.monitor)
        }
        return all(pid in known or pid not in self.world.local.processes for pid in pids)

    def drop(self, pid: int | None) -> None:
        """Have one of this machine's processes gone, with the port it held."""
        local = self.world.local
        if pid is None or local.processes.pop(pid, None) is None:
            return
        for port in [port for port, listener in local.ports.items() if listener.pid == pid]:
            del local.ports[port]

    # --- asking ----------------------------------------------------------------------------

    def probe(self, host: str, port: int, path: str, *, timeout: float = 10.0) -> Answer:
        """Ask a port as this machine sees it."""
        met = network.ask(self.world, self.world.local, host, port, path)
        if met == network.SILENT:
            self.world.clock.sleep(timeout)
        return network.as_answer(met)

    def real_path(self, path: str) -> str:
        """Say where a directory of this machine really is."""
        return self.world.local.tree.real(self.world.local.expand(path))

    def evidence(self, pid: int) -> ProcessEvidence | None:
        """Look at one of this machine's processes."""
        process = self.world.local.processes.get(pid)
        if process is None:
            return None
        command = () if process.zombie else process.command
        return ProcessEvidence(process.zombie, command, process.started)


def monitor_start(world: World, pid: int) -> None:
    """Do what a monitor does half a second after it started its ssh: give up if that is gone."""
    forward = next((forward for forward in world.client.opened if forward.monitor == pid), None)
    if forward is not None and forward.ssh not in world.local.processes:
        world.client.drop(pid)


def monitor_round(world: World, pid: int) -> None:
    """Do what a forward's monitor does every 20 s: end with its ssh, or with the remote process."""
    forward = next((forward for forward in world.client.opened if forward.monitor == pid), None)
    if forward is None or pid not in world.local.processes:
        return
    host = world.hosts.get(forward.ssh_host)
    if forward.ssh not in world.local.processes:
        world.client.drop(pid)
    elif host is None or not host.up or not host.live(forward.remote_pid):
        world.client.drop(forward.ssh)
        world.client.drop(pid)
    else:
        world.clock.after(MONITOR_ROUND, monitor_round, pid)


def check(key: str) -> None:
    """Refuse what cannot be a file name."""
    if not KEY.fullmatch(key):
        raise ValueError(f"not a service key: {key}")


@functools.lru_cache(maxsize=4096)
def read_file(key: str, raw: bytes) -> ConnectionFile | MalformedFile:
    """Decode one connection file."""
    try:
        data = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        return MalformedFile(key, f"not JSON: {exc}")
    if not isinstance(data, dict):
        return MalformedFile(key, "not a JSON object")
    hostname, port = data.get("hostname"), data.get("port")
    if not isinstance(hostname, str) or not hostname or not _is_port(port):
        return MalformedFile(key, "no usable hostname and port")
    through = data.get("tunneled-host")
    extra = {
        name: value for name, value in data.items() if name.endswith(("_port", "-port")) and _is_port(value)
    }
    tunnelled = {
        name.removeprefix("tunneled-"): value for name, value in extra.items() if name.startswith("tunneled-")
    }
    remote = tunnelled.pop("port", None)
    return ConnectionFile(
        key=key,
        hostname=hostname,
        port=port,
        tunneled_host=through if isinstance(through, str) else None,
        tunneled_port=remote,
        extra={name: value for name, value in extra.items() if not name.startswith("tunneled-")},
        tunneled_extra=tunnelled,
        stale=data.get("status") == "stale",
    )


def _is_port(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 < value < 65536
