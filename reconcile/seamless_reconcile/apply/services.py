"""Stop a service, save its log, remove its state: each after another look."""

from __future__ import annotations

from rhl_helpers import calls
from rhl_helpers.errors import HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import MalformedRow, ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.apply.context import (
    LOST,
    POLL_SECONDS,
    Context,
    Step,
    done,
    failed,
    refused,
    unneeded,
)
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import NOT_OURS
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.observe.hosts import read_row
from seamless_reconcile.observe.services import process_evidence
from seamless_reconcile.observed import Absent, Present
from seamless_reconcile.outcomes import Result
from seamless_reconcile.plan import Action

CLOSED_SECONDS = 3.0
MARKED_SECONDS = 2.0
GONE_SECONDS = 12.0
"""How long a process may take to go: a daskserver lives on 2.5 s, a slow init reaps after seconds."""


def stop(context: Context, action: Action) -> Step:
    """Stop a service's process, once more shown to be the one that was planned on (S2, S4)."""
    spec = context.spec(action)
    seen = context.look(spec)
    objection = _may_stop(context, spec, seen, action)
    if objection:
        return objection
    pid = seen.pid or 0
    word, lost = _stop_word(context, spec)
    if word in ("stopped", "already gone"):
        # The helper itself saw that the pid is gone.
        _ended(context, spec, pid)
        step = done(f"process {pid} {word}", pid=pid)
    else:
        step = _wait_gone(
            context, spec, pid, "its state file was removed" if word == "missing state" else word
        )
        if lost:
            _wait_marked(context, spec)
    return _port_closed(context, spec, seen.port) or step if step.result is Result.DONE else step


def _stop_word(context: Context, spec: ServiceSpec) -> tuple[str, bool]:
    """Ask for the stop; gives the helper's word for how it went, and whether that got lost.

    Where it did, the process itself has to tell.
    """
    try:
        return context.host(spec.host).call(calls.stop(spec.key)), False
    except LOST as exc:
        return f"{exc.kind} on {exc.host}: {exc.detail}", True


def _wait_marked(context: Context, spec: ServiceSpec) -> None:
    """Let a stop whose answer got lost come to its end: it marks whatever state file it then finds.

    Without this, that could be a successor's.
    """
    clock = context.reach.clock
    deadline = clock.monotonic() + MARKED_SECONDS
    while clock.monotonic() < deadline:
        row = read_row(context.host(spec.host), spec.key)
        if isinstance(row, Absent) or (isinstance(row, Present) and row.value.json_status == "stale"):
            return
        clock.sleep(POLL_SECONDS)


def _ended(context: Context, spec: ServiceSpec, pid: int) -> None:
    context.killed.add((spec.host, spec.key, pid))
    context.reach.memory.note_ended(spec.host, spec.key, pid)


def _port_closed(context: Context, spec: ServiceSpec, port: int | None) -> Step | None:
    """Make sure that nothing answers where the service did: another process of it may (S9)."""
    if port is None:
        return None
    clock = context.reach.clock
    deadline = clock.monotonic() + CLOSED_SECONDS
    path = spec.handshake.path if spec.handshake else ""
    while context.host(spec.host).probe(spec.network_interface, port, path) is Answer.OK:
        if clock.monotonic() > deadline:
            return failed(
                f"its process was ended, but something still answers on port {port}",
                "another process of this service may be left there: stop it by hand",
            )
        clock.sleep(POLL_SECONDS)
    return None


def _may_stop(context: Context, spec: ServiceSpec, seen: ServiceObserved, action: Action) -> Step | None:
    planned = action.expects.get("pid")
    if seen.state is State.UNKNOWN:
        return failed(seen.reason, seen.hint)
    if seen.state is State.ABSENT and seen.life is Life.DEAD and isinstance(planned, int):
        return _wait_gone(context, spec, planned, "its state file is gone")
    if not seen.alive:
        return unneeded(f"it is {seen.state.value}")
    if seen.pid != planned or seen.launch_id != action.expects.get("launch_id"):
        return refused(f"process {seen.pid} runs it now, the plan was made on process {planned}")
    if seen.life is Life.HIDDEN:
        return refused(seen.reason, seen.hint)
    if seen.life is Life.UNPROVEN and action.resource not in context.replace:
        return refused(f"{seen.reason}; nothing shows that process {seen.pid} is this service", seen.hint)
    return None


