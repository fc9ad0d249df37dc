"""What an audit looks at, and what it gives: values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from rhl_helpers.client import ConnectionFile, Forward, MalformedFile
from rhl_helpers.transport.base import LOCAL
from rhl_helpers.transport.output import PATH_PREFIX
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
        steps: what to do, in order, as in the rule, names put in where a shell can take them.
        evidence: what it was concluded from.
        whole: whether every name could be put in, so that the commands can be run as they are.
    """

    rule: Rule
    resource: str
    host: str
    message: str
    steps: tuple[str, ...]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.rule.severity

    @property
    def remedy(self) -> str:
        """What to do, in one line."""
        return told_of(self.steps)

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands among it, as a shell takes them; none where a name could not be put in."""
        return tuple(step[1:] for step in self.steps if step.startswith("$")) if self.whole else ()


def told_of(steps: Iterable[str]) -> str:
    """Give steps in one line."""
    return "; then ".join(step.removeprefix("$") for step in steps).replace(":; then ", ": ")


class Guard(str, Enum):
    """What stands before the helpers of a host, as two harmless questions showed."""

    NONE = "none"
    UNPOLICIED = "no policy"
    PERMISSIVE = "permissive"
    ROOTS = "data roots"
    MARKER = "marker"


@dataclass(frozen=True, slots=True)
class Besides:
    """What an audit reads beside what a plan reads.

    Attributes:
        guards: by host; a host of which nothing was learnt is not in it.
        clocks: by host, seconds its clock is at least ahead (or, negative, behind) of a client's.
        inner: by host and directory, other caches inside that hold data.
        unused: by host and key, seconds since a service was last used, where its log tells.
    """

    guards: Mapping[str, Guard] = field(default_factory=dict)
    clocks: Mapping[str, float] = field(default_factory=dict)
    inner: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    unused: Mapping[tuple[str, str], float] = field(default_factory=dict)


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
        besides: what was read beside what a plan reads.
        manifests: the manifests that were named; none where it is the one of this folder.
    """

    desired: Desired
    snapshot: Snapshot
    plan: Plan
    declared: frozenset[str] = frozenset()
    files: Mapping[str, ConnectionFile | MalformedFile] = field(default_factory=dict)
    forwards: tuple[Forward, ...] = ()
    client_problem: Unknown | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    besides: Besides = field(default_factory=Besides)
    manifests: tuple[str, ...] = ()

    @property
    def manifest(self) -> Desired:
        """The services that the manifest names."""
        named = {name: spec for name, spec in self.desired.services.items() if name in self.declared}
        return Desired(named, self.desired.warnings)

    def complete(self, host: str | None) -> bool:
        """Tell whether every state file of a host was seen."""
        facts = self.snapshot.hosts.get(host) if host is not None else None
        return facts is not None and facts.complete

    def leads_to(self, key: str) -> str | None:
        """Name the host to which this client's connection file of a key leads, where it was looked at."""
        file = self.files.get(key)
        if not isinstance(file, ConnectionFile):
            return None
        if file.tunneled_host is not None:
            return self.addresses.get(file.tunneled_host)
        return LOCAL if file.hostname in LOOPBACK else self.addresses.get(file.hostname)

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
    steps = known.remedy if declared or not known.otherwise else known.otherwise
    told = {name: value for name, value in evidence.items() if value not in (None, "")}
    names = _names(resource, host, told)
    unfit = any(f"{{{name}}}" in step for step in steps for name, value in names.items() if value is None)
    fitting = {name: name.upper() if value is None else value for name, value in names.items()}
    if names["host"] is None:
        unfit = unfit or any("{on}" in step for step in steps)
    put_in = tuple(step.format(**fitting) for step in steps)
    return Finding(known, resource, host, message, put_in, told, whole=not unfit)


_PLAIN = re.compile(r"[A-Za-z0-9~/_][A-Za-z0-9~/._@:-]{0,254}")


def _names(resource: str, host: str, evidence: Mapping[str, Any]) -> dict[str, str | None]:
    """Give what stands for the names of a remedy; None for one that is not plain.

    People paste it into a shell, and ssh hands it to another one: what comes from a host and is not
    plain is left out (S10); the evidence has it.
    """

    def plain(text: object) -> str | None:
        return str(text) if _PLAIN.fullmatch(str(text)) else None

    path, at = plain(evidence.get("path", "")), plain(host)
    pids = " ".join(str(pid) for pid in evidence.get("pids", ()))
    return {
        "name": plain(resource.partition(".")[2]),
        "key": plain(evidence.get("key", "")),
        # The "~" of another host is for its own shell.
        "path": f"'{path}'" if path and path.startswith("~") and host != LOCAL else path,
        "pids": pids or None,
        "hint": str(evidence.get("hint", "")) or None,
        "host": at,
        "on": "" if host == LOCAL else f"ssh {at or 'HOST'} '{PATH_PREFIX}' ",
        "where": "here" if host == LOCAL else f"on {at or 'HOST'}",
    }
