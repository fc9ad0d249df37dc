"""Read this machine's side: connection files, forwards, and what answers through them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from rhl_helpers.client import Client, ConnectionFile, Forward, MalformedFile
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import TunnelFacts
from seamless_reconcile.kinds.tunnel import State, classify, ports_of
from seamless_reconcile.observed import Unknown


@dataclass(frozen=True)
class ClientFacts:
    """All of this machine's connection files and forwards."""

    files: Mapping[str, ConnectionFile | MalformedFile]
    forwards: tuple[Forward, ...]
    problem: Unknown | None = None

    def about(self, spec: ServiceSpec, row: ServerRow | None) -> TunnelFacts:
        """Give what concerns one service: its file, and the forwards that may be its own.

        Args:
            spec: the service.
            row: its state file, where it has one that can be read: it names the ports they lead to.
        """
        file = self.files.get(spec.key)
        near, far = ports_of(file, row)
        mine = {index for port in near for index in self._by_port.get((spec.host, "near", port), ())}
        mine |= {index for port in far for index in self._by_port.get((spec.host, "far", port), ())}
        forwards = tuple(self.forwards[index] for index in sorted(mine))
        elsewhere = {f.local_port for f in forwards if self._named.get(f.local_port, set()) - {spec.key}}
        return TunnelFacts(file, forwards, None, frozenset(elsewhere), self.problem)

    @cached_property
    def _by_port(self) -> Mapping[tuple[str, str, int], list[int]]:
        """The forwards by their host, end and port."""
        found: dict[tuple[str, str, int], list[int]] = {}
        for index, forward in enumerate(self.forwards):
            for end in (("near", forward.local_port), ("far", forward.remote_port)):
                found.setdefault((forward.ssh_host, *end), []).append(index)
        return found

    @cached_property
    def _named(self) -> Mapping[int, set[str]]:
        """The keys whose connection files name a local port."""
        found: dict[int, set[str]] = {}
        for file in self.files.values():
            if isinstance(file, ConnectionFile):
                for port in (file.port, *(file.extra or {}).values()):
                    found.setdefault(port, set()).add(file.key)
        return found


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
    facts = here.about(spec, row)
    settled = classify(spec, facts, row, service_known=True)
    if (
        passive
        or settled.state not in (State.OPEN, State.ORPHAN)
        or not isinstance(facts.file, ConnectionFile)
    ):
        return facts
    return replace(facts, answer=ask_through(spec, facts.file, client))


def ask_through(spec: ServiceSpec, file: ConnectionFile, client: Client) -> Answer:
    """Ask for the service's handshake the way its clients reach it."""
    port = file.port
    if spec.handshake is not None and spec.handshake.port_name:
        port = (file.extra or {}).get(spec.handshake.port_name, port)
    answer = client.probe(file.hostname, port, spec.handshake.path if spec.handshake else "")
    return Answer.OK if spec.handshake is None and answer is not Answer.CLOSED else answer
