"""The reconcile loop, on one screen: read, compare, plan, act, verify.

It reaches everything through ports, so the simulated world runs exactly this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event as StopEvent
from typing import TYPE_CHECKING

from seamless_reconcile.declared import ServiceState
from seamless_reconcile.desired import Desired
from seamless_reconcile.events import (
    Ended,
    HostRead,
    Planned,
    Progress,
    Reading,
    Reporter,
    Started,
    Stopping,
    Waiting,
)
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.service import State
from seamless_reconcile.observe import Start, observe
from seamless_reconcile.outcomes import Applied, Outcome, Result
from seamless_reconcile.plan import Action, Plan
from seamless_reconcile.planner import Options, make_plan
from seamless_reconcile.ports import Reach
from seamless_reconcile.snapshot import Snapshot

if TYPE_CHECKING:
    from seamless_reconcile.apply.context import Record

START_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Loop:
    """One manifest against one world.

    Attributes:
        reading: reaches hosts without being able to change them (S6).
        changing: reaches the same hosts for apply.
        workers: actions at once; 0 for one by one.
    """

    desired: Desired
    reading: Reach
    changing: Reach
    reporter: Reporter
    workers: int = 8

    def plan(
        self, options: Options, *, passive: bool = False, outwaited: frozenset[Start] = frozenset()
    ) -> tuple[Plan, Snapshot]:
        """Read once and plan; nothing is changed anywhere.

        Args:
            options: what the user narrowed or asked for.
            passive: leave out handshakes.
            outwaited: starts that were waited for in vain: such a service does not come up by itself.
        """
        self.reporter.on_event(Reading(self.desired.hosts))
        snapshot = observe(
            self.desired, self.reading, passive=passive, outwaited=outwaited, told=self._host_read
        )
        plan = make_plan(self.desired, snapshot, options)
        self.reporter.on_event(Planned(plan))
        return plan, snapshot

    def apply(
        self,
        options: Options,
        *,
        agree: Callable[[Plan], None],
        record: Callable[[Plan], Record],
        stop: StopEvent,
    ) -> Applied:
        """Plan, have it agreed to, do exactly that, and look what came of it.

        Args:
            options: what the user narrowed or asked for.
            agree: raises where the plan is not to be done (NotApproved, StalePlan).
            record: makes the folder of this run; asked only where there is something to do.
            stop: once set, nothing new begins.
        """
        plan, snapshot, outwaited = self._settled(options)
        if not plan.actions:
            return Applied(plan)
        agree(plan)
        kept = record(plan)
        outcomes = self._act(plan, snapshot, options, kept, stop)
        if stop.is_set():
            return Applied(plan, outcomes, None, interrupted=True, record=kept.path)
        after, _ = self.plan(Options(targets=options.targets), outwaited=outwaited)
        return Applied(plan, outcomes, after, record=kept.path, targeted=bool(options.targets))

    def _host_read(self, facts: HostFacts, seconds: float) -> None:
        self.reporter.on_event(HostRead(facts.host, seconds, facts.problem.reason if facts.problem else ""))

    def _act(
        self, plan: Plan, snapshot: Snapshot, options: Options, record: Record, stop: StopEvent
    ) -> tuple[Outcome, ...]:
        # What acts is imported when something is to be done: a plan waits for none of it.
        from seamless_reconcile.apply import Context, perform, run_actions, settle_receipts  # noqa: PLC0415

        context = Context(
            self.desired, plan, snapshot, self.changing, record, record.run_id, frozenset(options.replace),
            say=lambda action, what: self.reporter.on_event(Progress(action, what)),
        )  # fmt: skip

        def begin(action: Action) -> Outcome:
            try:
                self.reporter.on_event(Started(action))
            except OSError as exc:
                # What cannot be recorded is not done; what was done before is still told.
                return Outcome(action, Result.FAILED, f"nothing was done: {exc}", "check disk space here")
            return perform(context, action)

        outcomes = run_actions(
            plan.actions,
            begin,
            workers=self.workers,
            stop=stop,
            ended=lambda o: self.reporter.on_event(Ended(o)),
        )
        if stop.is_set():
            self.reporter.on_event(Stopping(0))
        settle_receipts(context)
        return outcomes

    def _settled(self, options: Options) -> tuple[Plan, Snapshot, frozenset[Start]]:
        """Plan, but first wait for services that somebody has launched just now (L1).

        What does not come up within its own window is planned on as unhealthy.
        """
        clock = self.reading.clock
        began = clock.monotonic()
        outwaited: frozenset[Start] = frozenset()
        while True:
            plan, snapshot = self.plan(options, outwaited=outwaited)
            starting = self._starting(snapshot)
            if not starting:
                return plan, snapshot, outwaited
            waited = clock.monotonic() - began
            windows = {start: self.desired.services[start[0]].start_window for start in starting}
            outwaited |= {start for start, window in windows.items() if waited > window}
            if outwaited.issuperset(starting):
                continue
            self.reporter.on_event(Waiting(f"service.{starting[0][0]}", "waits for it to start"))
            clock.sleep(START_POLL_SECONDS)

    def _starting(self, snapshot: Snapshot) -> list[Start]:
        return [
            (name, snapshot.services[name].pid)
            for name, spec in self.desired.services.items()
            if spec.state is ServiceState.RUNNING and snapshot.services[name].state is State.STARTING
        ]
