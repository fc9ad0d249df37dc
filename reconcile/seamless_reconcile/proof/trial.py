"""A trial: make it so, prove it cold, let something run, prove that it used the services.

`run -- CMD` and the pytest plugin are both made of this.
"""

from __future__ import annotations

import datetime as dt
import getpass
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, replace
from threading import Event as StopEvent
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rhl_helpers.errors import HelperError
from seamless_reconcile import __version__
from seamless_reconcile.agreement import NotApproved, StalePlan
from seamless_reconcile.declared import CacheState, ManifestError, ServiceState, TunnelState
from seamless_reconcile.desired import Desired
from seamless_reconcile.kinds import tunnel
from seamless_reconcile.kinds.service import State
from seamless_reconcile.locks import Locked
from seamless_reconcile.outcomes import Applied
from seamless_reconcile.plan import Plan, Verb
from seamless_reconcile.proof.child import CannotStart, run_command
from seamless_reconcile.proof.judge import Finding, Proof, judge, judge_start, unprovable

if TYPE_CHECKING:
    from typing_extensions import Self

    from seamless_reconcile.snapshot import Snapshot
    from seamless_reconcile.workflow import Session

SETTLE_SECONDS = 3.0
"""How long a result may take to arrive after the command has ended, where a part of it has."""
POLL_SECONDS = 0.25


