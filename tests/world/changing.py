"""The helpers that change things: rhl-stop, -rm, -clear, -launch-service, -cache-conda."""

from __future__ import annotations

import argparse
import errno
import json
import shlex
from typing import TYPE_CHECKING, Any, NoReturn

from world import services
from world.command import SYSTEM, Died, Result, check_key, clearable, normal, traceback
from world.files import Dir, Link, inside, os_error
from world.machine import StateFile
from world.reading import MAX_C_INT, read_state

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World

# --- rhl-stop ------------------------------------------------------------------------------

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
    outcomes: dict[str, str] = {}
    left: dict[str, int] = {}
    # All files are read before the first signal: one bad one stops nothing.
    for key in args:
        pid = _pid_of(host, key)
        if pid is None:
            outcomes[key] = "missing state"
        else:
            left[key] = pid
    for key, pid in left.items():
        world.monitor.signalling(world, host, key, pid)
    code = 0
    for signal in ("SIGINT", "SIGTERM"):
        for key, pid in list(left.items()):
            outcome = send(world, host, pid, signal)
            if outcome:
                outcomes[key] = outcome
                del left[key]
                code = 1 if outcome == DENIED else code
        _wait(world, host, left)
    for key, pid in left.items():
        if send(world, host, pid, "SIGKILL") == DENIED:
            outcomes[key], code = DENIED, 1
        else:
            outcomes[key] = KILLED
    out = ""
    for key in args:
        outcome = outcomes.get(key, "stopped")
        if outcome in ("stopped", GONE, KILLED):
            _mark_stale(world, host, key, out.encode())
        out += f"{key}: {outcome}\n"
    return Result(code, out.encode())


def _pid_of(host: SimHost, key: str) -> int | None:
    data = read_state(host, key, "rhl-stop")
    if data is None:
        return None
    pid = data.get("pid")
    try:
        if isinstance(pid, bool):
            raise TypeError
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
        services.interrupt(world, host, process, signal)
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
        if (not flags or "--server" in flags) and key in host.state:
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


# --- rhl-clear -----------------------------------------------------------------------------


def clear(world: World, host: SimHost, args: list[str]) -> Result:
    """Remove what a directory holds, with the helper's own bug on deep trees."""
    if len(args) != 1:
        raise Died("rhl-clear: exactly one path is required")
    path = clearable(host, args[0])
    node = host.tree.find(path)
    if node is None:
        raise Died(f"rhl-clear: path does not exist: {path}")
    if not isinstance(node, Dir):
        raise Died(f"rhl-clear: not a directory: {path}")
    real = host.tree.real(path)
    world.monitor.clearing(world, host, real)
    before = {name for name, _ in host.tree.files(real)}
    sweep = _Sweep(host, world.clock.now() + host.skew)
    removed, errors = 0, ""
    for name in host.tree.names(node):
        child = f"{path}/{name}"
        try:
            removed += sweep.child(node, child, name)
        except OSError as exc:
            errors += f"rhl-clear: could not remove {child}: {exc}\n"
    lost = before - {name for name, _ in host.tree.files(real)}
    world.monitor.cleared(world, host, real, lost)
    if lost or removed:
        world.effect(host.name, "cleared", path)
    return Result(1 if errors else 0, f"removed {removed} item(s) from {path}\n".encode(), errors)


class _Sweep:
    """Removal as the helper does it: a subdirectory that removed itself is removed once more, which fails."""

    def __init__(self, host: SimHost, now: float) -> None:
        self.tree = host.tree
        self.now = now

    def child(self, parent: Dir, path: str, name: str) -> int:
        node = parent.entries[name]
        if not isinstance(node, Dir):
            self._take(parent, name)
            return 1
        if name.startswith("."):
            return 0
        return 1 if self._folder(parent, path, name) else 0

    def _take(self, parent: Dir, name: str) -> None:
        del parent.entries[name]
        parent.mtime = self.now

    def _folder(self, parent: Dir, path: str, name: str) -> bool:
        """Empty a directory and remove it; False if only dot-directories keep it alive."""
        folder = parent.entries[name]
        assert isinstance(folder, Dir)
        for inner in self.tree.names(folder):
            node = folder.entries[inner]
            if not isinstance(node, Dir):
                self._take(folder, inner)
                continue
            if inner.startswith("."):
                continue
            below = f"{path}/{inner}"
            if self._folder(folder, below, inner):
                # It is gone already: removing it again fails, and so does the look at what remains in it.
                raise os_error(errno.ENOENT, below)
        if folder.entries:
            if not _only_dot_folders(folder):
                raise os_error(errno.ENOTEMPTY, path)
            return False
        self._take(parent, name)
        return True


def _only_dot_folders(folder: Dir) -> bool:
    return all(
        name.startswith(".") and not isinstance(node, Link) and isinstance(node, Dir)
        for name, node in folder.entries.items()
    )


# --- rhl-launch-service --------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Died(f"{self.format_usage()}rhl-launch-service: error: {message}", code=2)


