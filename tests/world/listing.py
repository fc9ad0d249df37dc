"""The helpers that read the launcher's own files: rhl-ps, rhl-inspect, rhl-logs."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from world.command import Died, Result, check_key, integer_flag, table, traceback
from world.state import StateFile, decode

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


MAX_C_INT = 2**31 - 1
MAX_C_LONG = 2**63 - 1


def read_state(host: SimHost, key: str, prefix: str) -> dict[str, Any] | None:
    """Read a state file as every helper does; None if it is not there."""
    state = host.state.get(key)
    return None if state is None or state.vanished else read_json(state, host.state_path(key), prefix)


def read_json(state: StateFile, path: str, prefix: str) -> dict[str, Any]:
    """Decode a state file, or die as the helpers do."""
    if state.folder:
        raise Died(f"{prefix}: could not read {path}: [Errno 21] Is a directory: '{path}'")
    decoded = decode(state.raw)
    if decoded.data is not None:
        return decoded.data
    if decoded.traceback:
        raise Died(traceback(decoded.problem))
    raise Died(f"{prefix}: {decoded.problem.format(path=path)}")


def number(value: object) -> int | None:
    """Take a pid the way rhl-ps does: booleans and nonsense are none, "12" and 12.7 are 12."""
    if isinstance(value, bool):
        return None
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        return None
    except OverflowError as exc:
        raise Died(traceback(f"OverflowError: {exc}")) from None


def alive(host: SimHost, pid: int) -> bool:
    """Ask whether a pid exists, with the limits of the system call."""
    if abs(pid) > MAX_C_LONG:
        raise Died(traceback("OverflowError: Python int too large to convert to C long"))
    if abs(pid) > MAX_C_INT:
        sign = "greater than maximum" if pid > 0 else "less than minimum"
        raise Died(traceback(f"OverflowError: signed integer is {sign}"))
    return host.live(pid)


def row(host: SimHost, key: str, *, check: bool = True) -> tuple[bytes, bool | None, Any]:
    """Give what goes into one row of rhl-ps: the file, whether its pid lives, and the pid."""
    state = host.state[key]
    if state.vanished:
        return b"{}", None, None
    data = read_json(state, host.state_path(key), "rhl-ps")
    pid = number(data.get("pid"))
    status = data.get("status")
    looks = not (status == "failed" or not isinstance(status, str) or data.get("dry_run") or pid is None)
    live = alive(host, pid) if looks and check and pid is not None else None
    return state.raw, live, pid


@functools.lru_cache(maxsize=16384)
def row_line(raw: bytes, key: str, live: bool | None, check: bool = True) -> tuple[bytes, str, Any]:
    """Give a row as JSON, its status and its port."""
    data = decode(raw).data or {}
    json_status = data.get("status")
    status = json_status if isinstance(json_status, str) else "failed"
    if status == "running" and check and not data.get("dry_run"):
        status = "running" if live else "stale"
    full = {**data, "key": key, "status": status, "live": live}
    if json_status is not None:
        full["json_status"] = json_status
    full.setdefault("meta", {})
    return json.dumps(full, sort_keys=True).encode() + b"\n", status, data.get("port")


def ps(world: World, host: SimHost, args: list[str]) -> Result:
    """List the launcher's rows."""
    flags, values = _ps_arguments(args)
    if flags["--client"]:
        return _client_rows(host, flags, values["--host"])
    rows: list[tuple[bytes, str, Any, str]] = []
    check = not flags["--no-status"]
    seen = []
    for key in sorted(host.state, key=_file_name):
        raw, live, pid = row(host, key, check=check)
        rows.append((*row_line(raw, key, live, check), key))
        seen.append(pid)
    world.shown(host, seen)
    if values["--status"]:
        rows = [line for line in rows if line[1] == values["--status"]]
    if flags["--json"]:
        return Result(0, b"".join([line[0] for line in rows]))
    if flags["--key"]:
        return Result(0, "".join(f"{line[3]}\n" for line in rows).encode())
    return Result(0, table(("KEY", "STATUS", "PORT"), [(line[3], line[1], line[2]) for line in rows]))


