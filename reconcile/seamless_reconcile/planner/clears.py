"""Which caches are to be cleared, and what forbids it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seamless_reconcile.declared import CacheState, ServiceState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.kinds.cache import (
    HOLDS_DATA,
    CacheNode,
    CacheObserved,
    State,
    depth_first,
    home_by,
    is_cold,
)
from seamless_reconcile.kinds.service import Life, ServiceObserved
from seamless_reconcile.kinds.service import State as ServiceIs
from seamless_reconcile.plan import Verdict
from seamless_reconcile.planner.terrain import Terrain
from seamless_reconcile.safety import Refusal, clear_refusal
from seamless_reconcile.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Clear:
    """What the plan does with one cache.

    Attributes:
        needed: whether it has to be cleared and may be.
        cause: why it is cleared.
        refusal: why it is not, although it should be, or why an assertion does not hold.
        down: services of the manifest that must not run meanwhile.
    """

    verdict: Verdict
    needed: bool = False
    cause: str = ""
    refusal: Refusal | None = None
    down: tuple[str, ...] = ()


def decide_clears(
    desired: Desired,
    snapshot: Snapshot,
    *,
    wanted: frozenset[str] | None,
    replace: frozenset[str] = frozenset(),
    terrain: Terrain | None = None,
) -> dict[str, Clear]:
    """Decide for every cache, inner ones first, so that an outer one knows what becomes of them.

    Args:
        desired: the manifest.
        snapshot: what is.
        wanted: addresses that may be changed; None for all.
        replace: addresses to replace: the user vouches for what nothing else does.
        terrain: who is near whom, where that is known already.
    """
    place = {name: index for index, name in enumerate(desired.services)}
    round_ = _Round(desired, snapshot, terrain or Terrain(desired, snapshot), wanted, replace, place)
    for node in depth_first(snapshot.nodes):
        round_.decided[node.name] = _decide(node, round_)
    return {node.name: round_.decided[node.name] for node in snapshot.nodes}


@dataclass(frozen=True, slots=True)
class _Round:
    """The inputs of one round of decisions, and what was decided so far."""

    desired: Desired
    snapshot: Snapshot
    terrain: Terrain
    wanted: frozenset[str] | None
    replace: frozenset[str]
    # Where each service stands in the manifest.
    place: Mapping[str, int]
    decided: dict[str, Clear] = field(default_factory=dict)
    # By host, the keys of services whose state files are no obstacle there.
    cleared_away: dict[str, frozenset[str]] = field(default_factory=dict)

    def out_of_the_way(self, host: str) -> frozenset[str]:
        """Give the keys on a host whose state files stand in the way of no clear."""
        if host not in self.cleared_away:
            specs, seen = self.terrain.on(host).specs, self.snapshot.services
            self.cleared_away[host] = frozenset(s.key for s in specs if _out_of_the_way(s, seen[s.name]))
        return self.cleared_away[host]


def _decide(node: CacheNode, round_: _Round) -> Clear:
    snapshot, wanted = round_.snapshot, round_.wanted
    observed = snapshot.caches[node.name]
    if node.state is CacheState.KEEP:
        # Nothing is asserted of it, so nothing the guard hides stands in the way (never touched anyway).
        known = observed.state is not State.UNKNOWN or observed.refused
        return Clear(Verdict.IN_SYNC if known else Verdict.UNKNOWN)
    if observed.state is State.UNKNOWN:
        return Clear(Verdict.UNKNOWN, refusal=Refusal(observed.reason, observed.hint))
    if node.state is CacheState.WARM:
        return _warm(observed)
    served = any(snapshot.services[name].state is ServiceIs.RUNNING for name in node.services)
    if is_cold(node, observed, served=served):
        return Clear(Verdict.IN_SYNC)
    down = _must_be_down(node, round_)
    refused = _refusal(node, observed, down, round_)
    if refused:
        return Clear(Verdict.BLOCKED, refusal=refused)
    if wanted is not None and node.address not in wanted:
        return Clear(Verdict.DRIFT)
    epoch = f" since epoch {node.epoch}" if node.epoch else ""
    return Clear(
        Verdict.DRIFT, needed=True, cause=f"should be cold{epoch}, is {observed.state.value}",
        down=down,
    )  # fmt: skip


def _warm(observed: CacheObserved) -> Clear:
    if observed.state is State.POPULATED:
        return Clear(Verdict.IN_SYNC)
    if observed.state is State.UNVERIFIABLE:
        return Clear(Verdict.UNKNOWN, refusal=Refusal(observed.reason))
    return Clear(
        Verdict.BLOCKED,
        refusal=Refusal(f"declared warm, but it is {observed.state.value}", "only a computation can fill it"),
    )


def _refusal(
    node: CacheNode, observed: CacheObserved, down: tuple[str, ...], round_: _Round
) -> Refusal | None:
    """Ask everything that can forbid a clear: protection, services that cannot be stopped, S1 to S3."""
    desired, snapshot, ground = round_.desired, round_.snapshot, round_.terrain.on(node.host)
    for name in dict.fromkeys((*node.services, *down)):
        if desired.services[name].protect:
            return Refusal(f"service.{name} is protected")
    for name in down:
        service = snapshot.services[name]
        vouched = f"service.{name}" in round_.replace
        if service.life is Life.HIDDEN or (service.life is Life.UNPROVEN and not vouched):
            return Refusal(f"service.{name} cannot be stopped: {service.reason}", service.hint)
    for inner in ground.inside(node):
        blocked = round_.decided.get(inner.name)
        if blocked is not None and blocked.refusal is not None:
            return Refusal(f"{inner.address} lies inside and is blocked: {blocked.refusal.reason}")
    host = ground.facts_near(node.path, observed.real_path or node.path)
    listed = frozenset((*host.rows, *host.malformed, *host.hidden_by))
    going_down = {desired.services[name].key for name in down} | (listed & round_.out_of_the_way(node.host))
    return clear_refusal(
        node,
        observed,
        host,
        going_down=frozenset(going_down),
        cold_paths=_cold_inside(node, observed, round_),
    )


def _cold_inside(node: CacheNode, observed: CacheObserved, round_: _Round) -> list[str]:
    """Give the paths of those nested caches that may go along, as the manifest writes them."""
    ground = round_.terrain.on(node.host)
    home = ground.facts.home or home_by(node.path, observed.path)
    named = ground.named((nested.path for nested in observed.nested), home)
    return [other.path for other in named if other is not node and round_.snapshot.may_go(other)]


def _out_of_the_way(spec: ServiceSpec, seen: ServiceObserved) -> bool:
    """Tell whether a state file that the listing gives is no obstacle to a clear.

    A malformed one is removed before anything is cleared (see `steps`). A zombie, or a stranger
    with a reused pid, is listed as alive, but is proven not to work there.
    """
    if not seen.readable:
        return spec.state is not ServiceState.STOPPED
    return seen.life is Life.DEAD and seen.row is not None


def _must_be_down(node: CacheNode, round_: _Round) -> tuple[str, ...]:
    """Name the services of the manifest that are alive and work in, above or below a cache."""
    services, ground = round_.snapshot.services, round_.terrain.on(node.host)
    found = {*node.services, *(name for inner in ground.inside(node) for name in inner.services)}
    found.update(ground.at_work_near(node.path))
    return tuple(sorted((name for name in found if services[name].alive), key=round_.place.__getitem__))


def coldness_warning(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Warn where a cache counts as cold although the guard let nobody look."""
    return [
        (node.address, "taken for cold: " + snapshot.caches[node.name].reason)
        for node in snapshot.nodes
        if node.state is CacheState.COLD and snapshot.caches[node.name].state is State.UNVERIFIABLE
    ] + [
        (
            node.address,
            f"{snapshot.caches[node.name].path} is foreign: a service started there will mark it as its own",
        )
        for node in snapshot.nodes
        if node.state is CacheState.KEEP
        and snapshot.caches[node.name].state in HOLDS_DATA - {State.POPULATED}
    ]
