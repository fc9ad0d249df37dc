"""What an audit looks at, and what it gives: values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rhl_helpers.client import ConnectionFile, Forward, MalformedFile
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.audit.catalogue import CATALOGUE, Rule, Severity
from seamless_reconcile.desired import Desired
from seamless_reconcile.kinds.cache import cache_nodes
from seamless_reconcile.observed import Unknown
from seamless_reconcile.plan import Plan, Resource, Verdict
from seamless_reconcile.snapshot import Snapshot

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        resource: the address it is about; for what no manifest names `key.KEY`, `path.PATH` or
            `forward.PORT`; `host.NAME` for a whole host.
        host: where; "local" for this machine.
        message: what was seen, one line; text from hosts in it is untrusted.
        remedy: what to do, names put in where a shell can take them.
        evidence: what it was concluded from.
    """

    rule: Rule
    resource: str
    host: str
    message: str
    remedy: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.rule.severity


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything an audit looks at.

    Attributes:
        desired: the services of the manifest, and those adopted from their rows.
        snapshot: what is, of all of them.
        plan: what the manifest alone would have done.
        declared: names of services that the manifest names.
        files, forwards: this machine's side.
        client_problem: why that could not be read.
        addresses: under which addresses each host was looked at, to the host's name.
    """

    desired: Desired
    snapshot: Snapshot
    plan: Plan
    declared: frozenset[str] = frozenset()
    files: Mapping[str, ConnectionFile | MalformedFile] = field(default_factory=dict)
    forwards: tuple[Forward, ...] = ()
    client_problem: Unknown | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)

    @property
    def manifest(self) -> Desired:
        """The services that the manifest names."""
        named = {name: spec for name, spec in self.desired.services.items() if name in self.declared}
        return Desired(named, self.desired.warnings)

    def complete(self, host: str | None) -> bool:
        """Tell whether every state file of a host was seen."""
        facts = self.snapshot.hosts.get(host) if host is not None else None
        return facts is not None and facts.complete

    def resource(self, address: str) -> Resource | None:
        """Give what the plan says of a resource; None for what no manifest names."""
        return next((one for one in self.plan.resources if one.address == address), None)

    def settled(self, address: str) -> bool:
        """Tell whether a declared resource is as declared."""
        found = self.resource(address)
        return found is not None and found.verdict is Verdict.IN_SYNC

    def address(self, kind: str, name: str) -> str:
        """Give the address of a service or of its tunnel; `key.KEY` where no manifest names it."""
        return f"{kind}.{name}" if name in self.declared else f"key.{self.desired.services[name].key}"


def narrowed(snapshot: Snapshot, desired: Desired) -> Snapshot:
    """Give what a plan of the manifest alone would have seen: nothing of what was adopted."""
    nodes = cache_nodes(desired)
    return replace(
        snapshot,
        services={name: snapshot.services[name] for name in desired.services},
        tunnels={name: snapshot.tunnels[name] for name in desired.services},
        nodes=nodes,
        caches={node.name: snapshot.caches[node.name] for node in nodes},
    )


def finding(rule: str, resource: str, host: str, message: str, **evidence: Any) -> Finding:
    """Make a finding; what a remedy names is taken from the evidence."""
    known = CATALOGUE[rule]
    declared = not resource.startswith(("key.", "path.", "forward."))
    remedy = known.remedy if declared or not known.otherwise else known.otherwise
    told = {name: value for name, value in evidence.items() if value not in (None, "")}
    return Finding(known, resource, host, message, remedy.format(**_names(resource, host, told)), told)


_PLAIN = re.compile(r"[A-Za-z0-9~/_][A-Za-z0-9~/._@:-]{0,254}")


def _names(resource: str, host: str, evidence: Mapping[str, Any]) -> dict[str, str]:
    """Give what stands for the names of a remedy.

    People paste it into a shell, and ssh hands it to another one: what comes from a host and is not
    plain is left out (S10); the evidence has it.
    """

    def plain(text: object, otherwise: str) -> str:
        return str(text) if _PLAIN.fullmatch(str(text)) else otherwise

    at = plain(host, "HOST")
    return {
        "name": plain(resource.partition(".")[2], "NAME"),
        "key": plain(evidence.get("key", ""), "KEY"),
        "path": plain(evidence.get("path", ""), "PATH"),
        "pids": " ".join(str(pid) for pid in evidence.get("pids", ())),
        "on": "" if host == LOCAL else f"ssh {at} ",
        "where": "here" if host == LOCAL else f"on {at}",
    }
