"""How actions ended, as values: nothing that a host or a user can cause is an exception."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from seamless_reconcile.plan import Action, Plan


class Result(str, Enum):
    """How one action ended."""

    DONE = "done"  # its postcondition was observed
    UNNEEDED = "unneeded"  # it was so already
    REFUSED = "refused"  # what it was planned on has changed, or safety forbids it now
    FAILED = "failed"
    SKIPPED = "skipped"  # something it requires did not succeed
    NOT_STARTED = "not_started"  # interrupted before its turn


SUCCEEDED = frozenset({Result.DONE, Result.UNNEEDED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one action ended and what was seen.

    Attributes:
        detail: one line for people: what happened, where, and what to do about it.
        seconds: how long it took.
        facts: what was observed afterwards (pid, port, path of a saved log …).
    """

    action: Action
    result: Result
    detail: str = ""
    hint: str = ""
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether what depends on it may go on."""
        return self.result in SUCCEEDED


@dataclass(frozen=True, slots=True)
class Applied:
    """How a whole apply ended.

    Attributes:
        plan: what was to be done.
        outcomes: one for each action, in the plan's order.
        after: the plan made from what is now; None if nothing was done or it was interrupted.
        record: the folder with everything that happened; None where nothing had to be done.
        targeted: whether only a part of the manifest was asked for.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    after: Plan | None = None
    interrupted: bool = False
    record: str | None = None
    targeted: bool = False

    @property
    def converged(self) -> bool:
        """Whether everything is now as declared."""
        final = self.after or self.plan
        if self.interrupted or not all(outcome.ok for outcome in self.outcomes):
            return False
        # With --target, what was not targeted may still differ.
        return final.in_sync or (self.targeted and not (final.actions or final.blocked or final.unknown))
