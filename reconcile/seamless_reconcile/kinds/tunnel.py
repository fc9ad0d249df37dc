"""Tunnels: how this machine reaches a service.

Where the cluster tunnels, that is a connection file and an ssh forward; where it does not, the
connection file alone. Open means that row, port, forward and service agree: whatever follows a
connection file trusts it blindly, and a forward to a reused port reads someone else's cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rhl_helpers.client import ConnectionFile, Forward, MalformedFile
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import TunnelFacts
from seamless_reconcile.observed import Unknown

KIND = "tunnel"


class State(str, Enum):
    """The observed states of a tunnel (docs/glossary.md)."""

    CLOSED = "closed"
    OPEN = "open"
    BROKEN = "broken"
    MISROUTED = "misrouted"
    ORPHAN = "orphan"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TunnelObserved:
    """One connection as it is.

    Attributes:
        forwards: the ssh forwards that belong to it, orphans included.
        verified: whether a handshake through it was heard.
    """

    state: State
    reason: str = ""
    file: ConnectionFile | MalformedFile | None = None
    forwards: tuple[Forward, ...] = ()
    verified: bool = False

    @property
    def local_port(self) -> int | None:
        """The port on this machine, where there is one."""
        return self.file.port if isinstance(self.file, ConnectionFile) else None

    def view(self) -> dict[str, Any]:
        """Give what people and programs see of it."""
        shown: dict[str, Any] = {"state": self.state.value}
        optional: dict[str, Any] = {"reason": self.reason or None, "local_port": self.local_port}
        if self.forwards:
            optional["forwards"] = [f"{f.local_port}:{f.remote_host}:{f.remote_port}" for f in self.forwards]
        shown.update({name: value for name, value in optional.items() if value is not None})
        if self.state is State.OPEN and not self.verified:
            shown["verified"] = False
        return shown


def classify(
    spec: ServiceSpec, facts: TunnelFacts, row: ServerRow | None, *, service_known: bool
) -> TunnelObserved:
    """Tell the state of one connection.

    Args:
        spec: the service it leads to.
        facts: what was read on this machine.
        row: the service's state file, where it has one that can be read.
        service_known: False if the service's host could not be asked.
    """
    if facts.problem:
        return TunnelObserved(State.UNKNOWN, facts.problem.reason)
    mine, orphans = _sort_forwards(spec, facts, row)

    def seen(state: State, reason: str = "", *, verified: bool = False) -> TunnelObserved:
        return TunnelObserved(state, reason, facts.file, mine + orphans, verified)

    if facts.file is None:
        if orphans:
            return seen(
                State.ORPHAN, f"a forward on local port {orphans[0].local_port} that no client file names"
            )
        return seen(State.CLOSED)
    if isinstance(facts.file, MalformedFile):
        return seen(State.BROKEN, f"the client file is malformed: {facts.file.reason}")
    if facts.file.stale:
        return seen(State.BROKEN, "the client file is marked stale")
    wrong = _misrouted(spec, facts.file, row, mine)
    if wrong:
        return seen(State.MISROUTED, wrong)
    if spec.tunnelled and not mine:
        return seen(State.BROKEN, "its forward is gone")
    if facts.answer not in (Answer.OK, None):
        return seen(State.BROKEN, f"local port {facts.file.port} does not answer")
    if not service_known:
        return seen(State.UNKNOWN, "the service's host could not be asked")
    if orphans:
        return seen(
            State.ORPHAN, f"also a forward on local port {orphans[0].local_port} that no client file names"
        )
    return seen(State.OPEN, verified=facts.answer is Answer.OK)


def ports_of(
    file: ConnectionFile | MalformedFile | None, row: ServerRow | None
) -> tuple[frozenset[int], frozenset[int]]:
    """Give the ports of this machine that a service's file names, and those at the service's end."""
    far = _there(row.port, row.extra_ports) if row is not None else frozenset()
    if not isinstance(file, ConnectionFile):
        return frozenset(), far
    return _there(file.port, file.extra), far | _there(file.tunneled_port, file.tunneled_extra)


def _there(port: int | None, extra: Mapping[str, int] | None) -> frozenset[int]:
    return frozenset(one for one in (port, *(extra or {}).values()) if one is not None)


def _sort_forwards(
    spec: ServiceSpec, facts: TunnelFacts, row: ServerRow | None
) -> tuple[tuple[Forward, ...], tuple[Forward, ...]]:
    """Split forwards into those the connection file names and those that lead to this service unnamed.

    A local port left in the file may have been given to another service's forward since (S2). An ssh
    that carries other forwards too is a person's, neither made nor ended here.
    """
    named, remote_ports = ports_of(facts.file, row)
    service_ports = {row.port, *row.extra_ports.values()} if row is not None else set()
    here = [f for f in facts.forwards if f.ssh_host == spec.host and not f.shared]
    mine = tuple(
        f
        for f in here
        if f.local_port in named and (f.local_port not in facts.named_ports or f.remote_port in service_ports)
    )
    orphans = tuple(
        f
        for f in here
        if f.local_port not in named
        and f.local_port not in facts.named_ports
        and f.remote_port in remote_ports
    )
    return mine, orphans


def _misrouted(
    spec: ServiceSpec, file: ConnectionFile, row: ServerRow | None, mine: tuple[Forward, ...]
) -> str:
    """Say how a connection leads elsewhere than to the service; empty if it does not."""
    if spec.tunnelled != (file.tunneled_host is not None):
        return "the client file was made for " + ("a tunnel" if file.tunneled_host else "a direct connection")
    if file.tunneled_host is not None and file.tunneled_host != spec.host:
        return f"it goes through {file.tunneled_host}, the service is on {spec.host}"
    if row is None or row.port is None:
        return ""
    leads_to = file.tunneled_port if spec.tunnelled else file.port
    if leads_to != row.port:
        return f"it leads to port {leads_to}, the service is on port {row.port}"
    for forward in mine:
        if forward.local_port == file.port and forward.remote_port != row.port:
            return f"its forward leads to port {forward.remote_port}, the service is on port {row.port}"
    far = (file.tunneled_extra if spec.tunnelled else file.extra) or {}
    for name, port in row.extra_ports.items():
        if far.get(name) != port:
            return f"it leads to {name} {far.get(name)}, the service's is {port}"
    return ""


def unknown(reason: Unknown) -> TunnelObserved:
    """Make the observation of a connection that could not be looked at."""
    return TunnelObserved(State.UNKNOWN, reason.reason)
