"""Services: their states, and the rules that tell one from another.

`classify` is a list of rules, first match wins; the order is part of the meaning. What a rule may
rely on is in docs/helper-facts.md: a live pid is not a healthy service, and not even ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

from rhl_helpers.rows import MalformedRow, ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.commandline import split
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import NOT_OURS, Evidence, Ghost, HostFacts, ServiceFacts
from seamless_reconcile.observed import Absent, Unknown

KIND = "service"

CLOCK_DOUBT = 300.0
"""Seconds that the clocks of host and client may differ before a start counts as outlived."""


class State(str, Enum):
    """The observed states of a service (docs/glossary.md)."""

    ABSENT = "absent"
    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    STALE = "stale"
    FAILED = "failed"
    MALFORMED = "malformed"
    MISWIRED = "miswired"
    UNKNOWN = "unknown"


class Life(Enum):
    """What is known of the process, which decides what may be done to it."""

    DEAD = "dead"  # proven: its state may be removed, its key launched
    OURS = "ours"  # alive, and shown to be this service: it may be stopped
    UNPROVEN = "unproven"  # a process has that pid; whose, nobody can tell: hands off
    HIDDEN = "hidden"  # it answers, but no state file leads to it: no helper can stop it


@dataclass(frozen=True, slots=True)
class ServiceObserved:
    """One service as it is.

    Attributes:
        reason: why it is judged so, one line; empty where the state says it all.
        verified: whether its handshake was heard (a passive look does not ask).
        command: the command line it was launched with.
        has_log: False where there is proven to be no log that a launch would truncate (S5).
    """

    state: State
    life: Life
    reason: str = ""
    hint: str = ""
    row: ServerRow | None = None
    pid: int | None = None
    port: int | None = None
    verified: bool = False
    command: tuple[str, ...] = ()
    has_log: bool = True

    @property
    def alive(self) -> bool:
        """Whether a process is, or may be, there."""
        return self.life is not Life.DEAD

    @property
    def readable(self) -> bool:
        """Whether its state file leads rhl-stop to a process: a malformed one leads to none, or astray."""
        return self.state is not State.MALFORMED or self.row is not None

    @property
    def reconcile_meta(self) -> Mapping[str, Any]:
        """What this tool wrote into the launch meta: `launch_id`, `epoch`."""
        meta = self.row.meta.get("reconcile") if self.row else None
        return meta if isinstance(meta, dict) else {}

    @property
    def launch_id(self) -> str | None:
        """The id of the launch it comes from, where this tool made it."""
        value = self.reconcile_meta.get("launch_id")
        return value if isinstance(value, str) else None

    def view(self) -> dict[str, Any]:
        """Give what people and programs see of it."""
        shown: dict[str, Any] = {"state": self.state.value}
        optional = {
            "reason": self.reason or None,
            "pid": self.pid,
            "port": self.port,
            "launch_id": self.launch_id,
            "epoch": self.reconcile_meta.get("epoch"),
        }
        shown.update({name: value for name, value in optional.items() if value is not None})
        if self.state is State.RUNNING and not self.verified:
            shown["verified"] = False
        return shown


class Seen(Protocol):
    """Make an observation of the row in hand."""

    def __call__(
        self, state: State, life: Life, reason: str = "", hint: str = "", *, verified: bool = False
    ) -> ServiceObserved:
        """Give the observation with that state."""


def classify(spec: ServiceSpec, facts: ServiceFacts, host: HostFacts) -> ServiceObserved:
    """Tell the state of one service from what was read of it."""
    row = facts.row
    if isinstance(row, Unknown):
        return ServiceObserved(State.UNKNOWN, Life.UNPROVEN, row.reason, row.hint)
    if isinstance(row, MalformedRow):
        return _malformed(row, facts)
    if isinstance(row, Absent):
        return (
            _ghost(State.ABSENT, facts)
            if facts.ghost
            else ServiceObserved(State.ABSENT, Life.DEAD, has_log=facts.has_log is not False)
        )
    return _with_row(spec, row.value, facts, host)


def _ghost(state: State, facts: ServiceFacts, reason: str = "") -> ServiceObserved:
    ghost = facts.ghost
    if ghost is None:
        raise ValueError("no ghost to tell of")
    who = f"process {ghost.pid}" if ghost.pid else "a process"
    text = f"{who} still answers on port {ghost.port} ({ghost.source}), but no state file leads to it"
    return ServiceObserved(
        state,
        Life.HIDDEN,
        f"{reason}; {text}" if reason else text,
        f"stop it by hand on that host{f': kill {ghost.pid}' if ghost.pid else ''}",
        pid=ghost.pid,
        port=ghost.port,
    )


def _malformed(row: MalformedRow, facts: ServiceFacts) -> ServiceObserved:
    if facts.ghost:
        return _ghost(State.MALFORMED, facts, row.reason)
    if facts.leads == 0 and facts.has_log and row.pid is None:
        return ServiceObserved(
            State.MALFORMED,
            Life.UNPROVEN,
            f"{row.reason}; nothing tells which process it was of",
            "make sure that no process of it runs there, then plan with --replace",
        )
    if row.pid and facts.pid_alive is not False and facts.evidence not in NOT_OURS:
        return ServiceObserved(
            State.MALFORMED,
            Life.UNPROVEN,
            f"{row.reason}; process {row.pid}, which it names, is alive",
            f"make sure that process {row.pid} is not this service, then plan with --replace",
            pid=row.pid,
            port=row.port,
        )
    return ServiceObserved(State.MALFORMED, Life.DEAD, row.reason, pid=row.pid, port=row.port)


def _by_hand(pid: int | None) -> str:
    return f"look at process {pid} on that host; stop it by hand, or plan with --replace to stop it anyway"


def _with_row(spec: ServiceSpec, row: ServerRow, facts: ServiceFacts, host: HostFacts) -> ServiceObserved:
    """Judge a readable state file."""

    def seen(
        state: State, life: Life, reason: str = "", hint: str = "", *, verified: bool = False
    ) -> ServiceObserved:
        return ServiceObserved(
            state, life, reason, hint, row, row.pid, handshake_port(spec, row), verified, _words(row.command)
        )

    if facts.ghost:
        gone = f"pid {row.pid} is not its process" if row.live else "its process is gone"
        return replace(_ghost(State.STALE, facts, gone), row=row)
    if row.dry_run:
        return seen(State.STALE, Life.DEAD, "left by a dry run")
    if row.json_status == "failed":
        return _failed(row, facts, seen)
    if row.live is False or facts.evidence is Evidence.GONE:
        return seen(State.STALE, Life.DEAD, _last_words(row))
    if row.live is None:
        return seen(State.MALFORMED, Life.DEAD, "the state file names no process")
    if facts.evidence is Evidence.ZOMBIE:
        return seen(State.STALE, Life.DEAD, "its process is a zombie")
    if facts.evidence is Evidence.STRANGER:
        return seen(State.STALE, Life.DEAD, f"pid {row.pid} now belongs to another process")
    if isinstance(facts.answer, Unknown):
        return ServiceObserved(
            State.UNKNOWN, Life.UNPROVEN, facts.answer.reason, facts.answer.hint, row, row.pid, row.port
        )
    if row.json_status == "starting":
        return _starting(spec, row, facts, seen)
    if row.json_status not in ("running", "stale"):
        return seen(State.MALFORMED, _life(facts), f"unknown status {row.json_status!r}", _by_hand(row.pid))
    found = _live(spec, row, facts, host, seen)
    return _beside(found, facts.twin) if facts.twin else found


def _beside(seen: ServiceObserved, twin: Ghost) -> ServiceObserved:
    """Tell of a second process of one key: clients are served, and no helper can stop the other one (S1)."""
    return replace(
        seen,
        life=Life.HIDDEN,
        reason=f"a second process of it, {twin.pid}, answers on port {twin.port} ({twin.source}); "
        f"its state file is of process {seen.pid}",
        hint=f"two clients launched it at once; end the second by hand on that host: kill {twin.pid}",
    )


def _life(facts: ServiceFacts) -> Life:
    """Say whether the process behind a live pid is shown to be this service.

    An answering port corroborates it, so does this machine's own process table, and so does
    having seen that pid answer a moment ago. Without any of these it may be a reused pid.
    """
    heard = facts.answer in (Answer.OK, Answer.NOT_OK, Answer.SILENT)
    return Life.OURS if heard or facts.evidence is Evidence.OURS or facts.seen_well else Life.UNPROVEN


def _last_words(row: ServerRow) -> str:
    return "it died while starting" if row.json_status == "starting" else "its process is gone"


def _failed(row: ServerRow, facts: ServiceFacts, seen: Seen) -> ServiceObserved:
    if row.pid is not None and facts.evidence not in NOT_OURS:
        if row.live is None:
            return seen(
                State.UNKNOWN, Life.UNPROVEN, f"it failed; whether process {row.pid} lives is unknown"
            )
        if row.live:
            return seen(
                State.FAILED, _life(facts), f"it failed, but process {row.pid} is alive", _by_hand(row.pid)
            )
    return seen(State.FAILED, Life.DEAD, "the service reported that it failed")


def _starting(spec: ServiceSpec, row: ServerRow, facts: ServiceFacts, seen: Seen) -> ServiceObserved:
    outlived = facts.age is not None and facts.age > spec.start_window + CLOCK_DOUBT
    if outlived:
        return seen(
            State.UNHEALTHY,
            _life(facts),
            f"starting for more than {spec.start_window:.0f} s",
            _by_hand(row.pid),
        )
    return seen(State.STARTING, Life.OURS)


def _live(
    spec: ServiceSpec, row: ServerRow, facts: ServiceFacts, host: HostFacts, seen: Seen
) -> ServiceObserved:
    """Judge a row whose pid is alive and that says it is running (or was marked stale too late)."""
    port = handshake_port(spec, row)
    if port is None:
        return seen(State.MALFORMED, _life(facts), "the state file names no port", _by_hand(row.pid))
    rival = _rival(row, host)
    if rival:
        return seen(
            State.UNHEALTHY,
            _life(facts) if facts.evidence is Evidence.OURS else Life.UNPROVEN,
            f"{rival} claims the same port {row.port}",
            _by_hand(row.pid),
        )
    if facts.answer is Answer.CLOSED:
        return seen(
            State.UNHEALTHY,
            _life(facts),
            f"process {row.pid} lives, port {port} is closed",
            _by_hand(row.pid),
        )
    if facts.answer in (Answer.NOT_OK, Answer.SILENT):
        said = "answers with an error" if facts.answer is Answer.NOT_OK else "does not answer"
        return seen(State.UNHEALTHY, Life.OURS, f"port {port} is open but {said}")
    if row.json_status == "stale":
        return seen(
            State.UNHEALTHY, _life(facts), "it runs, but its state file was marked stale", _by_hand(row.pid)
        )
    return seen(State.RUNNING, Life.OURS, verified=facts.answer is Answer.OK or spec.handshake is None)


def _rival(row: ServerRow, host: HostFacts) -> str | None:
    """Name another live service that claims the same port: one of the two pids is a reused one."""
    if row.port is None:
        return None
    for other in host.claims.get(row.port, ()):
        mine, theirs = row.network_interface or "localhost", other.network_interface or "localhost"
        if other.key != row.key and mine == theirs:
            return other.key
    return None


def handshake_port(spec: ServiceSpec, row: ServerRow) -> int | None:
    """Give the port on which a service's handshake is asked for; None if it recorded none."""
    if spec.handshake is not None and spec.handshake.port_name:
        return row.extra_ports.get(spec.handshake.port_name)
    return row.port


