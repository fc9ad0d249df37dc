"""Did a command really run on cold caches, through these services? Judged from two looks. Pure.

A pass on a warm cache proves nothing, and so does one that never asked the services at all
(docs/cold.md tells the story). When in doubt nothing is proven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from seamless_reconcile.declared import CacheState, Problem, ServiceState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds import cache
from seamless_reconcile.kinds.cache import CacheNode, CacheObserved, cache_nodes
from seamless_reconcile.kinds.service import ServiceObserved, State
from seamless_reconcile.paths import expand
from seamless_reconcile.planner.warmth import warm_above
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
        written: whether it held some after, and nothing but a write explains it.
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
    """What was found, and on what grounds.

    Attributes:
        reasons: why it does not hold, one line each.
        uncovered: warm caches that it says nothing of: a result can still have come from there.
    """

    finding: Finding
    reasons: tuple[str, ...]
    caches: tuple[CacheProof, ...]
    services: tuple[ServiceProof, ...]
    uncovered: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the run was a real one on cold caches."""
        return self.finding is Finding.GENUINE


Verdict = tuple[Finding, tuple[str, ...]]


# --- before anything is contacted ----------------------------------------------------------


def unprovable(desired: Desired, file: str) -> list[Problem]:
    """Say why nothing can be proven with a manifest; empty if something can.

    Args:
        desired: the manifest, resolved.
        file: what to call it.
    """
    cold = [node for node in cache_nodes(desired) if node.state is CacheState.COLD]
    if not cold:
        message = f"{file}: no cache is declared cold, so there is nothing to prove"
        return [Problem(None, message, "add `cache: cold`")]
    return [
        Problem(
            desired.services[node.name].at,
            f"{node.address} is to be cold, but no service on it is to run: nothing could be written there",
            "declare it `state: running`",
        )
        for node in cold
        if not any(desired.services[name].state is ServiceState.RUNNING for name in node.services)
    ]


# --- judging -------------------------------------------------------------------------------


def judge_start(before: Snapshot, desired: Desired) -> Proof | None:
    """Look whether a command may begin: all cold, all well. Gives what stands against it, or None."""
    caches, services = _paired(before, before, desired)
    verdict = _cannot_begin(caches, services, before, desired)
    return Proof(*verdict, caches, services, uncovered(before, desired)) if verdict else None


def judge(before: Snapshot, after: Snapshot, desired: Desired) -> Proof:
    """Compare two looks; the first rule that applies names the finding.

    Args:
        before: right before the command began, everything converged.
        after: right after it ended.
        desired: the manifest.
    """
    caches, services = _paired(before, after, desired)
    verdict = (
        _cannot_begin(caches, services, before, desired)
        or _unknown(caches, services, after, desired)
        or _changed(services)
        or _untouched(caches)
        or (Finding.GENUINE, ())
    )
    return Proof(*verdict, caches, services, uncovered(before, desired))


def _paired(
    before: Snapshot, after: Snapshot, desired: Desired
) -> tuple[tuple[CacheProof, ...], tuple[ServiceProof, ...]]:
    """Put together what was seen of each cold cache, and of each service that should run."""
    caches = tuple(
        _cache(node, before.caches[node.name], after.caches[node.name])
        for node in before.nodes
        if node.state is CacheState.COLD
    )
    services = tuple(
        _service(spec, before.services[name], after.services[name])
        for name, spec in desired.services.items()
        if spec.state is ServiceState.RUNNING
    )
    return caches, services


def _cache(node: CacheNode, before: CacheObserved, after: CacheObserved) -> CacheProof:
    # A database that is no longer told for untouched must also look different: a lost receipt is no write.
    stamped = (before.size, before.modified) != (after.size, after.modified)
    return CacheProof(
        node.address,
        node.host,
        before.path,
        before.view(),
        after.view(),
        cold=before.state in cache.COLD,
        written=after.state is cache.State.POPULATED
        and (before.state is not cache.State.PRISTINE or stamped),
    )


def _service(spec: ServiceSpec, before: ServiceObserved, after: ServiceObserved) -> ServiceProof:
    well = before.state is State.RUNNING and after.state is State.RUNNING
    same = (before.pid, before.port, before.launch_id) == (after.pid, after.port, after.launch_id)
    return ServiceProof(
        f"service.{spec.name}", spec.host, spec.key, before.view(), after.view(), lived=well and same
    )


# --- the rules -----------------------------------------------------------------------------

_HIDDEN = frozenset({cache.State.UNKNOWN.value, cache.State.UNVERIFIABLE.value})


