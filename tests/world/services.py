"""What the real services do, as events in simulated time.

Booting, reading the state file, writing `running`, binding the port, answering, idling out, stopping.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from world.machine import Listener, Process, Service, StateFile, decode

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World

STATUS_FILE_SECONDS = 20.0
STATUS_FILE_RETRY = 0.1
FRESH_DATABASE = 98_304
PREFIX_MARKER = ".HASHSERVER_PREFIX"
DATABASE_FILE = "seamless.db"

KINDS = {
    "hashserver": "hashserver",
    "seamless-database": "database",
    "seamless-jobserver": "jobserver",
    "seamless-dask-wrapper": "daskserver",
}


def spawn(world: World, host: SimHost, key: str, workdir: str, argv: list[str]) -> Process:
    """Start a service process; the rest happens in time."""
    process = new_process(world, host, key, workdir, argv)
    service = process.service
    assert service is not None
    fates = host.fates.get(key, ())
    if fates:
        service.fate, host.fates[key] = fates[0], fates[1:]
    service.waiting_since = world.clock.now()
    if service.fate == "conda":
        world.clock.after(
            0.1, die, host.name, process.pid, b"EnvironmentNameNotFound: Could not find conda env\n"
        )
        return process
    world.clock.after(host.profiles[service.kind].boot, boot, host.name, process.pid)
    return process


def new_process(
    world: World,
    host: SimHost,
    key: str,
    workdir: str,
    argv: list[str] | tuple[str, ...],
    pid: int | None = None,
) -> Process:
    """Put a service process on a machine, without any of its doings."""
    process = Process(host.new_pid() if pid is None else pid, "service", world.clock.now())
    process.key, process.workdir, process.command = key, workdir, tuple(argv)
    process.service = read_arguments(host, argv)
    host.processes[process.pid] = process
    return process


def read_arguments(host: SimHost, argv: list[str] | tuple[str, ...]) -> Service:
    """Read a service's command line the way the service does."""
    service = Service(KINDS.get(argv[0].rsplit("/", 1)[-1], "launcher"))
    rest: list[str] = []
    words = iter(argv[1:])
    for word in words:
        if word == "--status-file":
            path = host.expand(next(words, ""))
            if path.startswith(f"{host.base}/server/") and path.endswith(".json"):
                service.status_key = path.rsplit("/", 1)[1][: -len(".json")]
        elif word == "--timeout":
            service.timeout = float(next(words, "0"))
        elif word == "--host":
            service.host = next(words, "")
        elif word == "--port-range":
            service.ports = (int(next(words, "0")), int(next(words, "0")))
        elif word == "--writable":
            service.writable = True
        elif word == "--workers":
            next(words, "")
        else:
            rest.append(word)
    service.args = tuple(rest)
    if service.kind in ("hashserver", "database") and rest:
        service.data = host.expand(rest[0])
    if service.kind == "daskserver":
        service.path = "health"
    return service


# --- starting ------------------------------------------------------------------------------


def boot(world: World, name: str, pid: int) -> None:
    """Read the state file, retrying while it is not there; then go on to the start."""
    host = world.hosts[name]
    process = host.processes.get(pid)
    if process is None or process.zombie or process.service is None:
        return
    service = process.service
    if service.kind == "database" and not open_database(world, host, process):
        return
    if service.status_key is not None and not read_status(world, host, process):
        return
    if service.kind == "hashserver":
        mark_prefix(world, host, service)
    service.phase = "starting"
    if service.fate == "hangs":
        return
    world.clock.after(host.profiles[service.kind].start, ready, name, pid)


def read_status(world: World, host: SimHost, process: Process) -> bool:
    """Take the state file as the base of what will be written; False if it is not to be had (yet)."""
    service = process.service
    assert service is not None
    assert service.status_key is not None
    path = host.state_path(service.status_key)
    state = host.state.get(service.status_key)
    if state is None:
        if world.clock.now() - service.waiting_since < STATUS_FILE_SECONDS:
            world.clock.after(STATUS_FILE_RETRY, boot, host.name, process.pid)
        else:
            die(world, host.name, process.pid, f"Status file '{path}' not found after 20 seconds\n".encode())
        return False
    decoded = decode(state.raw)
    if decoded.data is None:
        die(world, host.name, process.pid, f"Status file '{path}' is not usable\n".encode())
        return False
    service.base = dict(decoded.data)
    return True


