"""Launch a service whose absence is proven, and wait until it answers."""

from __future__ import annotations

import uuid
from typing import Any

from rhl_helpers import calls
from rhl_helpers.errors import HelperError, HelperFailed
from rhl_helpers.rows import MalformedRow, ServerRow
from rhl_helpers.text import safe_lines
from rhl_helpers.transport.base import Answer
from seamless_reconcile import __version__
from seamless_reconcile.apply.caches import file_row, launched_cold, look_at
from seamless_reconcile.apply.context import (
    LOST,
    POLL_SECONDS,
    Context,
    Step,
    Unsettled,
    done,
    failed,
    refused,
)
from seamless_reconcile.declared import CacheState
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.kinds.cache import COLD, is_cold
from seamless_reconcile.kinds.cache import State as Stored
from seamless_reconcile.kinds.service import Life, State, handshake_port
from seamless_reconcile.observe.caches import read_cache
from seamless_reconcile.observe.ghosts import loser
from seamless_reconcile.observe.hosts import read_host, read_row, row_of
from seamless_reconcile.observe.services import ask
from seamless_reconcile.observed import Present
from seamless_reconcile.plan import Action
from seamless_reconcile.ports import Launched

ORPHAN_SECONDS = 22.0
"""A service whose state file could not be written gives up after its own 20 s."""
LIFE_CHECK_SECONDS = 1.0
LOSER_SECONDS = 3.0
"""How long the log of two processes is watched for the lines that tell them apart."""

# The helper says these before it has started anything.
_BEFORE_START = (
    "not whitelisted", "could not open log file", "conda cache", "conda_source", "conda environment",
    "must be valid JSON", "must be a JSON object", "--status-file", "invalid key", "workdir must",
    "refusing to use", "service binary is required",
)  # fmt: skip


def launch(context: Context, action: Action) -> Step:
    """Launch a service and wait for its first handshake (S4, S9)."""
    spec = context.spec(action)
    objection = _may_launch(context, spec)
    if objection:
        return objection
    fresh, objection = _cold_still(context, spec)
    if objection:
        return objection
    parameters, missing = _parameters(context, spec)
    if missing:
        return refused(f"{missing} is not running")
    if context.host(spec.host).call(calls.inspect(spec.key)) is not None:
        # The very last call before the launch: all other looks take longer (S4).
        return refused("somebody else launched it meanwhile")
    launch_id = uuid.uuid4().hex[:16]
    call = calls.launch_service(
        spec.key,
        spec.workdir,
        spec.argv,
        conda_env=spec.conda_env,
        network_interface=spec.network_interface,
        parameters=parameters,
        meta=_meta(context, spec, launch_id),
    )
    problem = _start(context, spec, call, launch_id)
    return problem or _wait(context, spec, action, launch_id, fresh=fresh)


def _may_launch(context: Context, spec: ServiceSpec) -> Step | None:
    """Prove absence once more: no state file, and nothing that answers (S4)."""
    seen = context.look(spec)
    if seen.state is State.UNKNOWN:
        return failed(seen.reason, seen.hint)
    if seen.state is State.RUNNING:
        return refused(f"somebody else launched it meanwhile: process {seen.pid}")
    if seen.state is not State.ABSENT:
        return refused(f"it is {seen.state.value} now" + (f": {seen.reason}" if seen.reason else ""))
    if seen.life is not Life.DEAD:
        return refused(seen.reason, seen.hint)
    return None


def _cold_still(context: Context, spec: ServiceSpec) -> tuple[bool, Step | None]:
    """Look whether the cache is as cold as wished; gives whether it holds nothing, or what is wrong."""
    node = context.node(spec.name)
    if node is None or node.state is not CacheState.COLD:
        return False, None
    stored = look_at(context, node)
    if launched_cold(context, node, stored):
        return True, None
    if not is_cold(node, stored, served=False):
        return False, refused(f"{node.path} is {stored.state.value} again")
    # Within its epoch it may be cold as wished, and hold data all the same.
    return stored.state in (*COLD, Stored.UNVERIFIABLE), None


def _parameters(context: Context, spec: ServiceSpec) -> tuple[dict[str, Any] | None, str]:
    """Fill in where a jobserver finds its services now; gives the key of one that is not there."""
    if spec.parameters is None and not spec.upstream:
        return None, ""
    filled = dict(spec.parameters or {})
    for role in {upstream.role for upstream in spec.upstream}:
        filled[role] = []
    for upstream in spec.upstream:
        row = row_of(
            read_host(context.host(upstream.host), [upstream.key], context.reach.clock), upstream.key
        )
        if not isinstance(row, Present) or not row.value.live or row.value.port is None:
            return None, upstream.key
        host = upstream.hostname or row.value.network_interface or "localhost"
        url = f"http://{host}:{row.value.port}"
        entry: dict[str, Any] = {"readonly": False, "url": url, "remote_url": url}
        if upstream.role == "buffer":
            entry["remote_directory"] = upstream.workdir
        filled[upstream.role].append(entry)
    return filled, ""


def _meta(context: Context, spec: ServiceSpec, launch_id: str) -> dict[str, Any]:
    """What the runtime writes, and what any client needs to know of this launch (L5)."""
    ours: dict[str, Any] = {"launch_id": launch_id, "run": context.run_id, "version": __version__}
    node = context.node(spec.name)
    if node is not None and node.state is CacheState.COLD and node.epoch:
        ours["epoch"] = node.epoch
    if spec.conda_env is not None:
        ours["conda"] = spec.conda_env
    return {**spec.meta, "reconcile": ours}


