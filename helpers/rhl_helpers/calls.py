"""One builder and one parser per helper: argv in, typed values out.

A `Call` is a value: what to run, whether it changes anything, how to read the reply. To support a
new helper, add one function here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from rhl_helpers.errors import GuardRefused, HelperFailed, NotInstalled, ProtocolError
from rhl_helpers.rows import MalformedRow, PersistentRow, ServerRow, StampedState, json_lines, server_row
from rhl_helpers.text import safe
from rhl_helpers.transport.base import Answer, Reply

T = TypeVar("T")

READ_SECONDS = 15.0
# rhl-handshake itself waits 10 s for an answer.
HANDSHAKE_SECONDS = 13.0
# SIGINT 5 s, SIGTERM 5 s, SIGKILL, and the time to log in.
STOP_SECONDS = 30.0
LAUNCH_SECONDS = 30.0
# Removing a large tree on a network file system.
CLEAR_SECONDS = 600.0
LOG_SECONDS = 120.0

_EXIT_NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One helper invocation.

    Attributes:
        argv: the command line.
        mutates: whether it changes anything on the host; read-only transports refuse those (S6).
        parse: reads the reply; raises a `HelperError` where there is no usable answer.
        timeout: seconds, unless the caller says otherwise.
    """

    argv: tuple[str, ...]
    mutates: bool
    parse: Callable[[Reply], T]
    timeout: float = READ_SECONDS

    @property
    def helper(self) -> str:
        """The helper's name."""
        return self.argv[0]


MUTATING = frozenset({"rhl-stop", "rhl-rm", "rhl-clear", "rhl-launch-service", "rhl-cache-conda"})


def raise_for_exit(reply: Reply, *, ok: Sequence[int] = (0,)) -> None:
    """Raise the error that an exit code and stderr tell of.

    The helpers use exit 1 for nearly everything and the guard does too, so stderr decides.

    Raises:
        NotInstalled, GuardRefused, ProtocolError (session killed), HelperFailed.
    """
    if reply.exit_code in ok:
        return
    stderr = reply.stderr.decode("utf-8", "replace").strip()
    for line in stderr.splitlines():
        for opening in ("rhl-guard: rejected:", "rhl-guard: configuration error:"):
            if line.startswith(opening):
                raise GuardRefused(reply.host, safe(line.removeprefix("rhl-guard:").strip()))
    if reply.exit_code == _EXIT_NOT_FOUND:
        raise NotInstalled(reply.host, safe(stderr.splitlines()[-1]) if stderr else "command not found")
    if reply.exit_code < 0:
        raise ProtocolError(reply.host, "the session was killed before the helper finished")
    message = safe(stderr.splitlines()[-1]) if stderr else f"exit code {reply.exit_code}"
    raise HelperFailed(reply.host, message, exit_code=reply.exit_code)


def _text(reply: Reply) -> str:
    if reply.truncated:
        raise ProtocolError(reply.host, "the answer is larger than this client reads")
    return reply.stdout.decode("utf-8", "replace")


def _json_lines(reply: Reply) -> list[Any]:
    try:
        return json_lines(_text(reply))
    except ValueError as exc:
        raise ProtocolError(reply.host, safe(str(exc))) from None


# --- reading -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listing:
    """What `rhl-ps` shows of a host.

    Attributes:
        rows: one for each state file.
        doubtful: it printed something, but no row: a login message, or no answer of the helper's at all.
    """

    rows: list[ServerRow | MalformedRow]
    doubtful: bool = False


def listing() -> Call[Listing]:
    """List all services the launcher knows on a host. One malformed file fails the whole call."""

    def parse(reply: Reply) -> Listing:
        raise_for_exit(reply)
        rows = [server_row(data) for data in _json_lines(reply)]
        return Listing(rows, doubtful=not rows and bool(reply.stdout.strip()))

    return Call(("rhl-ps", "--json"), mutates=False, parse=parse)


def ps() -> Call[list[ServerRow | MalformedRow]]:
    """List all services the launcher knows on a host, taking any text without a row for "none"."""
    whole = listing()
    return Call(whole.argv, mutates=False, parse=lambda reply: whole.parse(reply).rows)


def lists_nothing() -> Call[bool]:
    """Ask for the table of services: one that ends with its own head is proven to have no row (S2)."""

    def parse(reply: Reply) -> bool:
        raise_for_exit(reply)
        return _text(reply).rstrip().endswith("KEY STATUS PORT")

    return Call(("rhl-ps",), mutates=False, parse=parse)


def inspect(key: str) -> Call[ServerRow | MalformedRow | None]:
    """Read one state file; None if it is proven absent. Liveness is not looked at."""

    def parse(reply: Reply) -> ServerRow | MalformedRow | None:
        value = _inspected(reply, key)
        return value if value is None or isinstance(value, MalformedRow) else server_row(value, key=key)

    return Call(("rhl-inspect", key), mutates=False, parse=parse)


