"""Wires: where a job service must find its hashserver and database, and where it was told to look.

A jobserver gets their addresses once, at its launch. When one of them restarts it comes up on another
port, and the jobserver goes on without its storage: it is miswired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Wire:
    """Where a jobserver must find one of its services.

    Attributes:
        name: the service's address for messages.
        url: its `remote_url`; None while it is not running.
    """

    role: str
    name: str
    url: str | None
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class Wiring:
    """All wires of one jobserver and the ports alive on the hosts they lead to."""

    wires: tuple[Wire, ...] = ()
    live_ports: frozenset[int] = field(default_factory=frozenset)
    unknown: bool = False


def miswired(parameters: Mapping[str, Any], wires: Iterable[Wire], live_ports: frozenset[int]) -> str:
    """Say how a jobserver's recorded URLs differ from where its services are; empty if they do not.

    Args:
        parameters: what its state file recorded at launch.
        wires: where its services are now.
        live_ports: ports that any live service on those hosts has, for wires that nobody declared.
    """
    for wire in wires:
        recorded = _recorded_ports(parameters, wire.role)
        if wire.url is None:
            gone = [port for port in recorded if port not in live_ports]
            if gone:
                return f"it is wired to port {gone[0]} for its {wire.role}, where nothing is any more"
            continue
        port = urlsplit(wire.url).port
        if not recorded:
            return f"it was launched without a {wire.role}: it computes without storage"
        if port not in recorded:
            return f"it is wired to port {recorded[0]} for its {wire.role}; {wire.name} is on port {port}"
    return ""


def _recorded_ports(parameters: Mapping[str, Any], role: str) -> list[int]:
    entries = parameters.get(role)
    ports: list[int] = []
    for entry in entries if isinstance(entries, list) else []:
        url = entry.get("remote_url") or entry.get("url") if isinstance(entry, dict) else None
        try:
            port = urlsplit(url).port if isinstance(url, str) else None
        except ValueError:
            port = None
        if port:
            ports.append(port)
    return ports