def _start(context: Context, spec: ServiceSpec, call: calls.Call[None], launch_id: str) -> Step | None:
    """Start it; where the answer is lost or an error may have come too late, look what happened."""
    try:
        context.host(spec.host).call(call)
    except HelperFailed as exc:
        if any(sign in exc.detail for sign in _BEFORE_START):
            return failed(f"rhl-launch-service on {exc.host}: {exc.detail}")
        return _after_doubt(context, spec, launch_id, exc)
    except LOST as exc:
        return _after_doubt(context, spec, launch_id, exc)
    return None


def _after_doubt(context: Context, spec: ServiceSpec, launch_id: str, error: HelperError) -> Step | None:
    """Wait for the state file of this very launch; without one, until its process has given up."""
    clock = context.reach.clock
    deadline = clock.monotonic() + ORPHAN_SECONDS
    while clock.monotonic() < deadline:
        row = read_row(context.host(spec.host), spec.key)
        if isinstance(row, Present) and _launch_of(row.value) == launch_id:
            return None
        clock.sleep(1.0)
    return failed(
        f"{error.kind} on {error.host}: {error.detail}", error.hint or "check disk space on that host"
    )


def _launch_of(row: ServerRow) -> object:
    ours = row.meta.get("reconcile")
    return ours.get("launch_id") if isinstance(ours, dict) else None


def _wait(context: Context, spec: ServiceSpec, action: Action, launch_id: str, *, fresh: bool) -> Step:
    """Wait until the service says it runs, then until it answers."""
    clock, host = context.reach.clock, context.host(spec.host)
    deadline = clock.monotonic() + spec.start_window
    next_check = clock.monotonic() + LIFE_CHECK_SECONDS
    context.say(action, "waits for it to start")
    while clock.monotonic() < deadline:
        row = host.call(calls.inspect(spec.key))
        if isinstance(row, MalformedRow):
            # It may have been read while it was being written: believed only if it stays so.
            if clock.monotonic() >= next_check:
                return failed(f"its state file is malformed: {row.reason}")
            clock.sleep(POLL_SECONDS)
            continue
        if row is not None and _launch_of(row) != launch_id:
            return _lost_the_race(context, spec, row, launch_id)
        if row is None or row.json_status == "failed" or row.status == "failed":
            return _did_not_start(
                context, spec, "it removed its state file" if row is None else "it reported that it failed"
            )
        if row.status == "running" and ask(spec, row, host) is Answer.OK:
            return _started(context, spec, row, launch_id, fresh=fresh)
        if clock.monotonic() >= next_check:
            next_check += LIFE_CHECK_SECONDS
            if row.pid is not None and not host.call(calls.pid_alive(row.pid)):
                return _did_not_start(context, spec, "its process died while starting")
        clock.sleep(POLL_SECONDS)
    row = host.call(calls.inspect(spec.key))
    if isinstance(row, ServerRow) and row.pid and _launch_of(row) == launch_id:
        # It hangs. Whose process that is, only this client knows: so it may be replaced a moment later.
        late = Launched(row.pid, handshake_port(spec, row), launch_id, clock.now())
        context.reach.memory.note_launched(spec.host, spec.key, late)
    return _did_not_start(context, spec, f"it did not answer within {spec.start_window:.0f} s")


def _lost_the_race(context: Context, spec: ServiceSpec, row: ServerRow, launch_id: str) -> Step:
    """Name the process that two launches at the same moment leave behind, and remember it (L5)."""
    host, why = context.host(spec.host), "another client launched it at the same time"
    clock = context.reach.clock
    deadline = clock.monotonic() + LOSER_SECONDS
    # Both write to one log; each says its pid and port there once it has started.
    while (second := loser(spec, row, host)) is None and clock.monotonic() < deadline:
        clock.sleep(POLL_SECONDS)
    if second is None:
        return failed(
            why,
            f"a second process may be left on {host.name}: one whose command line names {spec.key}.json "
            f"but whose pid is not {row.pid}; end it by hand, then plan again",
        )
    pid, port = second
    context.reach.memory.note_launched(
        spec.host, spec.key, Launched(pid, port, launch_id, context.reach.clock.now())
    )
    return failed(why, f"a second process of {spec.key} is left on {host.name}; end it by hand: kill {pid}")


def _did_not_start(context: Context, spec: ServiceSpec, why: str) -> Step:
    try:
        tail = context.host(spec.host).call(calls.logs(spec.key, tail=20)) or b""
    except HelperError:
        tail = b""
    lines = [line for line in safe_lines(tail) if line.strip()]
    last = f"; its log ends: {lines[-1]}" if lines else "; its log is empty"
    return failed(f"{why}{last}", f"rhl-logs {spec.key} on {spec.host} shows why", log=lines)


def _started(context: Context, spec: ServiceSpec, row: ServerRow, launch_id: str, *, fresh: bool) -> Step:
    pid = row.pid or 0
    clock = context.reach.clock
    well = Launched(pid, handshake_port(spec, row), launch_id, clock.now())
    context.reach.memory.note_launched(spec.host, spec.key, well)
    node = context.node(spec.name)
    if fresh and node is not None and (node.file or node.beside):
        file = file_row(read_cache(context.host(spec.host), node, context.reach.memory))
        if file is not None:
            context.unsettled[spec.name] = Unsettled(
                file.size, file.modified, pid, launch_id, clock.monotonic()
            )
    return done(f"process {pid} answers on port {row.port}", pid=pid, port=row.port, launch_id=launch_id)
