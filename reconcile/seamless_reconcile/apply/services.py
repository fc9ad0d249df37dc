"""Stop a service, save its log, remove its state: each after another look."""

from __future__ import annotations

from rhl_helpers import calls
from rhl_helpers.errors import HelperError
from rhl_helpers.rows import MalformedRow, ServerRow
from rhl_helpers.transport.base import Answer

from seamless_reconcile.apply.context import POLL_SECONDS, Context, Step, done, failed, refused, unneeded
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import Evidence
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.observe.hosts import read_row
from seamless_reconcile.observe.services import process_evidence
from seamless_reconcile.observed import Absent, Unknown
from seamless_reconcile.plan import Action

GONE_SECONDS = 12.0
"""How long a process may take to go: a daskserver lives on 2.5 s, a slow init reaps after seconds."""


def stop(context: Context, action: Action) -> Step:
    """Stop a service's process, once more shown to be the one that was planned on (S2, S4)."""
    spec = context.spec(action)
    seen = context.look(spec)
    objection = _may_stop(context, spec, seen, action)
    if objection:
        return objection
    word = context.host(spec.host).call(calls.stop(spec.key))
    pid = seen.pid or 0
    if word in ("stopped", "already gone"):
        # The helper itself saw that the pid is gone.
        context.killed.add((spec.host, spec.key, pid))
        return done(f"process {pid} {word}", pid=pid)
    if word == "missing state":
        return _wait_gone(context, spec, pid, seen.port, "its state file was removed meanwhile")
    return _wait_gone(context, spec, pid, seen.port, word)


def _may_stop(context: Context, spec: ServiceSpec, seen: ServiceObserved, action: Action) -> Step | None:
    planned = action.expects.get("pid")
    if seen.state is State.UNKNOWN:
        return failed(seen.reason, seen.hint)
    if seen.state is State.ABSENT and seen.life is Life.DEAD and isinstance(planned, int):
        return _wait_gone(context, spec, planned, action.expects.get("port"), "its state file is gone")
    if not seen.alive:
        return unneeded(f"it is {seen.state.value}")
    if seen.pid != planned or seen.launch_id != action.expects.get("launch_id"):
        return refused(f"process {seen.pid} runs it now, the plan was made on process {planned}")
    if seen.life is Life.HIDDEN:
        return refused(seen.reason, seen.hint)
    if seen.life is Life.UNPROVEN and action.resource not in context.replace:
        return refused(f"{seen.reason}; nothing shows that process {seen.pid} is this service", seen.hint)
    return None


def _wait_gone(context: Context, spec: ServiceSpec, pid: int, port: object, how: str) -> Step:
    """Wait until a process is gone, or a zombie: still listed, but its port closed after SIGKILL."""
    clock, host = context.reach.clock, context.host(spec.host)
    deadline = clock.monotonic() + GONE_SECONDS
    while host.call(calls.pid_alive(pid)):
        if clock.monotonic() > deadline:
            return _undead(context, spec, pid, port, how)
        clock.sleep(POLL_SECONDS)
    context.killed.add((spec.host, spec.key, pid))
    return done(f"process {pid} is gone ({how})", pid=pid)


def _undead(context: Context, spec: ServiceSpec, pid: int, port: object, how: str) -> Step:
    closed = isinstance(port, int) and _answer(context, spec, port) is Answer.CLOSED
    if how == "kill required" and closed:
        context.killed.add((spec.host, spec.key, pid))
        return done(f"process {pid} was killed; that host has not reaped it yet", pid=pid)
    return failed(f"process {pid} is still there after it was told to stop ({how})", f"look at process {pid} there")


def _answer(context: Context, spec: ServiceSpec, port: int) -> Answer | None:
    path = spec.handshake.path if spec.handshake else ""
    try:
        return context.host(spec.host).probe(spec.network_interface, port, path)
    except HelperError:
        return None


def save_log(context: Context, action: Action) -> Step:
    """Save a service's whole log into the record (S5)."""
    spec = context.spec(action)
    with context.record.log_file(spec.host, spec.key) as sink:
        found = context.host(spec.host).call(calls.logs(spec.key), stdout_to=sink)
        size = sink.tell()
    if found is None:
        context.record.drop_log(spec.host, spec.key)
        return unneeded("there is no log")
    return done(f"{size:,} bytes", bytes=size)


def remove_state(context: Context, action: Action) -> Step:
    """Remove a service's state file, its process proven dead (S4)."""
    spec = context.spec(action)
    host = context.host(spec.host)
    row = read_row(host, spec.key)
    if isinstance(row, Absent):
        return unneeded("there is no state file")
    if isinstance(row, Unknown):
        return failed(row.reason, row.hint)
    objection = _may_remove(context, spec, row if isinstance(row, MalformedRow) else row.value, action)
    if objection:
        return objection
    host.call(calls.remove_server_state(spec.key))
    if not isinstance(read_row(host, spec.key), Absent):
        return failed("the state file came back after it was removed", "a process of that key still writes it")
    return done()


def _may_remove(context: Context, spec: ServiceSpec, row: ServerRow | MalformedRow, action: Action) -> Step | None:
    planned = action.expects
    if isinstance(row, MalformedRow):
        if planned.get("state") != State.MALFORMED.value:
            return refused(f"its state file is malformed now: {row.reason}")
        alive = row.pid is not None and context.host(spec.host).call(calls.pid_alive(row.pid))
    else:
        if row.pid != planned.get("pid"):
            return refused(f"its state file is of process {row.pid} now, the plan was made on {planned.get('pid')}")
        alive = row.live is not False and not row.dry_run and row.pid is not None
    if not alive or (spec.host, spec.key, row.pid) in context.killed:
        return None
    if process_evidence(spec, row, context.reach) in (Evidence.ZOMBIE, Evidence.GONE, Evidence.STRANGER):
        return None
    return refused(f"process {row.pid} is alive")
