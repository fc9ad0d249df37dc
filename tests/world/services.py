"""What the real services do from their start to their first answer, as events in simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from world.arguments import read_arguments
from world.ending import die, idle, uvicorn, write_status
from world.process import Listener, Process, Service
from world.state import decode

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


STATUS_FILE_RETRY = 0.1
FRESH_DATABASE = 98_304
PREFIX_MARKER = ".HASHSERVER_PREFIX"
DATABASE_FILE = "seamless.db"


def spawn(world: World, host: SimHost, key: str, workdir: str, argv: list[str]) -> Process:
    """Start a service process; the rest happens in time."""
    process = new_process(world, host, key, workdir, argv)
    service = process.service
    assert service is not None
    fates = host.fates.get(key, ())
    if fates:
        service.fate, host.fates[key] = fates[0], fates[1:]
    service.waiting_since = world.clock.now()
    for _ in range(service.children):
        child = Process(host.new_pid(), "child", world.clock.now())
        child.workdir = workdir
        host.processes[child.pid] = child
    if service.fate == "conda":
        world.clock.after(
            0.1, die, host.name, process.pid, b"EnvironmentNameNotFound: Could not find conda env\n"
        )
        return process
    world.clock.after(service.pace.boot, boot, host.name, process.pid)
    return process


def new_process(
    world: World,
    host: SimHost,
    key: str,
    workdir: str,
    argv: list[str] | tuple[str, ...],
    *,
    pid: int | None = None,
) -> Process:
    """Put a service process on a machine, without any of its doings."""
    process = Process(host.new_pid() if pid is None else pid, "service", world.clock.now())
    process.key, process.workdir, process.command = key, workdir, tuple(argv)
    process.service, process.ignores = read_arguments(host, argv)
    host.processes[process.pid] = process
    return process


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
    world.clock.after(service.pace.start, ready, name, pid)


def read_status(world: World, host: SimHost, process: Process) -> bool:
    """Take the state file as the base of what will be written; False if it is not to be had (yet)."""
    service = process.service
    assert service is not None
    assert service.status_key is not None
    path = host.state_path(service.status_key)
    state = host.state.get(service.status_key)
    if state is None:
        if world.clock.now() - service.waiting_since < service.patience:
            world.clock.after(STATUS_FILE_RETRY, boot, host.name, process.pid)
        else:
            die(
                world,
                host.name,
                process.pid,
                f"Status file '{path}' not found after {int(service.patience)} seconds\n".encode(),
            )
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
    bind_delay = service.pace.bind
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
        host.log(process.key or "").write(uvicorn(host, world, line))
    elif service.kind == "jobserver":
        words = f"Welcome to the Seamless jobserver on {service.host}:{port}\n"
        host.log(process.key or "").write(words.encode())
    elif service.kind == "database":
        host.log(process.key or "").write(f"DATABASE FILE {service.data}\nPress Ctrl+C to end\n".encode())


def _hashserver_start(host: SimHost, world: World, process: Process) -> bytes:
    words = (
        f"Started server process [{process.pid}]",
        "Waiting for application startup.",
        "Application startup complete.",
    )
    return b"OK\n" + b"".join(uvicorn(host, world, line) for line in words)