def _parser() -> _Parser:
    parser = _Parser(prog="rhl-launch-service", description="Start a service and write its state.")
    parser.add_argument("--key", required=True)
    parser.add_argument("--workdir", required=True)
    for flag in ("--conda-env", "--network-interface", "--parameters", "--meta"):
        parser.add_argument(flag)
    parser.add_argument("service_argv", nargs=argparse.REMAINDER)
    return parser


_PARSER = _parser()


def launch(world: World, host: SimHost, args: list[str]) -> Result:
    """Start a service, without asking whether one runs; the state is written after the start."""
    ns = _PARSER.parse_args(args)
    argv: list[str] = ns.service_argv[1:] if ns.service_argv[:1] == ["--"] else ns.service_argv
    if not argv:
        raise _no_launch("service binary is required after --")
    check_key(ns.key)
    workdir = _workdir(host, ns.workdir)
    parameters = _json_object(ns.parameters, "--parameters")
    meta = _json_object(ns.meta, "--meta")
    if argv[0] not in host.tools:
        raise _no_launch(f"service binary is not whitelisted: {argv[0]!r}")
    argv[1:] = _arguments(host, argv[1:])
    now = world.clock.now() + host.skew
    host.tree.mkdirs(workdir, now)
    world.monitor.launching(world, host, ns.key, workdir)
    host.log(ns.key).truncate()
    world.effect(host.name, "truncated log", ns.key)
    pid = _start(world, host, ns, workdir, argv)
    data: dict[str, Any] = {
        "workdir": ns.workdir,
        "log": host.log_path(ns.key),
        "command": shlex.join(argv),
        "uid": 0 if host.root else 1000,
        "pid": pid,
        "status": "starting",
    }
    for name, value in (
        ("network_interface", ns.network_interface),
        ("parameters", parameters),
        ("meta", meta),
    ):
        if value is not None:
            data[name] = value
    if host.state_write:
        world.clock.sleep(host.state_write)
    if host.disk_full:
        raise _no_launch("[Errno 28] No space left on device")
    host.state[ns.key] = StateFile(json.dumps(data).encode(), world.clock.now() + host.skew)
    world.effect(host.name, "wrote state", ns.key)
    return Result(0)


def _start(world: World, host: SimHost, ns: argparse.Namespace, workdir: str, argv: list[str]) -> int:
    if ns.conda_env is not None and host.conda is None:
        raise _no_launch(f"conda cache not found: {host.base}/conda-setup.json")
    if ns.conda_env is None and host.binaries is not None and argv[0] not in host.binaries:
        raise _no_launch(f"[Errno 2] No such file or directory: {argv[0]!r}")
    if ns.conda_env is not None and ns.conda_env not in host.conda_envs:
        host.fates[ns.key] = ("conda", *host.fates.get(ns.key, ()))
    process = services.spawn(world, host, ns.key, workdir, argv)
    host.launched.add(process.pid)
    world.effect(host.name, "started", f"{ns.key} {process.pid}")
    return process.pid


def _no_launch(message: str) -> Died:
    return Died(f"rhl-launch-service: {message}")


def _workdir(host: SimHost, raw: str) -> str:
    path = normal(host.expand(raw))
    if not path.startswith("/"):
        raise Died(f"rhl: workdir must be absolute: {raw!r}")
    if ".." in raw.split("/"):
        raise Died(f"rhl: workdir must not contain '..': {raw!r}")
    if host.tree.real(path) in SYSTEM or path in SYSTEM:
        raise Died(f"rhl: refusing to use system directory as workdir: {raw!r}")
    return path


def _json_object(raw: str | None, label: str) -> dict[str, Any] | None:
    if raw is None:
        return None
    try:
        data = json.loads(raw)
    except json.JSONDecodeError as exc:
        raise _no_launch(f"{label} must be valid JSON: {exc}") from None
    if not isinstance(data, dict):
        raise _no_launch(f"{label} must be a JSON object")
    return data


def _arguments(host: SimHost, words: list[str]) -> list[str]:
    """Expand `~` in the service's arguments and check where its status file is to be."""
    done = [host.expand(word) for word in words]
    for index, word in enumerate(done):
        if word == "--status-file":
            if index + 1 >= len(done):
                raise _no_launch("--status-file requires a value")
            done[index + 1] = _status_file(host, done[index + 1])
        elif word.startswith("--status-file="):
            done[index] = "--status-file=" + _status_file(host, word.split("=", 1)[1])
    return done


def _status_file(host: SimHost, value: str) -> str:
    path = normal(host.expand(value))
    if not path.startswith("/"):
        raise _no_launch("--status-file must be absolute")
    if not inside(host.tree.real(path), host.tree.real(f"{host.base}/server")):
        raise _no_launch("--status-file must live under the launcher server directory")
    return path


# --- rhl-cache-conda -----------------------------------------------------------------------


def cache_conda(world: World, host: SimHost, args: list[str]) -> Result:
    """Remember where conda is, if it is anywhere."""
    if host.conda_found is None:
        raise Died(traceback("FileNotFoundError: [Errno 2] No such file or directory: 'conda'"))
    host.conda = host.conda_found
    world.effect(host.name, "wrote conda cache", host.name)
    return Result(0, f"rhl-cache-conda: wrote {host.base}/conda-setup.json\n".encode())
