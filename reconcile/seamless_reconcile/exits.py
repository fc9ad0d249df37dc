"""Exit codes, in one place (section 8 of docs/reference, the contract)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `--help` needs the codes, and no plan
    from seamless_reconcile.outcomes import Applied
    from seamless_reconcile.plan import Plan

_NOT_DONE = frozenset({"failed", "refused", "skipped"})
"""The results that leave something undone (`outcomes.Result`)."""


class Exit(IntEnum):
    """What a command tells its caller."""

    OK = 0
    ERROR = 1  # error, partial apply, not converged
    CHANGES = 2  # changes or findings
    UNKNOWN = 3  # something could not be told
    STALE_PLAN = 4
    BLOCKED = 5  # blocked, or needs approval and nobody to ask
    UNPROVEN = 6  # `run`: the proof does not hold
    USAGE = 64
    MANIFEST = 65
    LOCKED = 75
    INTERRUPTED = 130


def of_plan(plan: Plan, *, detailed: bool) -> Exit:
    """Give the exit code of `plan`; changes count only where the user asked (`--detailed-exitcode`)."""
    if plan.unknown:
        return Exit.UNKNOWN
    if plan.blocked:
        return Exit.BLOCKED
    return Exit.CHANGES if detailed and not plan.in_sync else Exit.OK


def of_apply(applied: Applied) -> Exit:
    """Give the exit code of `apply`: the gravest thing that happened."""
    if applied.interrupted:
        return Exit.INTERRUPTED
    if any(outcome.result.value in _NOT_DONE for outcome in applied.outcomes):
        return Exit.ERROR
    final = applied.after or applied.plan
    if final.unknown:
        return Exit.UNKNOWN
    if final.blocked:
        return Exit.BLOCKED
    return Exit.OK if applied.converged else Exit.ERROR
