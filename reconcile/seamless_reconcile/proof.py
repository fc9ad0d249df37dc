"""Did a command really run on cold caches, through these services? Judged from two looks. Pure.

A pass on a warm cache proves nothing, and so does one that never asked the services at all
(docs/cold.md tells the story).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from seamless_reconcile.declared import CacheState
from seamless_reconcile.kinds import cache
from seamless_reconcile.kinds.cache import CacheNode, CacheObserved
from seamless_reconcile.kinds.service import ServiceObserved, State
from seamless_reconcile.snapshot import Snapshot


class Finding(str, Enum):
    """What two looks, before and after, say of a run."""

    GENUINE = "genuine"
    WARM = "already warm"
    CHANGED = "the services changed under it"
    UNTOUCHED = "never touched the services"
    UNKNOWN = "could not be told"


@dataclass(frozen=True, slots=True)
class CacheProof:
    """One cache before and after.

    Attributes:
        cold: whether it held no results before: by itself, not by its epoch.
        written: whether it held some after.
    """

    address: str
    host: str
    path: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    cold: bool
    written: bool


@dataclass(frozen=True, slots=True)
class ServiceProof:
    """One service before and after; `lived` is whether it is the same process, and well both times."""

    address: str
    host: str
    key: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    lived: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found, and on what grounds."""

    finding: Finding
    reasons: tuple[str, ...]
    caches: tuple[CacheProof, ...]
    services: tuple[ServiceProof, ...]

    @property
    def holds(self) -> bool:
        """Whether the run was a real one on cold caches."""
        return self.finding is Finding.GENUINE


def cold_nodes(snapshot: Snapshot) -> tuple[CacheNode, ...]:
    """Give the caches that are declared cold: the ones there is something to prove of."""
    return tuple(node for node in snapshot.nodes if node.state is CacheState.COLD)


def judge(before: Snapshot, after: Snapshot, keys: Mapping[str, tuple[str, str]]) -> Proof:
    """Compare two looks; the first rule that applies names the finding.

    Args:
        before: right before the command began, everything converged.
        after: right after it ended.
        keys: host and key of each service, by name.
    """
    nodes = cold_nodes(before)
    caches = tuple(_cache(node, before.caches[node.name], after.caches[node.name]) for node in nodes)
    names = [name for name in before.services if any(name in node.services for node in nodes)]
    services = tuple(
        _service(name, keys[name], before.services[name], after.services[name]) for name in names
    )
    return Proof(*_finding(caches, services), caches, services)


def _cache(node: CacheNode, before: CacheObserved, after: CacheObserved) -> CacheProof:
    return CacheProof(
        node.address,
        node.host,
        before.path,
        before.view(),
        after.view(),
        cold=before.state in cache.COLD,
        written=after.state is cache.State.POPULATED,
    )


def _service(
    name: str, key: tuple[str, str], before: ServiceObserved, after: ServiceObserved
) -> ServiceProof:
    well = before.state is State.RUNNING and after.state is State.RUNNING
    same = (before.pid, before.port, before.launch_id) == (after.pid, after.port, after.launch_id)
    return ServiceProof(f"service.{name}", *key, before.view(), after.view(), lived=well and same)


def _finding(
    caches: tuple[CacheProof, ...], services: tuple[ServiceProof, ...]
) -> tuple[Finding, tuple[str, ...]]:
    unknown = [c.address for c in caches if "unknown" in (c.before["state"], c.after["state"])]
    unknown += [s.address for s in services if "unknown" in (s.before["state"], s.after["state"])]
    if unknown:
        return Finding.UNKNOWN, tuple(f"{address} could not be looked at" for address in unknown)
    warm = [c for c in caches if not c.cold]
    if warm:
        return Finding.WARM, tuple(f"{c.address} was {c.before['state']} before the command" for c in warm)
    changed = [s for s in services if not s.lived]
    if changed:
        return Finding.CHANGED, tuple(f"{s.address}: {_change(s)}" for s in changed)
    untouched = [c for c in caches if not c.written]
    if untouched:
        return Finding.UNTOUCHED, tuple(f"nothing was written to {c.address} ({c.path})" for c in untouched)
    return Finding.GENUINE, ()


def _change(service: ServiceProof) -> str:
    if service.after["state"] != "running":
        return f"it is {service.after['state']} after the command"
    if service.before["state"] != "running":
        return f"it was {service.before['state']} before the command"
    return f"process {service.before.get('pid')} became process {service.after.get('pid')}"
