"""Every observed x desired tuple of a service falls under exactly one rule, and gets its fate."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from matrix.rules import Rule, each_is_hit, the_rule
from seamless_reconcile.declared import ServiceState, TunnelState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.service import Life, ServiceObserved, State, classify
from seamless_reconcile.kinds.tunnel import State as TunnelIs
from seamless_reconcile.kinds.tunnel import TunnelObserved
from seamless_reconcile.plan import Verb, Verdict
from seamless_reconcile.planner import Options, make_plan
from seamless_reconcile.planner.fates import Fate, decide_fates
from seamless_reconcile.snapshot import Snapshot
from unit.core.test_service import ROWS
from unit.core.values import ARGV, host, row, spec


class Seen(NamedTuple):
    """What the rules of `kinds.service` can conclude of a service.

    Attributes:
        readable: whether its state file leads to a process.
    """

    state: State
    life: Life
    readable: bool = True


OBSERVED = (
    Seen(State.ABSENT, Life.DEAD),
    Seen(State.ABSENT, Life.HIDDEN),
    Seen(State.STARTING, Life.OURS),
    Seen(State.RUNNING, Life.OURS),
    Seen(State.UNHEALTHY, Life.OURS),
    Seen(State.UNHEALTHY, Life.UNPROVEN),
    Seen(State.STALE, Life.DEAD),
    Seen(State.STALE, Life.HIDDEN),
    Seen(State.FAILED, Life.DEAD),
    Seen(State.FAILED, Life.OURS),
    Seen(State.FAILED, Life.UNPROVEN),
    Seen(State.MALFORMED, Life.DEAD),
    Seen(State.MALFORMED, Life.OURS),
    Seen(State.MALFORMED, Life.UNPROVEN),
    Seen(State.MALFORMED, Life.DEAD, readable=False),
    Seen(State.MALFORMED, Life.UNPROVEN, readable=False),
    Seen(State.MALFORMED, Life.HIDDEN, readable=False),
    Seen(State.MISWIRED, Life.OURS),
    Seen(State.UNKNOWN, Life.UNPROVEN),
)
ALIVE = (Life.OURS, Life.UNPROVEN, Life.HIDDEN)


class Case(NamedTuple):
    """One tuple: what is, what should be, and what the user said."""

    seen: Seen
    desired: ServiceState
    protect: bool
    replace: bool
    same: bool
    wanted: bool

    @property
    def running(self) -> bool:
        return self.desired is ServiceState.RUNNING

    @property
    def alive(self) -> bool:
        return self.seen.life in ALIVE

    @property
    def known(self) -> bool:
        return self.seen.state is not State.UNKNOWN

    @property
    def fine(self) -> bool:
        """Runs (or starts) as it should."""
        well = self.seen.state in (State.RUNNING, State.STARTING) and not self.replace
        return well and (self.same or self.seen.state is State.STARTING)

    @property
    def over(self) -> bool:
        """Is down as it should be."""
        gone = self.desired is ServiceState.STOPPED or self.seen.state is State.ABSENT
        return not self.alive and gone

    @property
    def hands_off(self) -> bool:
        """Nothing may be done to whatever process there is."""
        if self.seen.life is Life.HIDDEN:
            return True
        unreadable = not self.seen.readable and self.alive and self.desired is ServiceState.STOPPED
        return unreadable or (self.seen.life is Life.UNPROVEN and not self.replace)


def cases() -> Iterator[Case]:
    booleans = (False, True)
    for seen, desired, protect, replace, same, wanted in itertools.product(
        OBSERVED, ServiceState, booleans, booleans, booleans, booleans
    ):
        if same or seen.state is State.RUNNING:
            yield Case(seen, desired, protect, replace, same, wanted)


class Expected(NamedTuple):
    fate: Fate
    verdict: Verdict


def _up(case: Case) -> bool:
    """Should run, does not run as it should, and may be changed."""
    return case.known and case.running and not case.fine and case.wanted


def _down(case: Case) -> bool:
    """Should not be there, is, and may be changed."""
    return case.known and not case.running and not case.over and case.wanted


RULES = (
    Rule("unknown: nothing is done (S2)", lambda c: not c.known, Expected(Fate.BLOCKED, Verdict.UNKNOWN)),
    Rule(
        "runs as it should",
        lambda c: c.known and c.running and c.fine and c.seen.state is State.RUNNING,
        Expected(Fate.LEAVE, Verdict.IN_SYNC),
    ),
    Rule(
        "starts: apply waits for it",
        lambda c: c.known and c.running and c.fine and c.seen.state is State.STARTING,
        Expected(Fate.LEAVE, Verdict.DRIFT),
    ),
    Rule(
        "should run, but is not targeted",
        lambda c: c.known and c.running and not c.fine and not c.wanted,
        Expected(Fate.LEAVE, Verdict.DRIFT),
    ),
    Rule(
        "should run; whoever is there must not be touched (S2, S4)",
        lambda c: _up(c) and c.hands_off,
        Expected(Fate.BLOCKED, Verdict.BLOCKED),
    ),
    Rule(
        "should run anew, but is protected",
        lambda c: _up(c) and not c.hands_off and c.alive and c.protect,
        Expected(Fate.BLOCKED, Verdict.BLOCKED),
    ),
    Rule(
        "should run anew",
        lambda c: _up(c) and not c.hands_off and c.alive and not c.protect,
        Expected(Fate.RESTART, Verdict.DRIFT),
    ),
    Rule(
        "should run, is down",
        lambda c: _up(c) and not c.hands_off and not c.alive,
        Expected(Fate.START, Verdict.DRIFT),
    ),
    Rule(
        "is down as it should be",
        lambda c: c.known and not c.running and c.over,
        Expected(Fate.LEAVE, Verdict.IN_SYNC),
    ),
    Rule(
        "should go, but is not targeted",
        lambda c: c.known and not c.running and not c.over and not c.wanted,
        Expected(Fate.LEAVE, Verdict.DRIFT),
    ),
    Rule(
        "should go, but is protected",
        lambda c: _down(c) and c.protect,
        Expected(Fate.BLOCKED, Verdict.BLOCKED),
    ),
    Rule(
        "should go; whoever is there must not be touched (S2, S4)",
        lambda c: _down(c) and not c.protect and c.hands_off,
        Expected(Fate.BLOCKED, Verdict.BLOCKED),
    ),
    Rule(
        "should be stopped",
        lambda c: _down(c) and not c.protect and not c.hands_off and c.desired is ServiceState.STOPPED,
        Expected(Fate.STOP, Verdict.DRIFT),
    ),
    Rule(
        "should be absent",
        lambda c: _down(c) and not c.protect and not c.hands_off and c.desired is ServiceState.ABSENT,
        Expected(Fate.REMOVE, Verdict.DRIFT),
    ),
)


def made(case: Case) -> tuple[ServiceSpec, ServiceObserved]:
    """Give the spec and the observation of a case."""
    wanted = spec(state=case.desired, protect=case.protect, tunnel=TunnelState.CLOSED, tunnelled=False)
    has_row = case.seen.readable and case.seen.state not in (State.ABSENT, State.UNKNOWN)
    seen = ServiceObserved(
        case.seen.state,
        case.seen.life,
        reason="" if case.fine else "why",
        row=row() if has_row else None,
        pid=4000 if case.alive else None,
        port=50_000,
        command=ARGV if case.same else ("another",),
    )
    return wanted, seen


def snapshot_of(seen: ServiceObserved) -> Snapshot:
    listing = HostFacts("frontend", {seen.row.key: seen.row} if seen.row else {})
    return Snapshot(
        {"frontend": listing}, {"hashserver": seen}, tunnels={"hashserver": TunnelObserved(TunnelIs.CLOSED)}
    )


ALL = list(cases())


def test_each_tuple_falls_under_one_rule_and_each_rule_is_met() -> None:
    assert each_is_hit(RULES, ALL).total() == len(ALL) == len(OBSERVED) * 3 * 8 + 3 * 8


def test_every_fate_is_met() -> None:
    assert {rule.expected.fate for rule in RULES} == set(Fate)


def test_everything_that_can_be_observed_is_in_the_matrix() -> None:
    found = [classify(spec(), facts, host(row())) for facts, _, _ in ROWS.values()]
    assert {Seen(seen.state, seen.life, seen.readable) for seen in found} <= set(OBSERVED)
    assert {seen.state for seen in OBSERVED} == set(State)


@pytest.mark.parametrize("desired", ServiceState, ids=lambda state: state.value)
@pytest.mark.parametrize(
    "seen", OBSERVED, ids=lambda s: f"{s.state.value}-{s.life.value}{'' if s.readable else '-unreadable'}"
)
def test_the_fate_of_each_tuple(seen: Seen, desired: ServiceState) -> None:
    for case in ALL:
        if (case.seen, case.desired) == (seen, desired):
            _check(case)


def _check(case: Case) -> None:
    rule = the_rule(RULES, case)
    wanted, seen = made(case)
    desired, snapshot = Desired({"hashserver": wanted}), snapshot_of(seen)
    replace = frozenset({"service.hashserver"}) if case.replace else frozenset()
    selected = None if case.wanted else frozenset({"service.other"})
    fates = decide_fates(desired, snapshot, {}, order=["hashserver"], wanted=selected, replace=replace)
    decision = fates["hashserver"]
    assert decision.fate is rule.expected.fate, (rule.name, case)
    assert bool(decision.refusal) is (decision.fate is Fate.BLOCKED)
    assert decision.unknown is (rule.expected.verdict is Verdict.UNKNOWN)
    # Whatever is done, blocked or left undone has a cause that can be shown.
    silent = rule.expected.verdict is Verdict.IN_SYNC or seen.state in (State.STARTING, State.UNKNOWN)
    assert bool(decision.cause) or silent, (rule.name, case)
    if case.wanted:
        _check_actions(case, rule.expected, desired, snapshot)


def _check_actions(case: Case, expected: Expected, desired: Desired, snapshot: Snapshot) -> None:
    plan = make_plan(desired, snapshot, Options(replace=("service.hashserver",) if case.replace else ()))
    assert plan.resource("service.hashserver").verdict is expected.verdict, case
    assert [action.verb for action in plan.actions] == _verbs(case, expected.fate), case
    assert (plan.blocked != ()) is (expected.fate is Fate.BLOCKED)
    # Nothing is planned without saying so, and nothing drifts without a plan, unless it is waited for.
    waits = case.running and case.seen.state is State.STARTING and not case.replace
    assert bool(plan.actions) is (expected.verdict is Verdict.DRIFT and not waits)
    for action in plan.actions:
        assert action.cause
        assert action.promises
    chain = [action.requires for action in plan.actions]
    assert chain == [(index,) if index else () for index in range(len(chain))]


def _verbs(case: Case, fate: Fate) -> list[Verb]:
    """Give the actions of a fate, in their order: stop, save the log (S5), remove the state, launch."""
    stop = [Verb.STOP] if case.alive and case.seen.readable else []
    forget = [Verb.SAVE_LOG, *([Verb.REMOVE_STATE] if case.seen.state is not State.ABSENT else [])]
    return {
        Fate.LEAVE: [],
        Fate.BLOCKED: [],
        Fate.START: [*forget, Verb.LAUNCH],
        Fate.RESTART: [*stop, *forget, Verb.LAUNCH],
        Fate.STOP: [Verb.STOP],
        Fate.REMOVE: [*stop, *forget],
    }[fate]


def test_where_there_is_no_log_none_is_saved() -> None:
    seen = ServiceObserved(State.ABSENT, Life.DEAD, has_log=False)
    wanted = spec(tunnel=TunnelState.CLOSED, tunnelled=False)
    plan = make_plan(Desired({"hashserver": wanted}), snapshot_of(seen))
    assert [action.verb for action in plan.actions] == [Verb.LAUNCH]
