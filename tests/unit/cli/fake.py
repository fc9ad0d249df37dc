"""A session that contacts nothing: what it answers is scripted, what it was asked is noted."""

from __future__ import annotations

from types import SimpleNamespace

from plans.samples import first_start
from seamless_reconcile import events as ev
from seamless_reconcile import workflow
from seamless_reconcile.outcomes import Applied, Outcome, Result
from seamless_reconcile.plan import Plan


class Script:
    """What the fake session answers, and what it was asked.

    Attributes:
        plan: what planning gives.
        error: raised by whichever step `at` names: open, plan, apply, apply_saved, save.
        end: makes the end of an apply from its plan; by default all is done.
    """

    def __init__(self):
        self.plan: Plan = first_start()
        self.error: BaseException | None = None
        self.at = "plan"
        self.end = all_done
        self.calls: list[tuple] = []
        self.settings = None
        self.during = lambda reporter, stop: None

    def step(self, name, *details):
        self.calls.append((name, *details))
        if self.error is not None and self.at == name:
            raise self.error


def all_done(plan):
    outcomes = tuple(Outcome(action, Result.DONE, seconds=0.1) for action in plan.actions)
    return Applied(plan, outcomes, after=Plan(()), record="/state/runs/1")


def session_class(script):
    class FakeSession:
        manifest = SimpleNamespace(files=("m.yaml",))
        desired = SimpleNamespace(
            services={"hashserver": None, "database": None},
            hosts=("frontend",),
            warnings=(("", "mind this"),),
        )

        def __init__(self, reporter):
            self.reporter = reporter

        @classmethod
        def open(cls, settings, reporter):
            script.settings = settings
            script.step("open")
            return cls(reporter)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            script.calls.append(("close",))

        def plan(self, options, *, passive=False):
            self.reporter.on_event(ev.HostRead("frontend", 0.1, "slow"))
            script.step("plan", options, passive)
            self.reporter.on_event(ev.Planned(script.plan))
            return script.plan

        def apply(self, options, *, approve, stop):
            script.step("apply", options)
            self.reporter.on_event(ev.Planned(script.plan))
            if not script.plan.actions:
                return Applied(script.plan)
            if not approve(script.plan):
                raise workflow.NotApproved(script.plan)
            return self._act(stop)

        def apply_saved(self, saved, *, stop):
            script.step("apply_saved", saved)
            return self._act(stop)

        def _act(self, stop):
            for action in script.plan.actions[:1]:
                self.reporter.on_event(ev.Started(action))
                script.during(self.reporter, stop)
                self.reporter.on_event(ev.Ended(Outcome(action, Result.DONE, seconds=0.1)))
            return script.end(script.plan)

        def save(self, plan, options, path):
            script.step("save", plan, options)
            workflow.write_saved(path, workflow.SavedPlan(plan, ("/m.yaml",), options, "digest"))

    return FakeSession
