"""How programs use the public names, for mypy: `make types`. Never run.

Each `type: ignore` must be needed: a wrong use that mypy let pass would be reported.
"""

from __future__ import annotations

from threading import Event as StopEvent

import seamless_reconcile as sr
from seamless_reconcile import events


class Listener:
    known = False

    def on_event(self, event: sr.Event) -> None:
        if isinstance(event, events.Planned):
            plan: sr.Plan = event.plan
            self.known = plan.in_sync


class Deaf:
    pass


def uses() -> int:
    settings = sr.Settings(files=("a.yaml", "b.yaml"), ssh="openssh", timeout=3.0, parallel=2)
    with sr.Session.open(settings, Listener()) as session:
        plan = session.plan(sr.Options(targets=("service.x",)), passive=True)
        addresses: list[str] = [resource.address for resource in plan.resources]
        destructive: list[sr.Verb] = [action.verb for action in plan.actions if action.destructive]
        applied: sr.Applied = session.apply(approve=lambda plan: plan.in_sync, stop=StopEvent())
        outcome: sr.Outcome = applied.outcomes[0]
        result: sr.Result = outcome.result
        session.save(plan, sr.Options(), "plan.json")
        session.apply_saved(sr.load_saved("plan.json"))
    reporter: sr.Reporter = sr.Silent()
    reporter.on_event(events.Stopping(in_hand=1))
    return len(addresses) + len(destructive) + len(result.value)


def errors(error: Exception) -> str:
    if isinstance(error, sr.ManifestError):
        return "; ".join(problem.message for problem in error.problems)
    if isinstance(error, sr.StalePlan):
        return error.differences[0]
    return str(error) if isinstance(error, (sr.Locked, sr.NotApproved, sr.PlanFileError)) else ""


def misuses(session: sr.Session, plan: sr.Plan) -> None:
    sr.Settings(ssh="telnet")  # type: ignore[arg-type]
    sr.Settings(file="a.yaml")  # type: ignore[call-arg]
    sr.Session.open(sr.Settings(), Deaf())  # type: ignore[arg-type]
    session.plan(passiv=True)  # type: ignore[call-arg]
    session.apply(approve=lambda: True)  # type: ignore[arg-type,misc]
    plan.in_sync = True  # type: ignore[misc]
    _ = sr.Sesion  # type: ignore[attr-defined]
