"""Every observed x desired tuple of a cache falls under one rule: left, cleared, blocked or unknown."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from matrix.rules import Rule, each_is_hit, the_rule
from seamless_reconcile.declared import CacheState, ServiceState, TunnelState
from seamless_reconcile.desired import Desired
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import CacheObserved, Nested, State, cache_nodes
from seamless_reconcile.kinds.service import Life, ServiceObserved
from seamless_reconcile.kinds.service import State as ServiceIs
from seamless_reconcile.kinds.tunnel import State as TunnelIs
from seamless_reconcile.kinds.tunnel import TunnelObserved
from seamless_reconcile.plan import Plan, Verb, Verdict
from seamless_reconcile.planner import Options, make_plan
from seamless_reconcile.planner.clears import decide_clears
from seamless_reconcile.snapshot import Snapshot
from unit.core.values import ARGV, HOME, row, spec, wish

PATH = f"{HOME}/buffers/p"
NEAR = ("nobody", "ours", "unproven", "hidden", "neighbour")
"""Who works in the directory: no one; the service itself, as its life is known; somebody undeclared."""


class Case(NamedTuple):
    """One tuple: what is in it, who works there, what should be, and what the user said."""

    state: State
    desired: CacheState
    near: str
    nested: bool
    epoch: bool
    protect: bool
    refused: bool
    wanted: bool

    @property
    def served(self) -> bool:
        return self.near == "ours"

    @property
    def cold(self) -> bool:
        """Counts as cold already."""
        hidden = self.state is State.UNVERIFIABLE and not self.served
        return self.epoch or hidden or self.state in (State.ABSENT, State.EMPTY, State.PRISTINE)

    @property
    def forbidden(self) -> bool:
        """Must not be cleared: S1 to S3, or protected."""
        ours = self.state is State.POPULATED and not self.nested
        return not ours or self.protect or self.near in ("unproven", "hidden", "neighbour")


def cases() -> Iterator[Case]:
    booleans = (False, True)
    for combination in itertools.product(
        State, CacheState, NEAR, booleans, booleans, booleans, booleans, booleans
    ):
        case = Case(*combination)
        # A guard's refusal leaves nothing known; an epoch is of interest only where it is wished.
        if (not case.refused or case.state is State.UNKNOWN) and (
            not case.epoch or case.desired is CacheState.COLD
        ):
            yield case


class Expected(NamedTuple):
    verdict: Verdict
    clears: bool = False


def _cold(case: Case) -> bool:
    return case.desired is CacheState.COLD and case.state is not State.UNKNOWN


def _warm(case: Case) -> bool:
    return case.desired is CacheState.WARM and case.state is not State.UNKNOWN


RULES = (
    Rule(
        "keep asserts nothing, so what a guard hides is no question",
        lambda c: c.desired is CacheState.KEEP and (c.state is not State.UNKNOWN or c.refused),
        Expected(Verdict.IN_SYNC),
    ),
    Rule(
        "keep, but it could not be looked at",
        lambda c: c.desired is CacheState.KEEP and c.state is State.UNKNOWN and not c.refused,
        Expected(Verdict.UNKNOWN),
    ),
    Rule(
        "cold or warm, but it could not be looked at (S2)",
        lambda c: c.desired is not CacheState.KEEP and c.state is State.UNKNOWN,
        Expected(Verdict.UNKNOWN),
    ),
    Rule(
        "warm, and holds data", lambda c: _warm(c) and c.state is State.POPULATED, Expected(Verdict.IN_SYNC)
    ),
    Rule("warm, and hidden", lambda c: _warm(c) and c.state is State.UNVERIFIABLE, Expected(Verdict.UNKNOWN)),
    Rule(
        "warm, and is not: no action can make it so",
        lambda c: _warm(c) and c.state not in (State.POPULATED, State.UNVERIFIABLE),
        Expected(Verdict.BLOCKED),
    ),
    Rule("cold already", lambda c: _cold(c) and c.cold, Expected(Verdict.IN_SYNC)),
    Rule(
        "should be cold, and must not be cleared (S1, S2, S3)",
        lambda c: _cold(c) and not c.cold and c.forbidden,
        Expected(Verdict.BLOCKED),
    ),
    Rule(
        "should be cold, but is not targeted",
        lambda c: _cold(c) and not c.cold and not c.forbidden and not c.wanted,
        Expected(Verdict.DRIFT),
    ),
    Rule(
        "is cleared",
        lambda c: _cold(c) and not c.cold and not c.forbidden and c.wanted,
        Expected(Verdict.DRIFT, clears=True),
    ),
)


def _service(near: str) -> ServiceObserved:
    if near in ("nobody", "neighbour"):
        return ServiceObserved(ServiceIs.ABSENT, Life.DEAD, has_log=False)
    state, life = {
        "ours": (ServiceIs.RUNNING, Life.OURS),
        "unproven": (ServiceIs.UNHEALTHY, Life.UNPROVEN),
        "hidden": (ServiceIs.STALE, Life.HIDDEN),
    }[near]
    return ServiceObserved(state, life, "why", row=row(), pid=4000, port=50_000, command=ARGV)


def made(case: Case) -> tuple[Desired, Snapshot]:
    """Give the manifest and the snapshot of a case."""
    wished = wish(state=case.desired, epoch="one" if case.desired is CacheState.COLD else None)
    service = spec(
        state=ServiceState.RUNNING,
        protect=case.protect,
        cache=wished,
        tunnel=TunnelState.CLOSED,
        tunnelled=False,
    )
    desired = Desired({"hashserver": service})
    seen = _service(case.near)
    rows = [seen.row] if seen.row else []
    if case.near == "neighbour":
        rows = [row("other", command="tool")]
    observed = CacheObserved(
        case.state,
        PATH,
        "why",
        nested=(Nested(f"{PATH}/STAGE-a"),) if case.nested else (),
        epoch="one" if case.epoch else None,
        refused=case.refused,
    )
    snapshot = Snapshot(
        {"frontend": HostFacts("frontend", {one.key: one for one in rows}, home=HOME)},
        {"hashserver": seen},
        cache_nodes(desired),
        {"hashserver": observed},
        {"hashserver": TunnelObserved(TunnelIs.CLOSED)},
    )
    return desired, snapshot


ALL = list(cases())


def test_each_tuple_falls_under_one_rule_and_each_rule_is_met() -> None:
    assert each_is_hit(RULES, ALL).total() == len(ALL)


@pytest.mark.parametrize("desired", CacheState, ids=lambda state: state.value)
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_what_becomes_of_each_tuple(state: State, desired: CacheState) -> None:
    for case in ALL:
        if (case.state, case.desired) == (state, desired):
            _check(case)


def _check(case: Case) -> None:
    rule = the_rule(RULES, case)
    desired, snapshot = made(case)
    selected = None if case.wanted else frozenset({"service.other"})
    clear = decide_clears(desired, snapshot, wanted=selected)["hashserver"]
    assert (clear.verdict, clear.needed) == rule.expected, (rule.name, case)
    assert bool(clear.refusal) is (
        clear.verdict in (Verdict.BLOCKED, Verdict.UNKNOWN) and case.desired is not CacheState.KEEP
    )
    assert bool(clear.cause) is clear.needed
    assert clear.down == (("hashserver",) if clear.needed and case.near == "ours" else ())
    if case.wanted:
        _check_plan(case, rule.expected, make_plan(desired, snapshot, Options()))


def _check_plan(case: Case, expected: Expected, plan: Plan) -> None:
    verbs = [action.verb for action in plan.actions]
    assert (Verb.CLEAR in verbs) is expected.clears, case
    if expected.clears:
        clear = next(action for action in plan.actions if action.verb is Verb.CLEAR)
        assert clear.destructive
        launch = next(action for action in plan.actions if action.verb is Verb.LAUNCH)
        # Between the stop and the launch, never beside a live service.
        assert clear.id < launch.id
        assert (Verb.STOP in verbs) is (case.near == "ours")
        if case.near == "ours":
            assert verbs.index(Verb.STOP) < verbs.index(Verb.CLEAR)
    assert not any(action.destructive for action in plan.actions if action.verb is not Verb.CLEAR)
    stuck = expected.verdict in (Verdict.BLOCKED, Verdict.UNKNOWN) and case.desired is CacheState.COLD
    if stuck or (case.refused and case.near == "nobody"):
        # L3: nothing is launched on a directory that should have been cleared, or that the guard refuses.
        assert Verb.LAUNCH not in verbs, case


def test_a_cache_of_a_service_that_may_be_replaced_may_be_cleared_with_it() -> None:
    case = Case(
        State.POPULATED, CacheState.COLD, "unproven",
        nested=False, epoch=False, protect=False, refused=False, wanted=True,
    )  # fmt: skip
    desired, snapshot = made(case)
    plan = make_plan(desired, snapshot, Options(replace=("service.hashserver",)))
    assert [action.verb for action in plan.actions if action.verb in (Verb.STOP, Verb.CLEAR)] == [
        Verb.STOP, Verb.CLEAR,
    ]  # fmt: skip