def inspect_stamped(key: str) -> Call[StampedState | MalformedRow | None]:
    """Read one state file with its modification time; None if it is proven absent."""

    def parse(reply: Reply) -> StampedState | MalformedRow | None:
        value = _inspected(reply, key)
        if value is None or isinstance(value, MalformedRow):
            return value
        try:
            return StampedState.model_validate(value)
        except ValidationError as exc:
            raise ProtocolError(reply.host, safe(str(exc.errors()[0]["msg"]))) from None

    return Call(("rhl-inspect", key, "--with-mtime"), mutates=False, parse=parse)


def _inspected(reply: Reply, key: str) -> Any:
    """Tell absent and malformed from refused and broken: all of them exit 1."""
    stderr = reply.stderr.decode("utf-8", "replace")
    if reply.exit_code == 1:
        if f"rhl-inspect: no state file for {key!r}" in stderr:
            return None
        # Non-UTF-8 and deeply nested files end in a traceback of the helper; a directory in "could not read".
        malformed = (
            "malformed JSON",
            "must contain a JSON object",
            "UnicodeDecodeError",
            "RecursionError",
            "Is a directory",
        )
        if any(sign in stderr for sign in malformed) and "rhl-guard:" not in stderr:
            return MalformedRow(key, safe(stderr.strip().splitlines()[-1]))
    raise_for_exit(reply)
    return _one_object(reply)


def _one_object(reply: Reply) -> Any:
    """Decode the one object that `rhl-inspect` prints, after whatever a login script printed before it.

    The object's own inner lines are indented, so it can only start in a line that is not.
    """
    text = _text(reply)
    problem = "no JSON object"
    start = 0
    for line in text.splitlines(keepends=True):
        opening = -1 if line.startswith(" ") else line.find("{")
        if opening >= 0:
            try:
                return json.loads(text[start + opening :])
            except (ValueError, RecursionError) as exc:
                problem = str(exc)
        start += len(line)
    raise ProtocolError(reply.host, f"not JSON: {safe(problem)}")


def ps_persistent(
    path: str, *, marker: str | None = None, file: str | None = None, level: int = 0
) -> Call[list[PersistentRow]]:
    """Look at one directory (one path a call: a bad one would take the others down).

    With `marker`, only directories that carry it get a row, and the marker does not count as content.
    With `file`, populated means that this file is there; its size and time are given.
    With `level`, subdirectories down to that depth get rows too.
    """
    argv = ["rhl-ps-persistent", path, "--json"]
    for flag, value in (("--marker", marker), ("--file", file), ("--level", str(level) if level else None)):
        if value is not None:
            argv += [flag, value]

    def parse(reply: Reply) -> list[PersistentRow]:
        raise_for_exit(reply)
        try:
            return [PersistentRow.model_validate(data) for data in _json_lines(reply)]
        except ValidationError as exc:
            raise ProtocolError(reply.host, safe(str(exc.errors()[0]["msg"]))) from None

    return Call(tuple(argv), mutates=False, parse=parse, timeout=60.0)


def logs(key: str, *, tail: int | None = None) -> Call[bytes | None]:
    """Read a service's log; None if there is none. Raw bytes: pass them through `text.safe`."""

    def parse(reply: Reply) -> bytes | None:
        if reply.exit_code == 1 and b"rhl-logs: no log file for" in reply.stderr:
            return None
        raise_for_exit(reply)
        return reply.stdout

    argv = ("rhl-logs", key) if tail is None else ("rhl-logs", key, "--tail", str(tail))
    return Call(argv, mutates=False, parse=parse, timeout=LOG_SECONDS)


def log_head(key: str) -> Call[bytes | None]:
    """Read the beginning of a log, as far as the caller's `max_output` goes; None if there is none."""
    return Call(("rhl-logs", key), mutates=False, parse=logs(key).parse, timeout=LOG_SECONDS)


def pid_alive(pid: int) -> Call[bool]:
    """Tell whether a pid exists on the host. Zombies and other users' processes count."""

    def parse(reply: Reply) -> bool:
        if reply.exit_code == 1 and not reply.stderr.strip():
            return False
        raise_for_exit(reply)
        return True

    return Call(("rhl-pid-alive", str(pid)), mutates=False, parse=parse)


