"""Exit codes: the gravest thing that happened."""

from __future__ import annotations

import pytest

from seamless_reconcile.exits import Exit, of_apply, of_plan
from seamless_reconcile.outcomes import Applied, Outcome, Result
from seamless_reconcile.plan import Blocked, Verdict
from unit.core.values import action, plan

BLOCKED = {"blocked": (Blocked("service.x", "why"),)}
IN_SYNC = plan()
DRIFT = plan(action(1), verdicts=(Verdict.DRIFT,))
STUCK = plan(verdicts=(Verdict.BLOCKED,), **BLOCKED)
UNKNOWN = plan(verdicts=(Verdict.UNKNOWN, Verdict.BLOCKED), **BLOCKED)


@pytest.mark.parametrize(
    ("of", "plain", "detailed"),
    [
        (IN_SYNC, Exit.OK, Exit.OK),
        (DRIFT, Exit.OK, Exit.CHANGES),
        (plan(verdicts=(Verdict.DRIFT,)), Exit.OK, Exit.CHANGES),
        (STUCK, Exit.BLOCKED, Exit.BLOCKED),
        (UNKNOWN, Exit.UNKNOWN, Exit.UNKNOWN),
    ],
    ids=["in sync", "drift", "drift, nothing to do", "blocked", "unknown and blocked"],
)
def test_of_plan(of, plain: Exit, detailed: Exit) -> None:
    assert (of_plan(of, detailed=False), of_plan(of, detailed=True)) == (plain, detailed)


def ended(*results: Result, after=IN_SYNC, **more) -> Applied:
    return Applied(DRIFT, tuple(Outcome(action(1), result) for result in results), after, **more)


CASES = {
    "nothing to do": (Applied(IN_SYNC), Exit.OK),
    "done": (ended(Result.DONE, Result.UNNEEDED), Exit.OK),
    "done, but not as declared": (ended(Result.DONE, after=DRIFT), Exit.ERROR),
    "failed": (ended(Result.DONE, Result.FAILED), Exit.ERROR),
    "refused": (ended(Result.REFUSED), Exit.ERROR),
    "skipped": (ended(Result.SKIPPED), Exit.ERROR),
    "failed, and all is well": (ended(Result.FAILED, after=IN_SYNC), Exit.ERROR),
    "done, the rest is blocked": (ended(Result.DONE, after=STUCK), Exit.BLOCKED),
    "done, the rest is unknown": (ended(Result.DONE, after=UNKNOWN), Exit.UNKNOWN),
    "nothing to do, blocked": (Applied(STUCK), Exit.BLOCKED),
    "nothing to do, unknown": (Applied(UNKNOWN), Exit.UNKNOWN),
    "failed, the rest is unknown": (ended(Result.FAILED, after=UNKNOWN), Exit.ERROR),
    "interrupted": (ended(Result.DONE, Result.NOT_STARTED, after=None, interrupted=True), Exit.INTERRUPTED),
    "interrupted after a failure": (ended(Result.FAILED, after=None, interrupted=True), Exit.INTERRUPTED),
    "targeted, the rest drifts": (
        ended(Result.DONE, after=plan(verdicts=(Verdict.DRIFT,)), targeted=True),
        Exit.OK,
    ),
    "targeted, something is left to do": (ended(Result.DONE, after=DRIFT, targeted=True), Exit.ERROR),
}


@pytest.mark.parametrize("case", CASES)
def test_of_apply(case: str) -> None:
    applied, code = CASES[case]
    assert of_apply(applied) is code
    assert applied.converged is (code is Exit.OK)
