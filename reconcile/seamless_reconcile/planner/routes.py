"""What happens to each tunnel: left, closed, opened, or replaced because its service moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seamless_reconcile.declared import ServiceState, TunnelState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.kinds.service import Life, ServiceObserved
from seamless_reconcile.kinds.service import State as ServiceIs
from seamless_reconcile.kinds.tunnel import State, TunnelObserved
from seamless_reconcile.plan import Verdict
from seamless_reconcile.planner.fates import Decision, Fate
from seamless_reconcile.safety import Refusal
from seamless_reconcile.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Route:
    """What the plan does with one tunnel; `close` and `open` together replace it."""

    verdict: Verdict
    close: bool = False
    open: bool = False
    cause: str = ""
    refusal: Refusal | None = None


def decide_routes(
    desired: Desired,
    snapshot: Snapshot,
    fates: Mapping[str, Decision],
    *,
    wanted: frozenset[str] | None,
    replace: frozenset[str],
) -> dict[str, Route]:
    """Decide for every tunnel, once it is known what happens to its service."""
    routes = {}
    for name, spec in desired.services.items():
        address = f"tunnel.{name}"
        route = _decide(spec, snapshot, fates[name], asked=address in replace)
        follows = fates[name].fate not in (Fate.LEAVE, Fate.BLOCKED)
        if (route.close or route.open) and wanted is not None and address not in wanted and not follows:
            route = Route(Verdict.DRIFT, cause=route.cause)
        routes[name] = route
    return routes


def _decide(spec: ServiceSpec, snapshot: Snapshot, decision: Decision, *, asked: bool) -> Route:
    seen = snapshot.tunnels[spec.name]
    service = snapshot.services[spec.name]
    if spec.tunnel is not TunnelState.OPEN:
        return _closed(spec, seen, service)
    if decision.fate is Fate.BLOCKED and service.state not in (ServiceIs.RUNNING, ServiceIs.STARTING):
        why = f"requires service.{spec.name}, which is {'unknown' if decision.unknown else 'blocked'}"
        return Route(Verdict.UNKNOWN if decision.unknown else Verdict.BLOCKED, refusal=Refusal(why))
    if decision.fate in (Fate.STOP, Fate.REMOVE) or (
        spec.state is not ServiceState.RUNNING and not service.alive
    ):
        # Left there, a client would follow it to whoever gets the port next.
        there = seen.state not in (State.CLOSED, State.UNKNOWN)
        refusal = Refusal(f"requires service.{spec.name}, which should be {spec.state.value}")
        cause = f"service.{spec.name} does not run"
        return Route(Verdict.BLOCKED, close=there, cause=cause, refusal=refusal)
    if seen.state is State.UNKNOWN:
        return Route(Verdict.UNKNOWN, refusal=Refusal(seen.reason))
    if decision.moves:
        return _moved(spec, seen)
    if service.state not in (ServiceIs.RUNNING, ServiceIs.STARTING):
        return Route(Verdict.DRIFT, cause=f"service.{spec.name} is {service.state.value}")
    if seen.state is State.OPEN and not asked:
        return Route(Verdict.IN_SYNC)
    if seen.state is State.CLOSED:
        return Route(Verdict.DRIFT, open=True, cause="should be open, is closed")
    cause = "asked for with --replace" if asked else f"is {seen.state.value}: {seen.reason}"
    return Route(Verdict.DRIFT, close=True, open=True, cause=cause)


def _closed(spec: ServiceSpec, seen: TunnelObserved, service: ServiceObserved) -> Route:
    if seen.state is State.CLOSED:
        return Route(Verdict.IN_SYNC)
    if service.life is Life.HIDDEN and (service.row is None or service.row.port is None):
        # Without it the next plan could take the service for dead (S4).
        why = f"it is a trace of the process that service.{spec.name} still has"
        return Route(Verdict.BLOCKED, refusal=Refusal(why, service.hint))
    if seen.state is State.UNKNOWN and seen.file is None and not seen.forwards:
        return Route(Verdict.UNKNOWN, refusal=Refusal(seen.reason))
    return Route(Verdict.DRIFT, close=True, cause=f"should be closed, is {seen.state.value}")


def _moved(spec: ServiceSpec, seen: TunnelObserved) -> Route:
    there = seen.state is not State.CLOSED
    cause = f"service.{spec.name} comes up on another port" if there else f"service.{spec.name} comes up"
    return Route(Verdict.DRIFT, close=there, open=True, cause=cause)