class Trial:
    """One proof in the making. While it lasts, no other apply of this user touches its services.

    Use as a context manager: `begin`, let the command run, `end`; what was changed is put back at
    its exit, if that was asked for, however it came to the exit.

    Args:
        session: the manifest.
        words: the command line, for the certificate.
        restore: put the services back as they were: running or not, connected or not.
        guard: what to enter while they are put back; given what ends that early.

    Attributes:
        applied: what it took to get there; None before that.
        proof: what was found; None until the end, or until it was found that it cannot begin.
        exit_code: the command's own; None if it did not run.
        began, ended: the command's times by this client's clock, UTC.
        restored: what putting back did.
        problem: why the command could not run, or the services could not be put back.

    Raises:
        ManifestError: if nothing could be proven with this manifest; nothing was contacted.
    """

    applied: Applied | None = None
    proof: Proof | None = None
    exit_code: int | None = None
    began = ""
    ended = ""
    restored: Applied | None = None
    problem = ""

    def __init__(
        self,
        session: Session,
        words: Sequence[str],
        *,
        restore: bool = False,
        guard: Callable[[StopEvent], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        problems = unprovable(session.desired, session.manifest.files[0])
        if problems:
            raise ManifestError(problems)
        self.words = tuple(words)
        self._session, self._restore, self._guard = session, restore, guard
        self._held = ExitStack()
        self._first: Snapshot | None = None
        self._before: Snapshot | None = None
        self._changed = False

    # --- its course ------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Hold the services.

        Raises:
            Locked.
        """
        self._held.enter_context(self._session.holding())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the services back, where asked for, and let them go."""
        with self._held:
            if self._restore and self._changed:
                self._put_back()

    def begin(self, *, approve: Callable[[Plan], bool] | None = None, stop: StopEvent | None = None) -> bool:
        """Make it so and look; tells whether the command may run.

        Args:
            approve: see `Session.apply`.
            stop: the same.

        Raises:
            What `Session.apply` raises.
        """
        self._first = self._session.look()
        try:
            self.applied = self._session.apply(approve=approve, stop=stop)
        except (NotApproved, StalePlan, Locked):
            raise
        except BaseException:
            # Nobody knows how far it came.
            self._changed = True
            raise
        self._changed = bool(self.applied.outcomes)
        if not self.applied.converged:
            return False
        self._before = self._session.look()
        self.proof = judge_start(self._before, self._session.desired)
        self.began = _now()
        return self.proof is None

    def run(self) -> None:
        """Run the command with this process's own streams, then judge."""
        try:
            code = run_command(self.words)
        except CannotStart as exc:
            self.problem, self.exit_code = f"the command could not be started: {exc}", exc.exit_code
            return
        self.end(code)

    def end(self, exit_code: int) -> Proof:
        """Look again and judge.

        Args:
            exit_code: the command's.
        """
        if self._before is None:
            raise ValueError("it has not begun")
        self.ended, self.exit_code = _now(), exit_code
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            self.proof = judge(self._before, self._session.look(), self._session.desired)
            # What was computed elsewhere may arrive a moment later than the command's end.
            arriving = self.proof.finding is Finding.UNTOUCHED and any(c.written for c in self.proof.caches)
            if not arriving or time.monotonic() > deadline:
                return self.proof
            time.sleep(POLL_SECONDS)

    def _put_back(self) -> None:
        if self._first is None:
            return
        stop = StopEvent()
        desired = as_before(self._session.desired, self._first)
        try:
            with self._guard(stop):
                self.restored = self._session.apply_desired(desired, stop=stop)
        except (Locked, HelperError, OSError) as exc:
            self.problem = f"the services could not be put back: {exc}"
            return
        if not self.restored.converged:
            why = "; ".join(_obstacles(self.restored)) or "not all is as it was"
            self.problem = f"the services could not be put back: {why}"

    # --- what it proves --------------------------------------------------------------------

    @property
    def finding(self) -> Finding:
        """What was found so far."""
        return self.proof.finding if self.proof else Finding.UNKNOWN

    @property
    def holds(self) -> bool:
        """Whether the run was a real one on cold caches."""
        return bool(self.proof and self.proof.holds)

    def reasons(self) -> tuple[str, ...]:
        """Say why it does not hold."""
        if self.proof is not None:
            return self.proof.reasons
        if self.applied is not None and self.applied.interrupted:
            return ("interrupted",)
        if self.applied is not None and not self.applied.converged:
            return ("the services could not be made as declared", *_obstacles(self.applied))
        return (self.problem or "the run has not ended",)

    def _so_far(self) -> Proof | None:
        """Give the proof, or in the midst of the run what was seen before it."""
        if self.proof is None and self._before is not None:
            return judge(self._before, self._before, self._session.desired)
        return self.proof

    def certificate(self) -> dict[str, Any]:
        """Give everything that was proved so far, for a program to check (format_version 1, additive)."""
        proof, applied, manifest = self._so_far(), self.applied, self._session.manifest
        return {
            "format_version": 1,
            "kind": "seamless-reconcile certificate",
            "version": __version__,
            "finding": self.finding.value,
            "holds": self.holds,
            "reasons": list(self.reasons()),
            "uncovered": list(proof.uncovered if proof else ()),
            "who": {"user": _user(), "client": platform.node()},
            "command": list(self.words),
            "folder": os.getcwd(),  # noqa: PTH109 - a string is wanted
            "exit_code": self.exit_code,
            "began": self.began,
            "ended": self.ended,
            "manifest": {"files": list(manifest.files), "digest": manifest.digest},
            "record": applied.record if applied else None,
            "cleared": list(_cleared(applied)) if applied else [],
            "caches": [asdict(item) for item in (proof.caches if proof else ())],
            "services": [asdict(item) for item in (proof.services if proof else ())],
            "restored": None if self.restored is None else self.restored.converged,
            "problem": self.problem,
        }


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec="milliseconds")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number nobody has named
        return str(os.getuid())


def _cleared(applied: Applied) -> Iterator[dict[str, Any]]:
    """Give what was cleared: where, and what was there before and after."""
    for outcome in applied.outcomes:
        if outcome.action.verb is Verb.CLEAR and outcome.ok:
            yield {"resource": outcome.action.resource, "host": outcome.action.host, **outcome.facts}


def _obstacles(applied: Applied) -> list[str]:
    """Say what kept an apply from converging."""
    failed = [f"{o.action.resource}: {o.detail}" for o in applied.outcomes if not o.ok and o.detail]
    blocked = [f"{b.resource}: {b.reason}" for b in (applied.after or applied.plan).blocked]
    return list(dict.fromkeys([*failed, *blocked]))


# --- putting back --------------------------------------------------------------------------


def as_before(desired: Desired, first: Snapshot) -> Desired:
    """Give the manifest that puts services back as they were seen first; cleared data stays cleared.

    What could not be told then is as declared now, or was never reached: it is left at that.
    """
    services = {}
    for name, spec in desired.services.items():
        seen = first.services[name].state
        state = spec.state if seen is State.UNKNOWN else _state_before(seen)
        kept = replace(spec.cache, state=CacheState.KEEP) if spec.cache else None
        connected = state is ServiceState.RUNNING and first.tunnels[name].state is not tunnel.State.CLOSED
        route = spec.tunnel if connected else TunnelState.CLOSED
        services[name] = replace(spec, state=state, cache=kept, tunnel=route)
    return Desired(services)


def _state_before(seen: State) -> ServiceState:
    if seen is State.ABSENT:
        return ServiceState.ABSENT
    if seen in (State.STALE, State.FAILED, State.MALFORMED):
        return ServiceState.STOPPED
    return ServiceState.RUNNING
