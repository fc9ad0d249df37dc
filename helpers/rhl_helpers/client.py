"""This machine's side of the services: connection files, forwards, and asking local ports.

The files and the forwards are the ones the Seamless client itself makes and reuses, in the
launcher's own format (`remote_http_launcher.create_local_file`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rhl_helpers.transport.base import Answer


@dataclass(frozen=True, slots=True)
class ConnectionFile:
    """What the client remembers of one service.

    Attributes:
        hostname, port: where the client connects.
        tunneled_host: the ssh name the forward goes through; None where there is no tunnel.
        tunneled_port: the service's own port at the other end of the forward.
        extra: further ports, local name -> port (`dashboard_port`).
        tunneled_extra: the same at the other end.
        stale: whether the file was marked so by `seamless-service-stop`.
    """

    key: str
    hostname: str
    port: int
    tunneled_host: str | None = None
    tunneled_port: int | None = None
    extra: Mapping[str, int] | None = None
    tunneled_extra: Mapping[str, int] | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class MalformedFile:
    """A connection file that is there but cannot be what the client wrote."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Process:
    """A process on this machine, named so that a reused pid is not mistaken for it (S8)."""

    pid: int
    create_time: float


@dataclass(frozen=True, slots=True)
class Forward:
    """One port forward on this machine.

    `monitor` is the launcher's watcher, `ssh` the `ssh -N -L` it started; either may be gone. `shared`
    tells that the ssh carries other forwards too: somebody's own, never to be ended.
    """

    local_port: int
    ssh_host: str
    remote_host: str
    remote_port: int
    remote_pid: int | None = None
    monitor: Process | None = None
    ssh: Process | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class ProcessEvidence:
    """What this machine itself can say about one of its pids."""

    zombie: bool
    command: tuple[str, ...]
    create_time: float


class ForwardFailed(Exception):
    """A forward could not be opened or ended; the message says why."""


class Client(Protocol):
    """What can be read and done on this machine."""

    def files(self) -> Mapping[str, ConnectionFile | MalformedFile]:
        """Read all connection files, by key."""

    def write_file(self, key: str, payload: Mapping[str, Any]) -> None:
        """Write one connection file, atomically, readable by its owner only.

        Raises:
            OSError: disk full, no permission.
        """

    def remove_file(self, key: str) -> None:
        """Remove one connection file; a missing one is fine."""

    def forwards(self) -> list[Forward]:
        """List this user's forwards."""

    def open_forward(self, ssh_host: str, remote_host: str, remote_port: int, remote_pid: int) -> int:
        """Open a forward the way the Seamless client does; gives the local port.

        Raises:
            ForwardFailed: with ssh's own words.
        """

    def end_forward(self, forward: Forward) -> None:
        """End a forward, ssh first, then its monitor, after verifying that they still are what they were.

        Raises:
            ForwardFailed: where something else now has that pid, or it would not end.
        """

    def probe(self, host: str, port: int, path: str, *, timeout: float = 10.0) -> Answer:
        """Ask a port as this machine sees it, by HTTP GET, proxies ignored."""

    def real_path(self, path: str) -> str:
        """Say where a directory of this machine really is, all links followed ("~" is this user's home)."""

    def evidence(self, pid: int) -> ProcessEvidence | None:
        """Look at a pid of this machine; None if there is no such process."""