def _cannot_begin(
    caches: tuple[CacheProof, ...], services: tuple[ServiceProof, ...], before: Snapshot, desired: Desired
) -> Verdict | None:
    hidden = [f"{c.address} is {c.before['state']}" for c in caches if c.before["state"] in _HIDDEN]
    hidden += [f"{s.address} is unknown" for s in services if s.before["state"] == State.UNKNOWN.value]
    hidden += strangers(before, desired)
    if hidden:
        return Finding.UNKNOWN, tuple(f"{what}, before the command" for what in hidden)
    warm = [c for c in caches if not c.cold]
    if warm:
        return Finding.WARM, tuple(_warmth(c) for c in warm)
    down = [s for s in services if s.before["state"] != State.RUNNING.value]
    if down:
        return Finding.CHANGED, tuple(f"{s.address} was {s.before['state']} before the command" for s in down)
    return None


def _warmth(proof: CacheProof) -> str:
    epoch = proof.before.get("epoch")
    why = f"; it was made cold for epoch {epoch}, and used since" if epoch else ""
    return f"{proof.address} was {proof.before['state']} before the command{why}"


def _unknown(
    caches: tuple[CacheProof, ...], services: tuple[ServiceProof, ...], after: Snapshot, desired: Desired
) -> Verdict | None:
    hidden = [f"{c.address} is {c.after['state']}" for c in caches if c.after["state"] in _HIDDEN]
    hidden += [f"{s.address} is unknown" for s in services if s.after["state"] == State.UNKNOWN.value]
    hidden += strangers(after, desired)
    return (Finding.UNKNOWN, tuple(f"{what}, after the command" for what in hidden)) if hidden else None


def strangers(snapshot: Snapshot, desired: Desired) -> list[str]:
    """Name live services that work in a cold cache's very directory and are not in the manifest.

    What was written there may have been written by them.
    """
    cold = [node for node in snapshot.nodes if node.state is CacheState.COLD]
    declared = {(spec.host, spec.key) for spec in desired.services.values()}
    found = []
    for node in cold:
        facts = snapshot.hosts.get(node.host, HostFacts(node.host))
        for row in facts.rows.values():
            there = row.workdir and expand(row.workdir, facts.home) == expand(node.path, facts.home)
            if row.live and there and (node.host, row.key) not in declared:
                found.append(
                    f"{row.key} (process {row.pid}), which is not in the manifest, serves {node.path}"
                )
    return found


def _changed(services: tuple[ServiceProof, ...]) -> Verdict | None:
    changed = [s for s in services if not s.lived]
    return (Finding.CHANGED, tuple(f"{s.address}: {_change(s)}" for s in changed)) if changed else None


def _change(service: ServiceProof) -> str:
    if service.after["state"] != State.RUNNING.value:
        return f"it is {service.after['state']} after the command"
    was, now = (f"process {v.get('pid')} on port {v.get('port')}" for v in (service.before, service.after))
    return f"{was} became {now}" if was != now else f"{was} was launched anew"


def _untouched(caches: tuple[CacheProof, ...]) -> Verdict | None:
    reasons = [f"nothing was written to {c.address} ({c.path})" for c in caches if not c.written]
    written = [c.address for c in caches if c.written]
    if reasons and written:
        # As where a computation failed: its input was stored, and no result.
        reasons.append(f"only {', '.join(written)} was written to")
    return (Finding.UNTOUCHED, tuple(reasons)) if reasons else None


# --- what a proof says nothing of ----------------------------------------------------------

_OTHER = {"hashserver": "database", "database": "hashserver"}
_DEPLOYMENT = ("cluster", "project", "subproject", "stage")


def uncovered(snapshot: Snapshot, desired: Desired) -> tuple[str, ...]:
    """Name the warm caches around the cold ones: the other one of two, others declared, and parents."""
    found = [
        f"{node.address} ({node.path}) was not made cold"
        for node in snapshot.nodes
        if node.state is not CacheState.COLD
    ]
    found += [f"{above.what} (above {above.address})" for above in warm_above(desired, snapshot)]
    return tuple(dict.fromkeys([*found, *_missing_halves(snapshot, desired)]))


def _missing_halves(snapshot: Snapshot, desired: Desired) -> Iterator[str]:
    there = {(_deployment(spec), spec.type) for spec in desired.services.values()}
    for node in snapshot.nodes:
        if node.state is not CacheState.COLD:
            continue
        for name in node.services:
            spec = desired.services[name]
            other = _OTHER.get(spec.type)
            if other is not None and (_deployment(spec), other) not in there:
                yield f"the {other} beside {node.address} is not in the manifest"


def _deployment(spec: ServiceSpec) -> tuple[str | None, ...]:
    return tuple(spec.identity.get(name) for name in _DEPLOYMENT)
