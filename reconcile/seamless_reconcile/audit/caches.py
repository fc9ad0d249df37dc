"""What an audit finds of caches. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from seamless_reconcile.audit.scene import Finding, Scene, finding, narrowed
from seamless_reconcile.declared import CacheState
from seamless_reconcile.kinds.cache import CacheNode, CacheObserved, State, nested_outside
from seamless_reconcile.paths import contains, expand
from seamless_reconcile.plan import Verdict
from seamless_reconcile.planner.warmth import warm_above

_SHOWN = 5


def cache_findings(scene: Scene, broken: AbstractSet[str]) -> Iterator[Finding]:
    """Find what is wrong with caches, or worth knowing of them.

    Args:
        scene: what was looked at.
        broken: services that have a finding of their own: that nobody serves their cache follows from it.
    """
    for node in scene.snapshot.nodes:
        seen = scene.snapshot.caches[node.name]
        for rule, message in (*_state(scene, node, seen, broken), *_asserted(scene, node, seen)):
            yield finding(
                rule, _address(scene, node), node.host, message,
                path=seen.path, state=seen.state.value, size=seen.size, modified=seen.modified,
                epoch=seen.epoch, services=[scene.desired.services[name].key for name in node.services],
            )  # fmt: skip
    yield from _false_passes(scene)


def _address(scene: Scene, node: CacheNode) -> str:
    return node.address if node.name in scene.declared else f"path.{node.path}"


def _state(
    scene: Scene, node: CacheNode, seen: CacheObserved, broken: AbstractSet[str]
) -> Iterator[tuple[str, str]]:
    if seen.state is State.UNKNOWN and scene.complete(node.host) and not seen.refused:
        yield "R308", f"{seen.path}: {seen.reason}"
    if seen.state is State.FOREIGN:
        yield "R304", f"{seen.path}: {seen.reason}"
    served = any(scene.snapshot.services[name].alive or name in broken for name in node.services)
    if seen.state is State.POPULATED and not served and scene.complete(node.host):
        yield "R301", f"{seen.path} holds results, and nothing serves it"
    if len(node.services) > 1:
        keys = ", ".join(scene.desired.services[name].key for name in node.services)
        yield "R303", f"{seen.path} is shared by {keys}"


def _asserted(scene: Scene, node: CacheNode, seen: CacheObserved) -> Iterator[tuple[str, str]]:
    """Hold a cache against what the manifest says of it, and against what else lies inside."""
    yield from _inside(scene, node, seen)
    planned = scene.resource(node.address) if node.name in scene.declared else None
    if planned is None or planned.verdict not in (Verdict.DRIFT, Verdict.BLOCKED):
        return
    why = next((blocked.reason for blocked in scene.plan.blocked if blocked.resource == node.address), "")
    if node.state is CacheState.WARM:
        yield "R309", f"{seen.path} is {seen.state.value}"
    elif seen.state is not State.FOREIGN:
        yield "R306", f"{seen.path} is {seen.state.value}" + (f"; {why}" if why else "")


def _inside(scene: Scene, node: CacheNode, seen: CacheObserved) -> Iterator[tuple[str, str]]:
    """Find other caches inside one."""
    home = scene.snapshot.hosts[node.host].home
    if node.state is CacheState.COLD:
        here = [other for other in scene.snapshot.nodes if other.host == node.host]
        cold = [other.path for other in here if other.state is CacheState.COLD]
        inside = nested_outside(seen, cold, home)
        if inside:
            yield "R302", f"{seen.path} holds {_listed(nested.path for nested in inside)}"
        return
    inner = scene.besides.inner.get((node.host, node.path), ())
    if inner and not any(contains(path, expand(node.path, home)) for path in _outer(scene, node)):
        unserved = [path for path in inner if path not in _served(scene, node.host)]
        tail = f"; nothing serves {_listed(unserved)}" if unserved and scene.complete(node.host) else ""
        yield "R310", f"{seen.path} holds {_listed(inner)}{tail}"


def _outer(scene: Scene, node: CacheNode) -> list[str]:
    """Give the caches of a host in which others were found: what is inside those is told there."""
    home = scene.snapshot.hosts[node.host].home
    return [expand(path, home) for host, path in scene.besides.inner if host == node.host]


def _served(scene: Scene, host: str) -> frozenset[str]:
    """Give the directories on a host in which a service lives."""
    home = scene.snapshot.hosts[host].home
    return frozenset(
        expand(other.path, home)
        for other in scene.snapshot.nodes
        if other.host == host and any(scene.snapshot.services[name].alive for name in other.services)
    )


def _listed(paths: Iterable[str]) -> str:
    """Give the first few of many."""
    told = list(paths)
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more


def _false_passes(scene: Scene) -> Iterator[Finding]:
    """Find what makes a cold cache prove nothing."""
    for address, message in scene.desired.warnings:
        if "false pass" in message:
            yield finding("R305", address, _host(scene, address), message)
    declared = scene.manifest
    for above in warm_above(declared, narrowed(scene.snapshot, declared)):
        yield finding("R307", above.address, _host(scene, above.address), above.message)


def _host(scene: Scene, address: str) -> str:
    spec = scene.desired.services.get(address.partition(".")[2])
    return spec.host if spec else ""
