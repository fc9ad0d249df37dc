"""`run -- CMD`: make it so, prove it cold, run the command, prove that it used the services."""

from __future__ import annotations

import datetime as dt
import getpass
import platform
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seamless_reconcile import __version__
from seamless_reconcile.declared import CacheState, ServiceState, TunnelState
from seamless_reconcile.desired import Desired
from seamless_reconcile.kinds.service import State
from seamless_reconcile.outcomes import Applied
from seamless_reconcile.plan import Plan
from seamless_reconcile.proof import Finding, Proof, cold_nodes, judge

if TYPE_CHECKING:
    from seamless_reconcile.snapshot import Snapshot
    from seamless_reconcile.workflow import Session

NOT_FOUND = 127
NOT_EXECUTABLE = 126


class NothingToProve(Exception):
    """No cache in the manifest is declared cold (exit 65)."""


@dataclass(frozen=True, slots=True)
class Proved:
    """How a proved run ended.

    Attributes:
        applied: what it took to get there; the command ran only if that converged.
        proof: None if the command did not run.
        command: the command line.
        exit_code: the command's own; None if it did not run, negative for a signal.
        began, ended: the command's times, this client's clock, UTC.
        restored: what `--restore` did afterwards, if asked for.
    """

    applied: Applied
    command: tuple[str, ...]
    proof: Proof | None = None
    exit_code: int | None = None
    began: str = ""
    ended: str = ""
    restored: Applied | None = None


def prove(
    session: Session,
    command: Sequence[str] | Callable[[], int],
    *,
    approve: Callable[[Plan], bool] | None = None,
    restore: bool = False,
    label: Sequence[str] = (),
) -> Proved:
    """Converge, look, run, look again.

    Args:
        session: the manifest; at least one of its caches must be declared cold.
        command: what to run, with this process's folder and streams; or a callable giving an exit code.
        approve: see `Session.apply`.
        restore: afterwards put the services back as they were: running or not.
        label: what to call a callable in the certificate.

    Raises:
        NothingToProve, and what `Session.apply` raises.
    """
    words = tuple(label) if callable(command) else tuple(command)
    first = session.look()
    if not cold_nodes(first):
        raise NothingToProve
    applied = session.apply(approve=approve)
    if not applied.converged:
        return Proved(applied, words)
    try:
        before = session.look()
        began = _now()
        code = command() if callable(command) else run_command(words)
        ended = _now()
        proof = judge(before, session.look(), session.keys())
        proved = Proved(applied, words, proof, code, began, ended)
    finally:
        undone = session.apply_desired(as_before(session.desired, first)) if restore else None
    return replace(proved, restored=undone)


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec="milliseconds")


def run_command(command: Sequence[str]) -> int:
    """Run a command with this process's own streams; gives its exit code as a shell would.

    Interrupts go to the command, which is in the same foreground group; this process waits for it.
    """
    try:
        process = subprocess.Popen(list(command))
    except FileNotFoundError:
        return NOT_FOUND
    except OSError:
        return NOT_EXECUTABLE
    with _passing_signals(process):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _passing_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave SIGINT to the command and hand SIGTERM on to it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old_int = signal.signal(signal.SIGINT, signal.SIG_IGN)
    old_term = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old_int)
        signal.signal(signal.SIGTERM, old_term)


def as_before(desired: Desired, first: Snapshot) -> Desired:
    """Give the manifest that puts services back as they were seen first; cleared data stays cleared."""
    services = {}
    for name, spec in desired.services.items():
        state = _state_before(first.services[name].state)
        cache = replace(spec.cache, state=CacheState.KEEP) if spec.cache else None
        tunnel = spec.tunnel if state is ServiceState.RUNNING else TunnelState.CLOSED
        services[name] = replace(spec, state=state, cache=cache, tunnel=tunnel)
    return Desired(services)


def _state_before(seen: State) -> ServiceState:
    if seen is State.ABSENT:
        return ServiceState.ABSENT
    if seen in (State.STALE, State.FAILED, State.MALFORMED):
        return ServiceState.STOPPED
    return ServiceState.RUNNING


def certificate(proved: Proved, session: Session) -> dict[str, Any]:
    """Give everything that was proved, for a program to check (format_version 1, additive)."""
    proof = proved.proof
    return {
        "format_version": 1,
        "kind": "seamless-reconcile certificate",
        "version": __version__,
        "finding": (proof.finding if proof else Finding.UNKNOWN).value,
        "holds": bool(proof and proof.holds),
        "reasons": list(proof.reasons) if proof else ["the services could not be made as declared"],
        "who": {"user": getpass.getuser(), "client": platform.node()},
        "command": list(proved.command),
        "exit_code": proved.exit_code,
        "began": proved.began,
        "ended": proved.ended,
        "manifest": {"files": list(session.manifest.files), "digest": session.manifest.digest},
        "record": proved.applied.record,
        "cleared": [
            {"resource": outcome.action.resource, "host": outcome.action.host, **outcome.facts}
            for outcome in proved.applied.outcomes
            if outcome.action.verb.value == "clear" and outcome.ok
        ],
        "caches": [_plain(item) for item in (proof.caches if proof else ())],
        "services": [_plain(item) for item in (proof.services if proof else ())],
        "restored": None if proved.restored is None else proved.restored.converged,
    }


def _plain(item: Any) -> dict[str, Any]:
    return {
        name: dict(value) if hasattr(value, "keys") else value
        for name in item.__slots__
        for value in (getattr(item, name),)
    }