def open_database(world: World, host: SimHost, process: Process) -> bool:
    """Create the database file where there is none; False if it may not be."""
    service = process.service
    assert service is not None
    path = service.data or ""
    if host.tree.find(path) is not None:
        return True
    if not service.writable:
        # Nothing was read yet, so nothing can be written: the state stays `starting`.
        words = f"FileNotFoundError: Database file '{path}' must exist when --writable is not set\n"
        die(world, host.name, process.pid, words.encode())
        return False
    host.tree.write(path, FRESH_DATABASE, world.clock.now() + host.skew)
    own(host, path.rpartition("/")[0])
    world.effect(host.name, "created", path)
    return True


def mark_prefix(world: World, host: SimHost, service: Service) -> None:
    """Leave the hashserver's marker in its directory."""
    folder = service.data or ""
    marker = f"{folder}/{PREFIX_MARKER}"
    if host.tree.find(marker) is None:
        host.tree.write(marker, 2, world.clock.now() + host.skew)
        world.effect(host.name, "created", marker)
    own(host, folder)


def own(host: SimHost, folder: str) -> None:
    """Register a directory as a service's, unless it is known to be foreign."""
    host.caches.setdefault(host.tree.real(folder), "service")


def ready(world: World, name: str, pid: int) -> None:
    """Write `running` and bind the port, in the order of the kind."""
    host = world.hosts[name]
    process = host.processes.get(pid)
    if process is None or process.zombie or process.service is None or process.service.phase != "starting":
        return
    service = process.service
    if service.fate == "failed":
        write_status(world, host, service, {"status": "failed"})
        die(world, name, pid, b"Traceback (most recent call last):\nRuntimeError: it would not start\n")
        return
    if service.fate == "dies":
        die(world, name, pid, b"Traceback (most recent call last):\nSystemExit: killed while starting\n")
        return
    service.port = host.free_port(service.ports)
    if service.kind == "hashserver":
        host.log(process.key or "").write(_hashserver_start(host, world, process))
    more: dict[str, Any] = {"port": service.port, "status": "running"}
    bind_delay = host.profiles[service.kind].bind
    if bind_delay < 0:
        bind(world, name, pid)
    if service.kind == "daskserver":
        more["dashboard_port"] = service.port + 1
    write_status(world, host, service, more)
    service.phase = "running"
    if bind_delay >= 0:
        world.clock.after(bind_delay, bind, name, pid)
    if service.timeout is not None:
        service.last_request = world.clock.now()
        world.clock.after(service.timeout, idle, name, pid)


def write_status(world: World, host: SimHost, service: Service, more: dict[str, Any]) -> None:
    """Write the state file: what was read at the start, and more. It is created if it was removed."""
    if service.status_key is None or service.base is None or host.disk_full:
        return
    service.base = {**service.base, **more}
    indent = 4 if service.kind == "daskserver" else None
    raw = json.dumps(service.base, indent=indent).encode() + b"\n"
    host.state[service.status_key] = StateFile(raw, world.clock.now() + host.skew)
    world.effect(host.name, "wrote state", service.status_key)


def bind(world: World, name: str, pid: int) -> None:
    """Start to listen."""
    host = world.hosts[name]
    process = host.processes.get(pid)
    if process is None or process.zombie or process.service is None or process.service.port is None:
        return
    service = process.service
    port = process.service.port
    if service.fate == "bind" or port in host.ports:
        die(world, name, pid, b"ERROR:    [Errno 98] address already in use\n")
        return
    kind = "silent" if service.fate == "mute" else "service"
    if service.kind == "daskserver":
        host.ports[port] = Listener(service.host, "reset", pid)
        port += 1
    host.ports[port] = Listener(service.host, kind, pid)
    if service.kind == "hashserver":
        line = f"Uvicorn running on http://{service.host}:{port} (Press CTRL+C to quit)"
        host.log(process.key or "").write(_uvicorn(host, world, line))
    elif service.kind == "jobserver":
        words = f"Welcome to the Seamless jobserver on {service.host}:{port}\n"
        host.log(process.key or "").write(words.encode())
    elif service.kind == "database":
        host.log(process.key or "").write(f"DATABASE FILE {service.data}\nPress Ctrl+C to end\n".encode())


# --- answering and ending ------------------------------------------------------------------


