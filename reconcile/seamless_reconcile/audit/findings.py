"""The rules of an audit, over one scene. Pure: whoever calls has read, and will print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from seamless_reconcile.audit.caches import cache_findings
from seamless_reconcile.audit.connections import connection_findings
from seamless_reconcile.audit.scene import Finding, Guard, Scene, finding
from seamless_reconcile.audit.services import service_findings
from seamless_reconcile.plan import Verdict


def find(scene: Scene) -> tuple[Finding, ...]:
    """Find everything there is to find, the gravest first.

    What only follows from another finding is none of its own: the tunnel of a dead service, a
    cache that a dead service left, a jobserver wired to it.
    """
    services = tuple(service_findings(scene))
    broken = {name for name, found in services if found.rule.id in _ROOTS}
    found = [
        *_hosts(scene),
        *(one for _, one in services),
        *connection_findings(scene, broken),
        *cache_findings(scene, broken),
    ]
    found = [_with_manifests(scene, one) for one in found]
    return tuple(sorted(found, key=lambda f: (f.severity.rank, f.rule.id, f.host, f.resource, f.message)))


_ROOTS = frozenset(
    {"R101", "R102", "R103", "R104", "R105", "R106", "R108", "R112", "R113"}
)  # after which a service's tunnel and cache are not judged by themselves


def untold(scene: Scene, found: Sequence[Finding]) -> bool:
    """Tell whether something could not be told, so that the absence of findings proves nothing."""
    unknown = any(resource.verdict is Verdict.UNKNOWN for resource in scene.plan.resources)
    return unknown or any(one.rule.untold for one in found)


def _hosts(scene: Scene) -> Iterator[Finding]:
    for name, facts in scene.snapshot.hosts.items():
        if facts.problem is not None:
            rule = {"not installed": "R402", "failed": "R404"}.get(facts.problem.kind, "R401")
            yield finding(rule, f"host.{name}", name, facts.problem.reason, hint=facts.problem.hint)
        known = {spec.key for spec in scene.desired.services.values() if spec.host == name}
        for key, row in facts.malformed.items():
            if key not in known:
                yield finding("R106", f"key.{key}", name, row.reason, key=key, pid=row.pid, port=row.port)
        yield from _account(scene, name)


CLOCKS_DIFFER = 60.0
"""Seconds by which two clocks may differ before it is worth a word."""


def _account(scene: Scene, host: str) -> Iterator[Finding]:
    """Find what is wrong with how a host lets its clients in, and with its clock."""
    refusal = next(
        (
            seen.reason
            for node in scene.snapshot.nodes
            if node.host == host
            and (seen := scene.snapshot.caches[node.name]).refused
            and "path-policy flag" in seen.reason
        ),
        "",
    )
    guard = scene.besides.guards.get(host)
    if refusal or guard is Guard.UNPOLICIED:
        yield finding("R403", f"host.{host}", host, "rhl-guard was given no path policy", said=refusal)
    if guard is Guard.PERMISSIVE:
        message = "rhl-guard lets through a path that no deployment uses"
        yield finding("R405", f"host.{host}", host, message, guard=guard.value)
    ahead = scene.besides.clocks.get(host, 0.0)
    if abs(ahead) >= CLOCKS_DIFFER:
        message = f"its clock is at least {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
        yield finding("R406", f"host.{host}", host, message, seconds=round(ahead))


def _with_manifests(scene: Scene, found: Finding) -> Finding:
    """Let remedies name the manifests that the audit was given: another folder's would be another world."""
    if not scene.manifests:
        return found
    named = shlex.join(word for path in scene.manifests for word in ("-f", path))
    steps = tuple(_OWN.sub(lambda own: f"{own[0]} {named}", step) for step in found.steps)
    return replace(found, steps=steps)


_OWN = re.compile(r"^\$seamless-reconcile (?:plan|apply|diagnose(?! --))\b")