def _ps_arguments(args: list[str]) -> tuple[dict[str, bool], dict[str, str | None]]:
    flags = {"--client": False, "--json": False, "--key": False, "--no-status": False}
    values: dict[str, str | None] = {"--host": None, "--status": None}
    words = iter(args)
    for word in words:
        if word in flags:
            flags[word] = True
        elif word in values:
            values[word] = next(words, None)
            if values[word] is None:
                raise Died(f"rhl-ps: {word} requires a value")
        else:
            raise Died(f"rhl-ps: unknown argument: {word}")
    if values["--host"] and not flags["--client"]:
        raise Died("rhl-ps: --host requires --client")
    if flags["--key"] and flags["--json"]:
        raise Died("rhl-ps: --key and --json are mutually exclusive")
    return flags, values


def _file_name(key: str) -> str:
    return f"{key}.json"


def _client_rows(host: SimHost, flags: dict[str, bool], wanted: str | None) -> Result:
    rows = []
    for key in sorted(host.client_files, key=_file_name):
        decoded = decode(host.client_files[key])
        if decoded.data is None:
            path = f"{host.base}/client/{key}.json"
            raise Died(
                traceback(decoded.problem)
                if decoded.traceback
                else "rhl-ps: " + decoded.problem.format(path=path)
            )
        data = decoded.data
        ssh_host = data.get("tunneled-host") or data.get("ssh_hostname") or data.get("hostname")
        full = {
            **data,
            "key": key,
            "host": data.get("hostname"),
            "ssh_host": ssh_host,
            "port": data.get("port"),
        }
        full.setdefault("meta", {})
        if wanted is None or ssh_host == wanted:
            rows.append(full)
    if flags["--json"]:
        return Result(0, "".join(json.dumps(full, sort_keys=True) + "\n" for full in rows).encode())
    if flags["--key"]:
        return Result(0, "".join(f"{full['key']}\n" for full in rows).encode())
    cells = [(full["key"], full["ssh_host"], full["host"], full["port"]) for full in rows]
    return Result(0, table(("KEY", "SSH-HOST", "HOST", "PORT"), cells))


@functools.lru_cache(maxsize=8192)
def _pretty(raw: bytes) -> bytes:
    return json.dumps(decode(raw).data, indent=2, sort_keys=True).encode() + b"\n"


def inspect(world: World, host: SimHost, args: list[str]) -> Result:
    """Print one state file."""
    stamped = "--with-mtime" in args
    if stamped:
        args.remove("--with-mtime")
    if len(args) != 1:
        raise Died("rhl-inspect: exactly one key is required")
    key = args[0]
    check_key(key)
    data = read_state(host, key, "rhl-inspect")
    if data is None:
        raise Died(f"rhl-inspect: no state file for {key!r}")
    state = host.state[key]
    pid = data.get("pid")
    world.shown(host, [pid])
    if not stamped:
        return Result(0, _pretty(state.raw))
    text = json.dumps({"mtime": state.mtime, "data": data}, separators=(",", ":"))
    return Result(0, text.encode() + b"\n")


def logs(world: World, host: SimHost, args: list[str]) -> Result:
    """Print a log, or its last lines."""
    tail = integer_flag(args, "--tail")
    if len(args) != 1:
        raise Died("rhl-logs: exactly one key is required")
    key = args[0]
    check_key(key)
    log = host.logs.get(key)
    if log is None:
        raise Died(f"rhl-logs: no log file for {key!r}")
    data = b"".join(log.chunks)
    if tail is None:
        world.read_in_full(host, key)
        return Result(0, data)
    if tail < 0:
        raise Died("rhl-logs: --tail must be >= 0")
    return Result(0, b"".join(data.splitlines(keepends=True)[-tail:] if tail else []))
