"""How services answer, idle out, react to signals and end."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from world.process import Process, Service
from world.state import StateFile

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


# Interrupted while starting, these say so in their state file.
WRITES_FAILED = ("database", "jobserver", "daskserver")


def write_status(world: World, host: SimHost, service: Service, more: dict[str, Any]) -> None:
    """Write the state file: what was read at the start, and more. It is created if it was removed."""
    if service.status_key is None or service.base is None or host.disk_full:
        return
    service.base = {**service.base, **more}
    indent = 4 if service.kind == "daskserver" else None
    raw = json.dumps(service.base, indent=indent).encode() + b"\n"
    host.state[service.status_key] = StateFile(raw, world.clock.now() + host.skew)
    world.effect(host.name, "wrote state", service.status_key)


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
        host.log(process.key or "").write(uvicorn(host, world, words))
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
    if signal == "SIGKILL" or service is None or service.phase in _no_handlers(service):
        gone(world, host.name, process.pid)
        return
    if service.phase == "stopping":
        return
    if service.kind == "daskserver" and service.phase == "running" and service.status_key is not None:
        # It takes its state with it at once, and lives on while it closes its cluster.
        if host.state.pop(service.status_key, None) is not None:
            world.effect(host.name, "removed state", service.status_key)
    elif service.phase == "starting" and service.kind in WRITES_FAILED:
        write_status(world, host, service, {"status": "failed"})
    service.phase = "stopping"
    world.clock.after(service.pace.stop, finish, host.name, process.pid)


def _no_handlers(service: Service) -> tuple[str, ...]:
    """Give the phases in which a signal ends it on the spot."""
    return ("booting",) if service.kind in WRITES_FAILED else ("booting", "starting")


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
                log.write(uvicorn(host, world, words))
        elif process.service.kind == "daskserver":
            host.log(process.key or "").write(b"Shutdown after timeout\n")
        if process.service.successor is not None:
            write_status(world, host, process.service, {"pid": process.service.successor})
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


def uvicorn(host: SimHost, world: World, words: str) -> bytes:
    """Give one line as uvicorn writes it with the hashserver's format."""
    local = timezone(timedelta(seconds=host.zone))
    stamp = datetime.fromtimestamp(world.clock.now() + host.skew, tz=local)
    return f"{stamp:%Y-%m-%d %H:%M:%S},{stamp.microsecond // 1000:03d} INFO:     {words}\n".encode()
