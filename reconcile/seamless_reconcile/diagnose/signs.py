"""What the evidence of one service shows, as words that patterns can ask for. Pure.

Every word that a pattern may use is in `SIGNS`; a word that is not is a mistake in the data file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from rhl_helpers.transport.base import LOCAL, Answer
from seamless_reconcile.audit.services import idle_timeout as idle_after
from seamless_reconcile.declared import ServiceState
from seamless_reconcile.diagnose.evidence import Case
from seamless_reconcile.diagnose.logs import Log
from seamless_reconcile.kinds import service, tunnel
from seamless_reconcile.kinds.service import Life
from seamless_reconcile.observed import Unknown

_HOST = {
    "unreachable": "host.unreachable",
    "authentication failed": "host.login",
    "host key": "host.key",
    "timeout": "host.timeout",
    "not installed": "host.helpers",
    "guard refused": "host.guard",
    "failed": "host.listing",
}
_ANSWER = {Answer.OK: "ok", Answer.NOT_OK: "error", Answer.SILENT: "silent", Answer.CLOSED: "closed"}

FAILS = "log.fails"
"""What only a look at the causes shows."""

SIGNS: dict[str, str] = {
    "host.unreachable": "no connection to its host",
    "host.login": "its host does not accept the login",
    "host.key": "its host's key is unknown or has changed",
    "host.timeout": "its host did not answer in time",
    "host.helpers": "the helpers are not found there",
    "host.guard": "the guard refused",
    "host.listing": "the helper that lists services failed",
    "host.odd": "its host answered in another way than the helpers do",
    "local": "it runs on this machine",
    **{f"service.{state.value}": f"it is {state.value}" for state in service.State},
    **{f"tunnel.{state.value}": f"its connection is {state.value}" for state in tunnel.State},
    "tunnelled": "it is reached through an ssh forward",
    "wanted.stopped": "the manifest wants it stopped or absent",
    "died.starting": "its process ended while the state file said starting",
    "died.running": "its process ended while the state file said running",
    "stopped": "rhl-stop marked it",
    "stuck.starting": "alive, and starting for too long",
    "late.stale": "alive and answering, and marked stale",
    "hidden": "a process answers and no state file leads to it",
    "port.rival": "another live service claims its port",
    "pid.taken": "its pid belongs to another process by now",
    "file.gone": "it runs on a database file that was deleted",
    "dry.run": "its state file is of a dry run",
    "process.alive": "a process with its pid is alive",
    "well.ok": "the handshake answers on its own host",
    "well.error": "there, its port answers with an error",
    "well.silent": "there, its port takes connections and does not answer",
    "well.closed": "there, its port refuses connections",
    "well.unasked": "it was not asked",
    "through.ok": "the handshake answers through this client's connection",
    "through.error": "through that, an error is answered",
    "through.silent": "through that, nothing is answered",
    "through.closed": "this client's end of that refuses connections",
    "through.unasked": "there is no connection, or it was not asked",
    "log.none": "there is no log",
    "log.empty": "there is a log and nothing in it",
    "log.unread": "the log could not be read",
    "log.traceback": "a traceback stands in the log",
    "log.ended": "the log says that it ended in order",
    FAILS: "errors stand in the log that matter to a service that runs",
    "log.came_up": "the log says that it came up",
    "idle.timeout": "it was told to end when idle",
    "conda.undiscovered": "a conda environment is declared and the host has no conda cache",
    "conda.unknown_env": "the declared conda environment is not among those the host knows",
    "conda.other_env": "it was launched from another environment than the declared one",
}


def signs_of(case: Case) -> frozenset[str]:
    """Give all signs of one service."""
    return frozenset(
        [*_of_host(case), *_of_service(case), *_of_answers(case), *_of_log(case), *_of_conda(case)]
    )


def _of_host(case: Case) -> Iterator[str]:
    if case.spec.host == LOCAL:
        yield "local"
    problem = case.host.problem
    if problem is not None and case.seen.state is service.State.UNKNOWN:
        yield _HOST.get(problem.kind, "host.odd")


def _of_service(case: Case) -> Iterator[str]:
    seen, row = case.seen, case.seen.row
    yield f"service.{seen.state.value}"
    yield f"tunnel.{case.tunnel.state.value}"
    if case.spec.tunnelled:
        yield "tunnelled"
    if case.declared and case.spec.state is not ServiceState.RUNNING:
        yield "wanted.stopped"
    if seen.life is Life.HIDDEN:
        yield "hidden"
    elif seen.state in _ALIVE and seen.alive:
        yield "process.alive"
    if row is not None:
        yield from _of_row(case, row.json_status or row.status)


_ALIVE = (
    service.State.STARTING,
    service.State.RUNNING,
    service.State.UNHEALTHY,
    service.State.MISWIRED,
    service.State.FAILED,
)


def _of_row(case: Case, status: str) -> Iterator[str]:
    seen = case.seen
    if seen.row is not None and seen.row.dry_run:
        yield "dry.run"
    elif seen.state is service.State.STALE:
        known = {"starting": "died.starting", "running": "died.running", "stale": "stopped"}
        if status in known:
            yield known[status]
    if "now belongs to another process" in seen.reason:
        yield "pid.taken"
    if seen.state is service.State.UNHEALTHY:
        if "claims the same port" in seen.reason:
            yield "port.rival"
        elif "a file that was deleted" in seen.reason:
            yield "file.gone"
        elif status == "starting":
            yield "stuck.starting"
        elif "marked stale" in seen.reason:
            yield "late.stale"


def _of_answers(case: Case) -> Iterator[str]:
    there = case.on_host
    yield f"well.{_ANSWER[there]}" if isinstance(there, Answer) else "well.unasked"
    through = case.through
    yield f"through.{_ANSWER[through]}" if through is not None else "through.unasked"
    if idle_timeout(case) is not None:
        yield "idle.timeout"


def idle_timeout(case: Case) -> float | None:
    """Give the seconds after which the service was told to end when idle."""
    return idle_after(case.seen.command or case.spec.argv)


def _of_log(case: Case) -> Iterator[str]:
    log = case.log
    if isinstance(log, Unknown):
        yield "log.unread"
    if not isinstance(log, Log):
        return
    found = {
        "log.none": not log.present,
        "log.empty": log.empty,
        "log.traceback": bool(log.tracebacks),
        "log.ended": log.ended,
        "log.came_up": log.came_up,
    }
    yield from (name for name, there in found.items() if there)


def _of_conda(case: Case) -> Iterator[str]:
    conda = case.conda
    if conda is None or not conda.declared:
        return
    if conda.cached is False:
        yield "conda.undiscovered"
    names = {posixpath.basename(env.rstrip("/")) for env in conda.environments}
    known = conda.declared in ("base", *names, *conda.environments)
    if conda.cached and not known:
        yield "conda.unknown_env"
    # Only an environment that conda itself knows is proof: a path may be a link to another one.
    launched = case.prefix
    named = (launched, posixpath.basename(launched), "base" if launched == conda.base else launched)
    if launched in conda.environments and conda.declared not in named:
        yield "conda.other_env"
