"""Read this machine's side: connection files, forwards, and what answers through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rhl_helpers.client import Client, ConnectionFile, Forward, MalformedFile
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import TunnelFacts
from seamless_reconcile.kinds.tunnel import State, classify
from seamless_reconcile.observed import Unknown


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """All of this machine's connection files and forwards."""

    files: Mapping[str, ConnectionFile | MalformedFile]
    forwards: tuple[Forward, ...]
    problem: Unknown | None = None

    def named_elsewhere(self, key: str) -> frozenset[int]:
        """Give the local ports that the connection files of other services name."""
        return frozenset(
            port
            for file in self.files.values()
            if isinstance(file, ConnectionFile) and file.key != key
            for port in (file.port, *(file.extra or {}).values())
        )


def read_client(client: Client, *, forwards: bool) -> ClientFacts:
    """Read all connection files, and the forwards if any service is tunnelled."""
    try:
        return ClientFacts(client.files(), tuple(client.forwards()) if forwards else ())
    except OSError as exc:
        return ClientFacts({}, (), Unknown(f"the client's connection files could not be read: {exc}"))


def read_tunnel(
    spec: ServiceSpec, here: ClientFacts, row: ServerRow | None, client: Client, *, passive: bool
) -> TunnelFacts:
    """Read one connection; the handshake through it is asked for only where all else agrees."""
    others = here.named_elsewhere(spec.key)
    facts = TunnelFacts(here.files.get(spec.key), here.forwards, None, others, here.problem)
    settled = classify(spec, facts, row, service_known=True)
    if (
        passive
        or settled.state not in (State.OPEN, State.ORPHAN)
        or not isinstance(facts.file, ConnectionFile)
    ):
        return facts
    return TunnelFacts(facts.file, facts.forwards, ask_through(spec, facts.file, client), facts.named_ports)


def ask_through(spec: ServiceSpec, file: ConnectionFile, client: Client) -> Answer:
    """Ask for the service's handshake the way its clients reach it."""
    port = file.port
    if spec.handshake is not None and spec.handshake.port_name:
        port = (file.extra or {}).get(spec.handshake.port_name, port)
    answer = client.probe(file.hostname, port, spec.handshake.path if spec.handshake else "")
    return Answer.OK if spec.handshake is None and answer is not Answer.CLOSED else answer