def handshake(url: str) -> Call[Answer]:
    """Ask a URL from the host itself, by HTTP GET."""

    def parse(reply: Reply) -> Answer:
        if reply.exit_code == 0:
            return Answer.OK
        stderr = reply.stderr.decode("utf-8", "replace")
        if "rhl-guard:" in stderr or reply.exit_code not in (1, 2):
            raise_for_exit(reply)
        if reply.exit_code == 2:  # noqa: PLR2004 - the helper's code for "not 2xx"
            return Answer.NOT_OK
        return Answer.CLOSED if "refused" in stderr.lower() else Answer.SILENT

    return Call(("rhl-handshake", url), mutates=False, parse=parse, timeout=HANDSHAKE_SECONDS)


def verify_port(host: str, port: int) -> Call[bool]:
    """Tell whether a port accepts connections; takes 4 s more where it does not.

    Only a refusal proves it closed (S2): a name that does not resolve, a route that is not there, or a
    host name the helper does not take are failures.
    """

    def parse(reply: Reply) -> bool:
        if reply.exit_code == 1 and b"refused" in reply.stderr.lower():
            return False
        raise_for_exit(reply)
        return True

    return Call(("rhl-verify-port", host, str(port)), mutates=False, parse=parse, timeout=25.0)


def conda_info() -> Call[dict[str, Any] | None]:
    """Read the host's conda cache; None if `rhl-cache-conda` was never run there."""

    def parse(reply: Reply) -> dict[str, Any] | None:
        if reply.exit_code == 1 and b"cache file not found" in reply.stderr:
            return None
        raise_for_exit(reply)
        values = _json_lines(reply)
        if len(values) != 1 or not isinstance(values[0], dict):
            raise ProtocolError(reply.host, "rhl-conda-info did not print one JSON object")
        return values[0]

    return Call(("rhl-conda-info",), mutates=False, parse=parse)


# --- changing ------------------------------------------------------------------------------


STOP_OUTCOMES = ("stopped", "already gone", "kill required", "missing state")
"""What `rhl-stop` says of a key when it exits 0."""


def stop(key: str) -> Call[str]:
    """Stop a service (SIGINT, SIGTERM, SIGKILL); gives the helper's word for how it went.

    One key a call: with several, one bad key stops nothing. The helper signals whatever pid the
    file holds, so the caller must have made sure that this pid is the service's.
    """

    def parse(reply: Reply) -> str:
        text = reply.stdout.decode("utf-8", "replace")
        if reply.exit_code == 1 and f"{key}: permission denied" in text:
            raise HelperFailed(
                reply.host, f"{key}: permission denied: the process is another user's", exit_code=1
            )
        raise_for_exit(reply)
        for line in text.splitlines():
            # A login message without a line end may stand before it.
            _, said, outcome = line.rpartition(f"{key}: ")
            if said and outcome in STOP_OUTCOMES:
                return outcome
        raise ProtocolError(reply.host, "rhl-stop did not say what it did")

    return Call(("rhl-stop", key), mutates=True, parse=parse, timeout=STOP_SECONDS)


def _done(reply: Reply) -> None:
    raise_for_exit(reply)


def remove_server_state(key: str) -> Call[None]:
    """Remove a service's state file on its host; a missing one is fine."""
    return Call(("rhl-rm", key, "--server"), mutates=True, parse=_done)


def remove_client_state(key: str) -> Call[None]:
    """Remove this client's connection file; a missing one is fine."""
    return Call(("rhl-rm", key, "--client"), mutates=True, parse=_done)


def clear(path: str) -> Call[bool]:
    """Remove what a directory holds; False if something was left (the helper exits 1 then).

    Deep trees need several passes, deepest directories first; dot-directories stay.
    """

    def parse(reply: Reply) -> bool:
        if reply.exit_code == 1 and b"rhl-clear: could not remove" in reply.stderr:
            return False
        raise_for_exit(reply)
        return True

    return Call(("rhl-clear", path), mutates=True, parse=parse, timeout=CLEAR_SECONDS)


def launch_service(
    key: str,
    workdir: str,
    argv: Sequence[str],
    *,
    conda_env: str | None = None,
    network_interface: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Call[None]:
    """Start a service. The helper does not look whether one runs already: the caller must."""
    line = ["rhl-launch-service", "--key", key, "--workdir", workdir]
    if conda_env is not None:
        line += ["--conda-env", conda_env]
    if network_interface is not None:
        line += ["--network-interface", network_interface]
    if parameters is not None:
        line += ["--parameters", json.dumps(parameters, sort_keys=True)]
    if meta is not None:
        line += ["--meta", json.dumps(meta, sort_keys=True)]
    return Call((*line, "--", *argv), mutates=True, parse=_done, timeout=LAUNCH_SECONDS)


def cache_conda() -> Call[None]:
    """Find conda on the host and remember it there, as `--conda-env` needs."""
    return Call(("rhl-cache-conda",), mutates=True, parse=_done, timeout=60.0)