def answer(world: World, host: SimHost, process: Process, port: int, path: str) -> int:
    """Give the HTTP status of a GET; any request keeps the service from idling out."""
    service = process.service
    assert service is not None
    service.last_request = world.clock.now()
    path = path.lstrip("/")
    if service.fate == "sick":
        status = 500
    elif service.kind == "launcher" or path == service.path:
        status = 200
    else:
        status = 400 if service.kind == "database" else 404
    if service.kind == "hashserver":
        words = f'127.0.0.1:35956 - "GET /{path} HTTP/1.1" {_PHRASES.get(status, str(status))}'
        host.log(process.key or "").write(_uvicorn(host, world, words))
    return status


def idle(world: World, name: str, pid: int) -> None:
    """End a service nobody asked for long enough; its state file stays as it is."""
    host = world.hosts[name]
    process = host.processes.get(pid)
    if process is None or process.zombie or process.service is None or process.service.timeout is None:
        return
    service = process.service
    left = service.last_request + (process.service.timeout or 0.0) - world.clock.now()
    if left > 1e-6:
        world.clock.after(left, idle, name, pid)
        return
    if service.kind == "daskserver" and service.status_key is not None:
        host.state.pop(service.status_key, None)
        world.effect(name, "removed state", service.status_key)
    finish(world, name, pid)


def interrupt(world: World, host: SimHost, process: Process, signal: str) -> None:
    """React to a signal."""
    if process.zombie or signal in process.ignores:
        return
    service = process.service
    if signal == "SIGKILL" or service is None or service.phase == "booting":
        gone(world, host.name, process.pid)
        return
    if service.phase == "stopping":
        return
    if service.kind == "daskserver" and service.phase == "running" and service.status_key is not None:
        # It takes its state with it at once, and lives on while it closes its cluster.
        if host.state.pop(service.status_key, None) is not None:
            world.effect(host.name, "removed state", service.status_key)
    elif service.phase == "starting" and service.kind in ("database", "jobserver"):
        write_status(world, host, service, {"status": "failed"})
    service.phase = "stopping"
    world.clock.after(host.profiles[service.kind].stop, finish, host.name, process.pid)


def finish(world: World, name: str, pid: int) -> None:
    """End in good order, with a last word in the log."""
    host = world.hosts[name]
    process = host.processes.get(pid)
    if process is not None and not process.zombie and process.service is not None:
        if process.service.kind == "hashserver" and process.service.port is not None:
            log = host.log(process.key or "")
            for words in (
                "Shutting down",
                "Waiting for application shutdown.",
                "Application shutdown complete.",
                f"Finished server process [{pid}]",
            ):
                log.write(_uvicorn(host, world, words))
        elif process.service.kind == "daskserver":
            host.log(process.key or "").write(b"Shutdown after timeout\n")
    gone(world, name, pid)


def die(world: World, name: str, pid: int, words: bytes) -> None:
    """End badly, with words in the log."""
    process = world.hosts[name].processes.get(pid)
    if process is not None and not process.zombie and process.key is not None:
        world.hosts[name].log(process.key).write(words)
    gone(world, name, pid)


def gone(world: World, name: str, pid: int) -> None:
    """The process has ended: its ports are free; it is a zombie until it is reaped."""
    host = world.hosts[name]
    process = host.processes.get(pid)
    if process is None or process.zombie:
        return
    for port in [port for port, listener in host.ports.items() if listener.pid == pid]:
        del host.ports[port]
    world.effect(name, "ended", str(pid))
    process.zombie = True
    if host.reap == 0.0:
        del host.processes[pid]
    elif host.reap is not None:
        world.clock.after(host.reap, reaped, name, pid)


def reaped(world: World, name: str, pid: int) -> None:
    """Its parent has taken note: the pid is free."""
    process = world.hosts[name].processes.get(pid)
    if process is not None and process.zombie:
        del world.hosts[name].processes[pid]


_PHRASES = {200: "200 OK", 404: "404 Not Found", 500: "500 Internal Server Error"}


def _uvicorn(host: SimHost, world: World, words: str) -> bytes:
    """Give one line as uvicorn writes it with the hashserver's format."""
    local = timezone(timedelta(seconds=host.zone))
    stamp = datetime.fromtimestamp(world.clock.now() + host.skew, tz=local)
    return f"{stamp:%Y-%m-%d %H:%M:%S},{stamp.microsecond // 1000:03d} INFO:     {words}\n".encode()


def _hashserver_start(host: SimHost, world: World, process: Process) -> bytes:
    words = (
        f"Started server process [{process.pid}]",
        "Waiting for application startup.",
        "Application startup complete.",
    )
    return b"OK\n" + b"".join(_uvicorn(host, world, line) for line in words)
