"""One whole pass: all hosts at once, everything on one host at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from rhl_helpers.client import ConnectionFile
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import LOCAL, Answer
from seamless_reconcile.declared import CacheState
from seamless_reconcile.desired import Desired, ServiceSpec, Upstream
from seamless_reconcile.facts import CacheFacts, HostFacts, ServiceFacts, TunnelFacts
from seamless_reconcile.kinds import cache, service, tunnel
from seamless_reconcile.kinds.cache import CacheNode, CacheObserved, Launch
from seamless_reconcile.kinds.service import ServiceObserved
from seamless_reconcile.kinds.wiring import Wire, Wiring, miswired
from seamless_reconcile.memory import no_collection
from seamless_reconcile.observe.caches import read_cache
from seamless_reconcile.observe.hosts import ask_home, read_host, row_of
from seamless_reconcile.observe.places import with_real_place, with_real_workdirs
from seamless_reconcile.observe.services import read_service
from seamless_reconcile.observe.tunnels import ClientFacts, read_client, read_tunnel
from seamless_reconcile.observed import Present, Unknown
from seamless_reconcile.ports import Reach
from seamless_reconcile.snapshot import Snapshot

Start = tuple[str, "int | None"]
"""A service that is starting: its name and its process."""


def observe(
    desired: Desired,
    reach: Reach,
    *,
    passive: bool = False,
    outwaited: frozenset[Start] = frozenset(),
    told: Callable[[HostFacts, float], None] = lambda facts, seconds: None,  # noqa: ARG005
) -> Snapshot:
    """Read everything a plan needs, once.

    Args:
        desired: what is declared: only this is read, plus all launcher rows of the hosts it names.
        reach: the world.
        passive: leave out handshakes.
        outwaited: starts that this run has waited for in vain.
        told: hears of each host as soon as it was read, and how many seconds that took.
    """
    nodes = cache.cache_nodes(desired)
    tunnelled = any(spec.tunnelled for spec in desired.services.values())
    here = read_client(reach.client, forwards=tunnelled)

    def read(part: _Part) -> _Found:
        began = reach.clock.monotonic()
        found = _read_on(part, here, reach, passive)
        told(found[0], reach.clock.monotonic() - began)
        return found

    reads = [partial(read, part) for part in _parts(desired, nodes)]
    hosts: dict[str, HostFacts] = {}
    services: dict[str, ServiceFacts] = {}
    tunnels: dict[str, TunnelFacts] = {}
    caches: dict[str, CacheFacts] = {}
    for found in reach.gather(reads):
        hosts[found[0].host] = found[0]
        services.update(found[1])
        tunnels.update(found[2])
        caches.update(found[3])
    services = {name: _outwaited(name, facts, outwaited) for name, facts in services.items()}
    return conclude(desired, nodes, hosts, services, tunnels, caches, passive=passive)


def _outwaited(name: str, facts: ServiceFacts, starts: frozenset[Start]) -> ServiceFacts:
    """Let no doubt about clocks excuse a start that was watched for its whole window."""
    row = facts.row.value if isinstance(facts.row, Present) else None
    return replace(facts, age=math.inf) if row is not None and (name, row.pid) in starts else facts


_Found = tuple[HostFacts, dict[str, ServiceFacts], dict[str, TunnelFacts], dict[str, CacheFacts]]


@dataclass(frozen=True, slots=True)
class _Part:
    """What there is to read on one host."""

    host: str
    specs: list[ServiceSpec] = field(default_factory=list)
    nodes: list[CacheNode] = field(default_factory=list)
    upstream: list[str] = field(default_factory=list)

    @property
    def keys(self) -> dict[str, None]:
        """All keys that are asked for there, in order."""
        return dict.fromkeys([*(spec.key for spec in self.specs), *self.upstream])


def _parts(desired: Desired, nodes: tuple[CacheNode, ...]) -> list[_Part]:
    parts: dict[str, _Part] = {name: _Part(name) for name in desired.hosts}
    for spec in desired.services.values():
        parts[spec.host].specs.append(spec)
        for upstream in spec.upstream:
            parts.setdefault(upstream.host, _Part(upstream.host)).upstream.append(upstream.key)
    for node in nodes:
        parts[node.host].nodes.append(node)
    return list(parts.values())


def _read_on(part: _Part, here: ClientFacts, reach: Reach, passive: bool) -> _Found:
    """Read one host: the listing and the caches first, then each service by its row."""
    host = reach.host(part.host)
    listing: list[HostFacts] = []
    caches: dict[str, CacheFacts] = {}

    def list_rows() -> None:
        listing.append(with_real_workdirs(read_host(host, part.keys, reach.clock), reach.client))

    def look(node: CacheNode) -> None:
        caches[node.name] = with_real_place(read_cache(host, node, reach.memory), node, reach.client)

    first: list[Callable[[], None]] = [list_rows, *(partial(look, node) for node in part.nodes)]
    reach.gather(first)
    facts = listing[0]
    if (
        facts.home is None
        and facts.problem is None
        and any(node.state is CacheState.COLD for node in part.nodes)
    ):
        facts = replace(facts, home=ask_home(host))
    services: dict[str, ServiceFacts] = {}
    tunnels: dict[str, TunnelFacts] = {}

    def read(spec: ServiceSpec) -> None:
        row = _row(facts, spec.key)
        tunnels[spec.name] = read_tunnel(spec, here, row, reach.client, passive=passive)
        file = here.files.get(spec.key)
        services[spec.name] = read_service(
            spec, host, facts, reach,
            file=file if isinstance(file, ConnectionFile) else None,
            heard=_heard(spec, row, tunnels[spec.name]),
            passive=passive,
        )  # fmt: skip
        again = services[spec.name].row
        if isinstance(again, Present) and again.value is not row:
            # It was looked at again, and may have another port by now.
            answer = tunnels[spec.name].answer
            tunnels[spec.name] = replace(here.about(spec, again.value), answer=answer)

    reach.gather([partial(read, spec) for spec in part.specs])
    return facts, services, tunnels, caches


def _heard(spec: ServiceSpec, row: ServerRow | None, facts: TunnelFacts) -> Answer | None:
    """Give the answer through a connection where it is the service's own; asking twice takes twice as long.

    An answer proves itself. Silence may be the way's fault, except where there is none: on this machine.
    """
    if facts.answer is Answer.OK:
        return Answer.OK
    file, at = facts.file, row.network_interface if row else None
    here = spec.host == LOCAL and isinstance(file, ConnectionFile) and file.hostname == at
    return facts.answer if here else None


def _row(facts: HostFacts, key: str) -> ServerRow | None:
    row = row_of(facts, key)
    return row.value if isinstance(row, Present) else None


# --- concluding ----------------------------------------------------------------------------


@no_collection()
def conclude(
    desired: Desired,
    nodes: tuple[CacheNode, ...],
    hosts: Mapping[str, HostFacts],
    services: Mapping[str, ServiceFacts],
    tunnels: Mapping[str, TunnelFacts],
    caches: Mapping[str, CacheFacts],
    *,
    passive: bool,
) -> Snapshot:
    """Apply the rules of every kind to the facts of one round."""
    seen = {
        name: service.classify(spec, services[name], hosts[spec.host])
        for name, spec in desired.services.items()
    }
    wirings = {name: wiring(spec, seen, hosts) for name, spec in desired.services.items() if spec.upstream}
    seen = {name: _wired(seen[name], wirings.get(name)) for name, spec in desired.services.items()}
    routes = {
        name: tunnel.classify(
            spec, tunnels[name], seen[name].row, service_known=seen[name].state is not service.State.UNKNOWN
        )
        for name, spec in desired.services.items()
    }
    stored = {node.name: conclude_cache(node, caches[node.name], seen) for node in nodes}
    seen |= {name: service.as_fileless(seen[name]) for name in _fileless(desired, nodes, stored, seen)}
    return Snapshot(dict(hosts), seen, nodes, stored, routes, wirings, passive)


def _fileless(
    desired: Desired,
    nodes: tuple[CacheNode, ...],
    stored: Mapping[str, CacheObserved],
    seen: Mapping[str, ServiceObserved],
) -> list[str]:
    """Name the databases that run although their file is gone."""
    return [
        name
        for node in nodes
        if stored[node.name].state in (cache.State.ABSENT, cache.State.EMPTY)
        for name in node.services
        if (wish := desired.services[name].cache) is not None
        and wish.file is not None
        and seen[name].state is service.State.RUNNING
    ]


def conclude_cache(node: CacheNode, facts: CacheFacts, seen: Mapping[str, ServiceObserved]) -> CacheObserved:
    """Apply the rules of caches to one, with what its services tell of it."""
    metas = [seen[name].reconcile_meta for name in node.services]
    meta = next(
        (m for m in metas if m.get("epoch") == node.epoch), next((m for m in metas if m.get("epoch")), {})
    )
    alive = [seen[name] for name in node.services if seen[name].alive]
    return cache.classify(node, facts, meta, tuple(Launch(one.pid, one.launch_id) for one in alive))


def _wired(seen: ServiceObserved, wires: Wiring | None) -> ServiceObserved:
    """Turn a running jobserver whose recorded URLs lead nowhere into a miswired one."""
    if wires is None or wires.unknown or seen.state is not service.State.RUNNING or seen.row is None:
        return seen
    wrong = miswired(seen.row.parameters, wires.wires, wires.live_ports)
    return service.as_miswired(seen, wrong) if wrong else seen


def wiring(spec: ServiceSpec, seen: Mapping[str, ServiceObserved], hosts: Mapping[str, HostFacts]) -> Wiring:
    """Find where a jobserver's services are now."""
    wires, doubt = [], False
    for upstream in spec.upstream:
        facts = hosts[upstream.host]
        row = row_of(facts, upstream.key)
        doubt = doubt or isinstance(row, Unknown)
        wires.append(_wire(upstream, row.value if isinstance(row, Present) else None, seen))
    ports = [hosts[name].live_ports for name in dict.fromkeys(one.host for one in spec.upstream)]
    return Wiring(tuple(wires), ports[0] if len(ports) == 1 else frozenset().union(*ports), doubt)


def _wire(upstream: Upstream, row: ServerRow | None, seen: Mapping[str, ServiceObserved]) -> Wire:
    name = f"service.{upstream.name}" if upstream.name else upstream.key
    runs = row is not None and bool(row.live) and row.json_status == "running" and row.port is not None
    if runs and upstream.name is not None:
        runs = seen[upstream.name].state is service.State.RUNNING
    if not runs or row is None:
        return Wire(upstream.role, name, None)
    host = upstream.hostname or row.network_interface or "localhost"
    return Wire(upstream.role, name, f"http://{host}:{row.port}", upstream.workdir)
