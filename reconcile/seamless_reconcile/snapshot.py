"""Everything one round of reading concluded: the planner's only input besides the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seamless_reconcile.declared import CacheState
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import COLD, CacheNode, CacheObserved
from seamless_reconcile.kinds.service import ServiceObserved
from seamless_reconcile.kinds.tunnel import TunnelObserved
from seamless_reconcile.kinds.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is, at one moment.

    Attributes:
        hosts: all launcher rows, by host.
        services, tunnels: by service name.
        nodes: the caches of the manifest; `caches` has what was seen of each, by node name.
        wirings: for each jobserver, where its services are now.
        passive: whether handshakes were left out.
    """

    hosts: Mapping[str, HostFacts]
    services: Mapping[str, ServiceObserved]
    nodes: tuple[CacheNode, ...] = ()
    caches: Mapping[str, CacheObserved] = field(default_factory=dict)
    tunnels: Mapping[str, TunnelObserved] = field(default_factory=dict)
    wirings: Mapping[str, Wiring] = field(default_factory=dict)
    passive: bool = False

    def may_go(self, node: CacheNode) -> bool:
        """Tell whether a cache may be cleared along with one it lies in (S2, S7).

        One that is in sync with its epoch keeps what was computed since.
        """
        seen = self.caches[node.name]
        keeps = node.epoch is not None and seen.epoch == node.epoch and seen.state not in COLD
        return node.state is CacheState.COLD and not keeps
