"""Put the decisions together into one plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_
from typing import Any

from rhl_helpers.secrets import redacted_words
from seamless_reconcile.declared import ServiceState, TunnelState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.drift import changes
from seamless_reconcile.graph import cache_aliases, resource_graph, service_order, with_requirements
from seamless_reconcile.kinds.cache import CacheNode
from seamless_reconcile.kinds.service import Life, State, same_command
from seamless_reconcile.memory import no_collection
from seamless_reconcile.plan import Blocked, Plan, Resource, Verdict, Warned
from seamless_reconcile.planner.clears import Clear, coldness_warning, decide_clears
from seamless_reconcile.planner.fates import Decision, Fate, bystanders, decide_fates
from seamless_reconcile.planner.routes import Route, decide_routes
from seamless_reconcile.planner.steps import draft_actions
from seamless_reconcile.planner.terrain import Terrain
from seamless_reconcile.planner.warmth import warm_above
from seamless_reconcile.safety import Refusal
from seamless_reconcile.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Options:
    """What the user narrowed or asked for besides the manifest.

    Attributes:
        targets: addresses to converge, with what they require; empty for all.
        replace: services and tunnels to replace although nothing is wrong with them.
    """

    targets: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()


_GOING_DOWN = (Fate.RESTART, Fate.STOP, Fate.REMOVE)


@no_collection()
def make_plan(desired: Desired, snapshot: Snapshot, options: Options | None = None) -> Plan:
    """Compare what is with what should be and plan what makes them agree.

    Raises:
        KeyError: with a target or replacement that the manifest does not have.
        ValueError: if services require each other in a circle.
    """
    options = options or Options()
    wanted, replace = _selection(desired, snapshot, options)
    order = service_order(desired)
    terrain = Terrain(desired, snapshot)
    clears = decide_clears(desired, snapshot, wanted=wanted, replace=replace, terrain=terrain)
    while True:
        fates = decide_fates(desired, snapshot, clears, order=order, wanted=wanted, replace=replace)
        stuck = _stuck(clears, fates)
        if not stuck:
            break
        clears = {**clears, **stuck}
    routes = decide_routes(desired, snapshot, fates, wanted=wanted, replace=replace)
    resources = _resources(desired, snapshot, clears, fates, routes)
    return Plan(
        resources=resources,
        actions=draft_actions(desired, snapshot, terrain, clears, fates, routes),
        blocked=_blocked(desired, snapshot, clears, fates, routes),
        warnings=_warnings(desired, snapshot, terrain, fates),
    )


def _selection(
    desired: Desired, snapshot: Snapshot, options: Options
) -> tuple[frozenset[str] | None, frozenset[str]]:
    if not (options.targets or options.replace):
        return None, frozenset()
    graph, aliases = resource_graph(desired, snapshot.nodes), cache_aliases(snapshot.nodes)
    for address in options.replace:
        if address not in graph or address.startswith("cache."):
            raise KeyError(address)
    wanted = with_requirements(options.targets, graph, aliases) if options.targets else None
    return wanted, frozenset(options.replace)


def _stuck(clears: Mapping[str, Clear], fates: Mapping[str, Decision]) -> dict[str, Clear]:
    """Find clears whose services will not go down after all: a live process forbids them (S1)."""
    stuck = {}
    for name, clear in clears.items():
        staying = [service for service in clear.down if fates[service].fate not in _GOING_DOWN]
        if clear.needed and staying:
            refusal = fates[staying[0]].refusal
            why = f"service.{staying[0]} cannot be restarted" + (f": {refusal.reason}" if refusal else "")
            stuck[name] = with_(clear, verdict=Verdict.BLOCKED, needed=False, down=(), refusal=Refusal(why))
    return stuck


# --- resources -----------------------------------------------------------------------------


def _resources(
    desired: Desired,
    snapshot: Snapshot,
    clears: Mapping[str, Clear],
    fates: Mapping[str, Decision],
    routes: Mapping[str, Route],
) -> tuple[Resource, ...]:
    node_of = {name: node for node in snapshot.nodes for name in node.services}
    resources: list[Resource] = []
    for name, spec in desired.services.items():
        resources.append(_tunnel(spec, snapshot, routes[name]))
        resources.append(_service(spec, snapshot, fates[name], node_of.get(name), desired.secrets))
    resources += [_cache(node, desired, snapshot, clears[node.name]) for node in snapshot.nodes]
    return tuple(resources)


def _tunnel(spec: ServiceSpec, snapshot: Snapshot, route: Route) -> Resource:
    wish = {"state": "open" if spec.tunnel is TunnelState.OPEN else "closed"}
    seen = snapshot.tunnels[spec.name].view()
    return Resource(
        f"tunnel.{spec.name}", "tunnel", spec.name, "local", spec.key, wish, seen, route.verdict,
        changes(seen, wish) if route.verdict is Verdict.DRIFT else (),
        (f"service.{spec.name}",), (spec.name,), route.cause,
    )  # fmt: skip


def _service(
    spec: ServiceSpec,
    snapshot: Snapshot,
    decision: Decision,
    node: CacheNode | None,
    secrets: frozenset[str],
) -> Resource:
    seen = snapshot.services[spec.name]
    view, wish = seen.view(), _service_wish(spec)
    if (
        spec.state is ServiceState.RUNNING
        and seen.state is State.RUNNING
        and not same_command(spec.argv, seen.command)
    ):
        there, here = (redacted_words(words, secrets) for words in (seen.command, spec.argv))
        view, wish = {**view, "command": there}, {**wish, "command": here}
    verdict = _service_verdict(spec, snapshot, decision)
    requires = [f"service.{name}" for name in spec.dependencies] + ([node.address] if node else [])
    return Resource(
        f"service.{spec.name}", "service", spec.name, spec.host, spec.key, wish, view, verdict,
        changes(_comparable(view, wish), wish) if verdict is not Verdict.IN_SYNC else (),
        tuple(requires), (spec.name,), decision.cause,
    )  # fmt: skip


def _service_wish(spec: ServiceSpec) -> dict[str, Any]:
    return {"state": spec.state.value}


def _comparable(view: Mapping[str, Any], wish: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: view.get(name) for name in wish}


def _service_verdict(spec: ServiceSpec, snapshot: Snapshot, decision: Decision) -> Verdict:
    if decision.fate is Fate.BLOCKED:
        return Verdict.UNKNOWN if decision.unknown else Verdict.BLOCKED
    waiting = spec.state is ServiceState.RUNNING and snapshot.services[spec.name].state is State.STARTING
    return (
        Verdict.IN_SYNC
        if decision.fate is Fate.LEAVE and not decision.cause and not waiting
        else Verdict.DRIFT
    )


def _cache(node: CacheNode, desired: Desired, snapshot: Snapshot, clear: Clear) -> Resource:
    seen = snapshot.caches[node.name].view()
    wish: dict[str, Any] = {"state": node.state.value}
    if node.epoch:
        wish["epoch"] = node.epoch
    return Resource(
        node.address, "cache", node.name, node.host, desired.services[node.name].key, wish, seen,
        clear.verdict,
        changes(seen, wish) if clear.verdict is not Verdict.IN_SYNC else (),
        (), node.services, clear.cause,
    )  # fmt: skip


# --- what is not done, and what to know ----------------------------------------------------


def _blocked(
    desired: Desired,
    snapshot: Snapshot,
    clears: Mapping[str, Clear],
    fates: Mapping[str, Decision],
    routes: Mapping[str, Route],
) -> tuple[Blocked, ...]:
    refused: list[tuple[str, Refusal | None]] = [
        (node.address, clears[node.name].refusal) for node in snapshot.nodes
    ]
    refused += [(f"service.{name}", fates[name].refusal) for name in desired.services]
    refused += [(f"tunnel.{name}", routes[name].refusal) for name in desired.services]
    return tuple(Blocked(address, r.reason, r.hint) for address, r in refused if r is not None)


def _warnings(
    desired: Desired, snapshot: Snapshot, terrain: Terrain, fates: Mapping[str, Decision]
) -> tuple[Warned, ...]:
    found = [*desired.warnings, *coldness_warning(snapshot), *bystanders(desired, snapshot, fates)]
    found += [(above.address, above.message) for above in warm_above(desired, snapshot, terrain)]
    for name, spec in desired.services.items():
        seen = snapshot.services[name]
        if spec.state is ServiceState.RUNNING and seen.state is State.STARTING:
            found.append((f"service.{name}", "it is starting; apply waits for it before it plans"))
        if seen.state is State.RUNNING and seen.life is Life.HIDDEN:
            found.append((f"service.{name}", f"{seen.reason}; {seen.hint}"))
    if snapshot.passive:
        found.append(
            ("", "handshakes were left out (--passive): running and open are as recorded, not verified")
        )
    return tuple(Warned(address, message) for address, message in found)
