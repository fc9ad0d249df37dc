"""Every observed x desired tuple of a tunnel falls under one rule: left, closed, opened or replaced."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from matrix.rules import Rule, each_is_hit, the_rule
from seamless_reconcile.declared import ServiceState, TunnelState
from seamless_reconcile.desired import Desired
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.service import Life, ServiceObserved
from seamless_reconcile.kinds.service import State as ServiceIs
from seamless_reconcile.kinds.tunnel import State, TunnelObserved
from seamless_reconcile.plan import Verb, Verdict
from seamless_reconcile.planner import Options, make_plan
from seamless_reconcile.planner.fates import Decision, Fate
from seamless_reconcile.planner.routes import decide_routes
from seamless_reconcile.safety import Refusal
from seamless_reconcile.snapshot import Snapshot
from unit.core.values import ARGV, file, row, spec

# What a service is, and what is to become of it: every pair that `test_services` can give.
SERVICES: dict[str, tuple[ServiceIs, Life, ServiceState, Fate, bool]] = {
    "runs": (ServiceIs.RUNNING, Life.OURS, ServiceState.RUNNING, Fate.LEAVE, False),
    "starts": (ServiceIs.STARTING, Life.OURS, ServiceState.RUNNING, Fate.LEAVE, False),
    "is restarted": (ServiceIs.UNHEALTHY, Life.OURS, ServiceState.RUNNING, Fate.RESTART, False),
    "is started": (ServiceIs.ABSENT, Life.DEAD, ServiceState.RUNNING, Fate.START, False),
    "is not targeted, and down": (ServiceIs.STALE, Life.DEAD, ServiceState.RUNNING, Fate.LEAVE, False),
    "is blocked, and down": (ServiceIs.STALE, Life.DEAD, ServiceState.RUNNING, Fate.BLOCKED, False),
    "is blocked, and runs": (ServiceIs.RUNNING, Life.OURS, ServiceState.RUNNING, Fate.BLOCKED, False),
    "is unknown": (ServiceIs.UNKNOWN, Life.UNPROVEN, ServiceState.RUNNING, Fate.BLOCKED, True),
    "is stopped": (ServiceIs.RUNNING, Life.OURS, ServiceState.STOPPED, Fate.STOP, False),
    "is removed": (ServiceIs.STALE, Life.DEAD, ServiceState.ABSENT, Fate.REMOVE, False),
    "is down as it should be": (ServiceIs.ABSENT, Life.DEAD, ServiceState.ABSENT, Fate.LEAVE, False),
    "should go, is not targeted": (ServiceIs.RUNNING, Life.OURS, ServiceState.STOPPED, Fate.LEAVE, False),
    "should go, is hidden": (ServiceIs.ABSENT, Life.HIDDEN, ServiceState.STOPPED, Fate.BLOCKED, False),
}


class Case(NamedTuple):
    """One tuple: the connection, its service and that one's fate, what should be, what the user said."""

    state: State
    desired: TunnelState
    service: str
    replace: bool
    wanted: bool
    traces: bool

    @property
    def open(self) -> bool:
        return self.desired is TunnelState.OPEN

    @property
    def fate(self) -> Fate:
        return SERVICES[self.service][3]

    @property
    def up(self) -> bool:
        return SERVICES[self.service][0] in (ServiceIs.RUNNING, ServiceIs.STARTING)

    @property
    def moves(self) -> bool:
        return self.fate in (Fate.START, Fate.RESTART)

    @property
    def goes(self) -> bool:
        """The service is, or will be, down as it should be."""
        down = (
            SERVICES[self.service][2] is not ServiceState.RUNNING and SERVICES[self.service][1] is Life.DEAD
        )
        return self.fate in (Fate.STOP, Fate.REMOVE) or down

    @property
    def stuck(self) -> bool:
        return self.fate is Fate.BLOCKED and not self.up

    @property
    def usable(self) -> bool:
        """Its service is there to be led to, and stays."""
        return (
            self.open
            and not self.stuck
            and not self.goes
            and not self.moves
            and self.state is not State.UNKNOWN
        )

    @property
    def done(self) -> bool:
        """May be changed: targeted, or following what its service does."""
        return self.wanted or self.fate not in (Fate.LEAVE, Fate.BLOCKED)

    @property
    def hidden(self) -> bool:
        return SERVICES[self.service][1] is Life.HIDDEN


def cases() -> Iterator[Case]:
    booleans = (False, True)
    desired = (TunnelState.OPEN, TunnelState.CLOSED)
    for combination in itertools.product(State, desired, SERVICES, booleans, booleans, booleans):
        case = Case(*combination)
        # Traces: of what could not be looked at, whether there is something to close at all.
        if case.traces or case.state is State.UNKNOWN:
            yield case


class Expected(NamedTuple):
    verdict: Verdict
    close: bool = False
    open: bool = False


