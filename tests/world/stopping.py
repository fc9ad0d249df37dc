"""rhl-stop and rhl-rm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from world import ending
from world.command import Died, Result, check_key, traceback
from world.listing import MAX_C_INT, read_state
from world.state import StateFile

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


POLL = 0.5
POLLS = 10
GONE = "already gone"
DENIED = "permission denied"
KILLED = "kill required"


def stop(world: World, host: SimHost, args: list[str]) -> Result:
    """Signal the pid in the state file, wait, signal harder, wait, kill."""
    if not args:
        raise Died("rhl-stop: at least one key is required")
    for key in args:
        check_key(key)
    # All files are read before the first signal: one bad one stops nothing.
    pids = {key: _pid_of(host, key) for key in args}
    left = {key: pid for key, pid in pids.items() if pid is not None}
    for key, pid in left.items():
        world.monitor.signalling(world, host, key, pid)
    outcomes = {key: "missing state" for key, pid in pids.items() if pid is None}
    denied = _signal_all(world, host, left, outcomes)
    out = ""
    for key in args:
        outcome = outcomes.get(key, "stopped")
        if outcome in ("stopped", GONE, KILLED):
            _mark_stale(world, host, key, out.encode())
        out += f"{key}: {outcome}\n"
    return Result(1 if denied else 0, out.encode())


def _signal_all(world: World, host: SimHost, left: dict[str, int], outcomes: dict[str, str]) -> bool:
    """Go through the three signals; tells whether one was denied."""
    for signal in ("SIGINT", "SIGTERM"):
        for key, pid in list(left.items()):
            outcome = send(world, host, pid, signal)
            if outcome:
                outcomes[key] = outcome
                del left[key]
        _wait(world, host, left)
    for key, pid in left.items():
        outcomes[key] = DENIED if send(world, host, pid, "SIGKILL") == DENIED else KILLED
    return DENIED in outcomes.values()


def _pid_of(host: SimHost, key: str) -> int | None:
    data = read_state(host, key, "rhl-stop")
    if data is None:
        return None
    pid = data.get("pid")
    if isinstance(pid, bool):
        raise Died(f"rhl-stop: {key}: invalid PID")
    try:
        return int(pid)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Died(f"rhl-stop: {key}: invalid PID") from None
    except OverflowError as exc:
        raise Died(traceback(f"OverflowError: {exc}")) from None


def send(world: World, host: SimHost, pid: int, signal: str) -> str | None:
    """Send a signal to a pid, whoever has it; gives why it could not be."""
    if abs(pid) > MAX_C_INT:
        raise Died(traceback("OverflowError: signed integer is greater than maximum"))
    if pid <= 1:
        if pid == 0 and signal != "SIGKILL":
            # The helper's own process group: it ends itself.
            raise Died(traceback("KeyboardInterrupt"), code=130)
        return None if host.root else DENIED
    process = host.processes.get(pid)
    if process is None:
        return GONE
    if process.owner != "ours" and not host.root:
        return DENIED
    if not process.zombie:
        world.effect(host.name, signal, str(pid))
        ending.interrupt(world, host, process, signal)
    return None


def _wait(world: World, host: SimHost, left: dict[str, int]) -> None:
    """Look every half second for at most five whether they are gone."""
    for _ in range(POLLS):
        for key in [key for key, pid in left.items() if not host.live(pid)]:
            del left[key]
        if not left:
            return
        world.clock.sleep(POLL)


def _mark_stale(world: World, host: SimHost, key: str, printed: bytes) -> None:
    """Write `stale` into whatever state file is there now, a successor's too."""
    try:
        data = read_state(host, key, "rhl-stop")
    except Died as exc:
        exc.out = printed
        raise
    if data is None:
        return
    if host.disk_full:
        raise Died(f"rhl-stop: could not mark {key} stale: [Errno 28] No space left on device", out=printed)
    raw = json.dumps({**data, "status": "stale"}).encode()
    host.state[key] = StateFile(raw, world.clock.now() + host.skew)
    world.effect(host.name, "marked stale", key)


# --- rhl-rm --------------------------------------------------------------------------------


def rm(world: World, host: SimHost, args: list[str]) -> Result:
    """Remove state files of the server's side, the client's side, or (without a flag) both."""
    flags = {arg for arg in args if arg.startswith("--")}
    unknown = flags - {"--client", "--server"}
    if unknown:
        raise Died(f"rhl-rm: unknown flag(s): {' '.join(sorted(unknown))}")
    keys = [arg for arg in args if not arg.startswith("--")]
    if not keys:
        raise Died("rhl-rm: at least one key is required")
    for key in keys:
        check_key(key)
    out = ""
    for key in keys:
        removed = ""
        if (not flags or "--client" in flags) and key in host.client_files:
            world.monitor.touching_file(world, key)
            del host.client_files[key]
            world.effect(host.name, "removed connection file", key)
            removed += f"removed {host.base}/client/{key}.json\n"
        if (not flags or "--server" in flags) and key in host.state and not host.state[key].vanished:
            removed += _remove_state(world, host, key, (out + removed).encode())
        out += removed or f"{key}: not found\n"
    return Result(0, out.encode())


def _remove_state(world: World, host: SimHost, key: str, printed: bytes) -> str:
    path = host.state_path(key)
    if host.state[key].folder:
        raise Died(f"rhl-rm: could not remove {path}: [Errno 21] Is a directory: '{path}'", out=printed)
    world.monitor.removing_state(world, host, key)
    del host.state[key]
    world.effect(host.name, "removed state", key)
    return f"removed {path}\n"