def _wait_gone(context: Context, spec: ServiceSpec, pid: int, how: str) -> Step:
    """Wait until a process is gone, or can only be a zombie: SIGKILL leaves nothing else."""
    clock, host = context.reach.clock, context.host(spec.host)
    deadline = clock.monotonic() + GONE_SECONDS
    while host.call(calls.pid_alive(pid)):
        if clock.monotonic() > deadline:
            if how != "kill required":
                return failed(f"process {pid} is still there ({how})", f"look at process {pid} there")
            _ended(context, spec, pid)
            return done(f"process {pid} was killed; that host has not reaped it yet", pid=pid)
        clock.sleep(POLL_SECONDS)
    _ended(context, spec, pid)
    return done(f"process {pid} is gone ({how})", pid=pid)


def save_log(context: Context, action: Action) -> Step:
    """Save a service's whole log into the record (S5)."""
    spec = context.spec(action)
    try:
        with context.record.log_file(spec.host, spec.key) as sink:
            found = context.host(spec.host).call(calls.logs(spec.key), stdout_to=sink)
            size = sink.tell()
    except BaseException:
        # Half a log is none, and on a full disk it would take the room to record that.
        context.record.drop_log(spec.host, spec.key)
        raise
    if found is None:
        context.record.drop_log(spec.host, spec.key)
        return unneeded("there is no log")
    return done(f"{size:,} bytes", bytes=size)


def remove_state(context: Context, action: Action) -> Step:
    """Remove a service's state file, its process proven dead (S4)."""
    spec = context.spec(action)
    host = context.host(spec.host)
    planned = action.expects.get("pid")
    # The dead stay dead: so this is asked first, and the file is looked at right before it is removed.
    alive = isinstance(planned, int) and host.call(calls.pid_alive(planned))
    row = host.call(calls.inspect(spec.key))
    if row is None:
        return unneeded("there is no state file")
    objection = _may_remove(context, spec, row, action, alive=alive)
    if objection:
        return objection
    _keep_epoch(context, spec)
    lost = _remove(host, spec.key)
    if isinstance(read_row(host, spec.key), Absent):
        return done()
    if lost:
        return failed(f"{lost.kind} on {lost.host}: {lost.detail}", lost.hint)
    return failed("the state file came back after it was removed", "a process of that key still writes it")


def _remove(host: Host, key: str) -> HelperError | None:
    """Remove a state file; gives what made the answer get lost, as it may be gone all the same."""
    try:
        host.call(calls.remove_server_state(key))
    except LOST as exc:
        return exc
    return None


def _keep_epoch(context: Context, spec: ServiceSpec) -> None:
    """Remember for which epoch a cache was cleared, where only the state file says it.

    Cut off before the launch that writes it again, the next run would clear what was computed since.
    """
    node = context.node(spec.name)
    if node is None or node.epoch is None or context.snapshot.caches[node.name].epoch != node.epoch:
        return
    memory = context.reach.memory
    if memory.epoch(node.host, node.path) != node.epoch:
        memory.note_cleared(node.host, node.path, node.epoch)


def _may_remove(
    context: Context, spec: ServiceSpec, row: ServerRow | MalformedRow, action: Action, *, alive: bool
) -> Step | None:
    planned = action.expects
    if isinstance(row, MalformedRow) and planned.get("state") != State.MALFORMED.value:
        return refused(f"its state file is malformed now: {row.reason}")
    if row.pid != planned.get("pid"):
        return refused(
            f"its state file is of process {row.pid} now, the plan was made on {planned.get('pid')}"
        )
    if isinstance(row, MalformedRow) and action.resource in context.replace:
        return None
    if not alive or (spec.host, spec.key, row.pid) in context.killed:
        return None
    if process_evidence(spec, row, context.reach) in NOT_OURS:
        return None
    return refused(f"process {row.pid} is alive")
