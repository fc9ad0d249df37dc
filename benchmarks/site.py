"""Real sshd hosts on which services seem to run: state files, data, and something that answers.

Reading asks nothing else of a service, so forty hosts fit on one machine. What starts and stops
services is measured on real ones (`restart`).
"""

from __future__ import annotations

import json
import shlex
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import Lab
from lab.host import HostSpec, LabHost
from lab.user import User
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.resolver.resolve import resolve_files

SERVICES = ("hashserver", "database", "jobserver", "daskserver", "pure_daskserver")
_STAND_IN = Path(__file__).with_name("standin.py")
_READY_SECONDS = 30.0
# Tells every login and every session in sshd's log, so that they can be counted.
TELLS = ("LogLevel VERBOSE",)


@dataclass(frozen=True, slots=True)
class Site:
    """Hosts with services, and a user who has declared them.

    Attributes:
        user: in whose working folder the manifest lies.
        hosts: the machines.
        desired: what the manifest resolves to.
    """

    user: User
    hosts: tuple[LabHost, ...]
    desired: Desired

    @property
    def lab(self) -> Lab:
        """The lab that the hosts are part of."""
        return self.user.lab

    def counted(self) -> Counted:
        """Count what the hosts have seen so far."""
        logs = [host.log.read_text(errors="replace") for host in self.hosts]
        return Counted(
            sum(log.count("Accepted publickey") for log in logs),
            sum(log.count("Starting session: command") for log in logs),
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """What sshd noted.

    Attributes:
        logins: connections that were let in.
        sessions: helper calls.
    """

    logins: int
    sessions: int

    def __sub__(self, before: Counted) -> Counted:
        """Give what came since then."""
        return Counted(self.logins - before.logins, self.sessions - before.sessions)


@contextmanager
def site(count: int, *, services: Sequence[str] = SERVICES, tunnel: bool = False) -> Iterator[Site]:
    """Put up so many hosts with converged services; with `tunnel`, the tunnels are left to be opened."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab())
        hosts = tuple(lab.add(HostSpec(f"n{index}", sshd=TELLS)) for index in range(count))
        user = User(lab, "user")
        user.clusters(
            {f"c{index}": lab.cluster(host.name, tunnel=tunnel) for index, host in enumerate(hosts)}
        )
        user.manifest(
            {
                f"{kind}-{index}": {"type": kind, "cluster": f"c{index}", **_project(kind)}
                for index in range(count)
                for kind in services
            }
        )
        _, desired = resolve_files([user.folder / "seamless.reconcile.yaml"], environ=user.env)
        _furnish(lab, user, {host.name: host for host in hosts}, desired, tunnel=tunnel)
        yield Site(user, hosts, desired)


def _project(kind: str) -> dict[str, str]:
    return {} if kind == "pure_daskserver" else {"project": "demo"}


# --- what is on the hosts ------------------------------------------------------------------


def _furnish(lab: Lab, user: User, hosts: dict[str, LabHost], desired: Desired, *, tunnel: bool) -> None:
    names, free = list(desired.services), _free_ports(2 * len(desired.services))
    ports = dict(zip(names, free[: len(names)], strict=True))
    dashboards = dict(zip(names, free[len(names) :], strict=True))
    pid = _stand_in(lab, [*ports.values(), *dashboards.values()])
    for name, spec in desired.services.items():
        host = hosts[spec.host]
        _state_file(host, spec, ports, dashboards[name], pid)
        _data(host, spec)
        if not tunnel:
            _client_file(user, spec, ports[name], dashboards[name])


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _stand_in(lab: Lab, ports: Sequence[int]) -> int:
    argv = [sys.executable, str(_STAND_IN), *(str(port) for port in ports)]
    pid = lab.spawn(argv, env=lab.env, name="stand-in")
    deadline = time.monotonic() + _READY_SECONDS
    while "listening" not in (lab.root / "stand-in.out").read_text():
        if time.monotonic() > deadline or lab.exit_code(pid) is not None:
            raise RuntimeError("the stand-in does not listen: " + (lab.root / "stand-in.err").read_text())
        time.sleep(0.02)
    return pid


def _state_file(host: LabHost, spec: ServiceSpec, ports: dict[str, int], dashboard: int, pid: int) -> None:
    wires: dict[str, list[dict[str, str]]] = {"database": [], "buffer": []}
    for upstream in spec.upstream:
        if upstream.name is not None:
            wires[upstream.role].append({"remote_url": f"http://127.0.0.1:{ports[upstream.name]}"})
    state: dict[str, Any] = {
        "workdir": spec.workdir,
        "log": str(host.server_dir / f"{spec.key}.log"),
        "command": shlex.join(word.replace("~/", f"{host.home}/", 1) for word in spec.argv),
        "uid": 0,
        "pid": pid,
        "status": "running",
        "port": ports[spec.name],
        "network_interface": spec.network_interface,
        "parameters": wires if spec.type == "jobserver" else {},
        "meta": dict(spec.meta),
    }
    if spec.handshake is not None and spec.handshake.port_name:
        state[spec.handshake.port_name] = dashboard
    host.server_dir.mkdir(parents=True, exist_ok=True)
    (host.server_dir / f"{spec.key}.json").write_text(json.dumps(state))
    (host.server_dir / f"{spec.key}.log").write_text("started\n")


def _data(host: LabHost, spec: ServiceSpec) -> None:
    if spec.cache is None:
        return
    folder = Path(spec.cache.path.replace("~/", f"{host.home}/", 1))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / spec.cache.marker).write_bytes(b"x" * 98304 if spec.cache.file else b"")
    if spec.cache.file is None:
        (folder / "ab").mkdir(exist_ok=True)
        (folder / "ab" / "abcd").write_text("a buffer")


def _client_file(user: User, spec: ServiceSpec, port: int, dashboard: int) -> None:
    content: dict[str, Any] = {"hostname": "127.0.0.1", "port": port}
    if spec.handshake is not None and spec.handshake.port_name:
        content[spec.handshake.port_name] = dashboard
    user.client_files.mkdir(parents=True, exist_ok=True)
    (user.client_files / f"{spec.key}.json").write_text(json.dumps(content))