_SOMETHING = (State.OPEN, State.BROKEN, State.MISROUTED, State.ORPHAN)
RULES = (
    Rule(
        "closed as it should be", lambda c: not c.open and c.state is State.CLOSED, Expected(Verdict.IN_SYNC)
    ),
    Rule(
        "should be closed, but leads to a hidden process (S4)",
        lambda c: not c.open and c.state is not State.CLOSED and c.hidden,
        Expected(Verdict.BLOCKED),
    ),
    Rule(
        "should be closed, and nothing can be told",
        lambda c: not c.open and c.state is State.UNKNOWN and not c.hidden and not c.traces,
        Expected(Verdict.UNKNOWN),
    ),
    Rule(
        "should be closed",
        lambda c: not c.open and c.state is not State.CLOSED and not c.hidden and c.traces and c.done,
        Expected(Verdict.DRIFT, close=True),
    ),
    Rule(
        "should be closed, but is not targeted",
        lambda c: not c.open and c.state is not State.CLOSED and not c.hidden and c.traces and not c.done,
        Expected(Verdict.DRIFT),
    ),
    Rule(
        "should lead to a service that is unknown",
        lambda c: c.open and c.stuck and c.service == "is unknown",
        Expected(Verdict.UNKNOWN),
    ),
    Rule(
        "should lead to a service that is blocked",
        lambda c: c.open and c.stuck and c.service != "is unknown",
        Expected(Verdict.BLOCKED),
    ),
    Rule(
        "should lead to a service that should be down: what is there goes",
        lambda c: c.open and not c.stuck and c.goes and c.state in _SOMETHING and c.done,
        Expected(Verdict.BLOCKED, close=True),
    ),
    Rule(
        "should lead to a service that should be down: there is nothing to close",
        lambda c: c.open and not c.stuck and c.goes and c.state not in _SOMETHING,
        Expected(Verdict.BLOCKED),
    ),
    Rule(
        "should lead to a service that should be down, not targeted",
        lambda c: c.open and not c.stuck and c.goes and c.state in _SOMETHING and not c.done,
        Expected(Verdict.DRIFT),
    ),
    Rule(
        "should be open, and nothing can be told",
        lambda c: c.open and not c.stuck and not c.goes and c.state is State.UNKNOWN,
        Expected(Verdict.UNKNOWN),
    ),
    Rule(
        "its service comes up: is opened",
        lambda c: c.open and c.moves and c.state is State.CLOSED,
        Expected(Verdict.DRIFT, open=True),
    ),
    Rule(
        "its service comes up elsewhere: is replaced",
        lambda c: c.open and c.moves and c.state in _SOMETHING,
        Expected(Verdict.DRIFT, close=True, open=True),
    ),
    Rule(
        "its service is down and stays so: waits",
        lambda c: c.usable and not c.up,
        Expected(Verdict.DRIFT),
    ),
    Rule(
        "open as it should be",
        lambda c: c.usable and c.up and c.state is State.OPEN and not c.replace,
        Expected(Verdict.IN_SYNC),
    ),
    Rule(
        "should be open, is closed",
        lambda c: c.usable and c.up and c.state is State.CLOSED and c.done,
        Expected(Verdict.DRIFT, open=True),
    ),
    Rule(
        "should be open anew",
        lambda c: (
            c.usable
            and c.up
            and c.done
            and (c.state in _SOMETHING[1:] or (c.state is State.OPEN and c.replace))
        ),
        Expected(Verdict.DRIFT, close=True, open=True),
    ),
    Rule(
        "should be open, but is not targeted",
        lambda c: c.usable and c.up and not c.done and (c.state is not State.OPEN or c.replace),
        Expected(Verdict.DRIFT),
    ),
)


def made(case: Case) -> tuple[Desired, Snapshot, Decision]:
    """Give the manifest, the snapshot and the service's decision of a case."""
    state, life, desired, fate, unknown = SERVICES[case.service]
    refusal = Refusal("why") if fate is Fate.BLOCKED else None
    service = ServiceObserved(
        state, life, "why", row=row() if life is Life.OURS else None, pid=4000, port=50_000, command=ARGV
    )
    there = case.state in _SOMETHING or (case.state is State.UNKNOWN and case.traces)
    tunnel = TunnelObserved(case.state, "why", file() if there else None)
    snapshot = Snapshot(
        {"frontend": HostFacts("frontend")}, {"hashserver": service}, tunnels={"hashserver": tunnel}
    )
    manifest = Desired({"hashserver": spec(state=desired, tunnel=case.desired)})
    return manifest, snapshot, Decision(fate, "why", refusal, unknown=unknown)


ALL = list(cases())


def test_each_tuple_falls_under_one_rule_and_each_rule_is_met() -> None:
    assert each_is_hit(RULES, ALL).total() == len(ALL)


@pytest.mark.parametrize("desired", [TunnelState.OPEN, TunnelState.CLOSED], ids=lambda state: state.value)
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_what_becomes_of_each_tuple(state: State, desired: TunnelState) -> None:
    for case in ALL:
        if (case.state, case.desired) == (state, desired):
            _check(case)


def _check(case: Case) -> None:
    rule = the_rule(RULES, case)
    manifest, snapshot, decision = made(case)
    address = "tunnel.hashserver"
    wanted = None if case.wanted else frozenset({"service.other"})
    replace = frozenset({address}) if case.replace else frozenset()
    route = decide_routes(manifest, snapshot, {"hashserver": decision}, wanted=wanted, replace=replace)[
        "hashserver"
    ]
    assert (route.verdict, route.close, route.open) == rule.expected, (rule.name, case)
    assert bool(route.refusal) is (route.verdict in (Verdict.BLOCKED, Verdict.UNKNOWN))
    assert route.cause or not (route.verdict is Verdict.DRIFT or route.close or route.open)


@pytest.mark.parametrize("state", _SOMETHING, ids=lambda state: state.value)
def test_a_tunnel_is_closed_before_its_service_goes_and_opened_after_it_came(state: State) -> None:
    manifest, snapshot, _ = made(
        Case(state, TunnelState.OPEN, "runs", replace=False, wanted=True, traces=True)
    )
    plan = make_plan(manifest, snapshot, Options(replace=("service.hashserver",)))
    assert [action.verb for action in plan.actions] == [
        Verb.CLOSE_TUNNEL, Verb.STOP, Verb.SAVE_LOG, Verb.REMOVE_STATE, Verb.LAUNCH, Verb.OPEN_TUNNEL,
    ]  # fmt: skip
    assert [action.requires for action in plan.actions] == [(), (1,), (2,), (3,), (4,), (5,)]