def _words(command: str | None) -> tuple[str, ...]:
    if not command:
        return ()
    try:
        return tuple(split(command))
    except ValueError:
        return (command,)


# --- drift ---------------------------------------------------------------------------------


def same_command(desired: Iterable[str], observed: Iterable[str]) -> bool:
    """Tell whether a service runs with the command line it would be given today.

    The launcher expands "~/" on the host, so such words are compared by their tail; the status
    file is the launcher's own business.
    """
    want, have = _comparable(desired), _comparable(observed)
    if want == have:
        return True
    return len(want) == len(have) and all(_same_word(w, h) for w, h in zip(want, have, strict=True))


def _comparable(words: Iterable[str]) -> list[str]:
    kept = [word for word in words if not word.startswith("--status-file=")]
    while "--status-file" in kept:
        at = kept.index("--status-file")
        del kept[at : at + 2]
    return kept


def _same_word(want: str, have: str) -> bool:
    if want == have:
        return True
    return want.startswith("~/") and have.startswith("/") and have.endswith(want[1:])


def as_fileless(seen: ServiceObserved) -> ServiceObserved:
    """Give the observation of a database whose file was removed under its feet.

    It goes on answering from the deleted file, old results included: nothing cold about that.
    """
    why = "it runs on a file that was deleted: what it stores is lost, what it had stored is still answered"
    return replace(seen, state=State.UNHEALTHY, reason=why)


def as_miswired(seen: ServiceObserved, reason: str) -> ServiceObserved:
    """Give the same observation, judged miswired."""
    return replace(seen, state=State.MISWIRED, reason=reason)
