"""A session whose looks and applies are scripted: nothing is contacted."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from seamless_reconcile.agreement import NotApproved
from seamless_reconcile.locks import Locked
from seamless_reconcile.outcomes import Applied, Outcome, Result
from seamless_reconcile.plan import Action, Blocked, Plan, Resource, Verb, Verdict
from unit.proof.looks import HOST, desired_of, look, specs, used

CLEAR = Action(
    1, Verb.CLEAR, "cache.database", "database", HOST, "should be cold, is populated", destructive=True
)
LOST = {"before": {"state": "populated", "path": "/d/p", "size": 98_304}, "after": {"state": "empty"}}


def ended(*, converged: bool = True, acted: bool = True, interrupted: bool = False) -> Applied:
    """Give the end of an apply that cleared the database, or of one that had nothing to do."""
    drift = Resource("cache.database", "cache", "database", HOST, "k", {}, {}, Verdict.DRIFT)
    plan = Plan((), (CLEAR,)) if acted else Plan(() if converged else (drift,))
    outcome = Outcome(CLEAR, Result.DONE if converged else Result.FAILED, "it would not go", facts=LOST)
    after = (
        Plan(()) if converged else Plan((drift,), blocked=(Blocked("service.database", "it is protected"),))
    )
    return Applied(plan, (outcome,) if acted else (), after, interrupted, "/state/runs/1" if acted else None)


@dataclass
class Script:
    """What happens.

    Attributes:
        start, cold, end: what is seen first, once all is made so, and after the command.
        end may be several looks; the last one stays.
        applied: how the apply ends; an exception is raised.
        restored: how putting back ends; an exception is raised.
        during: called while an apply (also a restoring one) is at work, with what stops it.
        calls: what the session was asked, in order.
    """

    desired: Any = field(default_factory=lambda: desired_of(specs()))
    start: Any = None
    cold: Any = None
    end: Any = None
    applied: Any = field(default_factory=ended)
    restored: Any = field(default_factory=ended)
    locked: bool = False
    during: Any = lambda stop: None
    calls: list[Any] = field(default_factory=list)

    def looks(self):
        """Give what each look sees, in turn."""
        yield self.start or look(self.desired)
        yield self.cold or look(self.desired)
        ends = self.end if isinstance(self.end, list) else [self.end or used(self.desired)]
        yield from ends
        while True:
            yield ends[-1]


class ScriptedSession:
    """A session that follows its script."""

    def __init__(self, script: Script) -> None:
        self.script, self.desired = script, script.desired
        self.manifest = SimpleNamespace(files=("/ci/m.yaml",), digest="d1g35t")
        self._looks = script.looks()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.script.calls.append("closed")

    @contextmanager
    def holding(self):
        if self.script.locked:
            raise Locked(HOST, "process 7")
        self.script.calls.append("held")
        try:
            yield
        finally:
            self.script.calls.append("let go")

    def look(self):
        self.script.calls.append("look")
        seen = next(self._looks)
        if isinstance(seen, BaseException):
            raise seen
        return seen

    def apply(self, *, approve=None, stop=None):
        plan = getattr(self.script.applied, "plan", Plan((), (CLEAR,)))
        if plan.actions and approve is not None and not approve(plan):
            raise NotApproved(plan)
        return self._ends("apply", self.script.applied, stop)

    def apply_desired(self, desired, *, stop=None):
        self.script.calls.append({name: spec.state.value for name, spec in desired.services.items()})
        return self._ends("restore", self.script.restored, stop)

    def _ends(self, what, how, stop):
        self.script.calls.append(what)
        self.script.during(stop)
        if isinstance(how, BaseException):
            raise how
        return how
