"""Any initial state of the matrix: what the state file says × what is true."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from world import services
from world.files import Dir, File
from world.machine import Listener, Process, SimHost, StateFile
from world.world import LOCAL, World

STATES = ("absent", "malformed", "wrong-type", "starting", "running", "failed", "stale", "dry-run")
PROCESSES = ("dead", "ours", "zombie", "reused", "other")
PORTS = ("closed", "ours", "stranger")
TUNNELS = ("none", "good", "orphan", "dead-monitor", "misrouted")
CACHES = ("absent", "empty", "pristine", "populated", "foreign", "half-cleared")
CLIENTS = ("absent", "good", "stale", "malformed")

PID = 3_000
PORT = 51_234
ELSEWHERE = 51_999
LOCAL_PORT = 61_000
OLD = 3_600.0
FRONTEND = "frontend"


@dataclass(frozen=True)
class Case:
    """One initial state.

    Attributes:
        state: what the state file is.
        process: who has the pid in it.
        port: who answers on the port in it. "ours" where the process is not: an orphan of the same key.
        tunnel: the forward on this machine.
        cache: what is in the service's directory.
        client: the connection file on this machine.
        age: seconds since the state file was written.
        finishes: whether a service that is `starting` will become `running` by itself.
    """

    state: str = "absent"
    process: str = "dead"
    port: str = "closed"
    tunnel: str = "none"
    cache: str = "absent"
    client: str = "absent"
    age: float = OLD
    finishes: bool = False

    def __str__(self) -> str:
        """Give a test id."""
        parts = (self.state, self.process, self.port, self.tunnel, self.cache, self.client)
        return "/".join(parts) + ("/finishes" if self.finishes else "")


@dataclass(frozen=True)
class Placed:
    """A service as its launcher configuration describes it (the fields of a resolved service spec)."""

    key: str = "hashserver-c-rw-p"
    type: str = "hashserver"
    workdir: str = "~/buffers/p"
    argv: tuple[str, ...] = (
        "hashserver", "--status-file", "~/.remote-http-launcher/server/hashserver-c-rw-p.json",
        "--host", "localhost", "--timeout", "600", "~/buffers/p", "--writable",
    )  # fmt: skip
    interface: str = "localhost"
    hostname: str = "localhost"
    tunnelled: bool = True
    meta: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any] | None = None
    extra: Mapping[str, int] = field(default_factory=dict)


DATABASE = Placed(
    key="database-c-rw-p",
    type="database",
    workdir="~/databases/p",
    argv=(
        "seamless-database", "--status-file", "~/.remote-http-launcher/server/database-c-rw-p.json",
        "--host", "localhost", "--timeout", "600", "--writable", "~/databases/p/seamless.db",
    ),
)  # fmt: skip
HASHSERVER = Placed()
JOBSERVER = Placed(
    key="jobserver-c-rw-p",
    type="jobserver",
    workdir="/tmp",
    argv=(
        "seamless-jobserver", "--workers", "1", "--port-range", "52000", "52099", "--status-file",
        "~/.remote-http-launcher/server/jobserver-c-rw-p.json", "--host", "localhost", "--timeout", "600",
    ),
)  # fmt: skip


def every_case(*, local: bool = False, persistent: bool = True) -> Iterator[Case]:
    """Give the whole matrix; on this machine there are no forwards, and jobservers keep no data."""
    tunnels = TUNNELS[:1] if local else TUNNELS
    caches = CACHES if persistent else CACHES[:1]
    for combination in itertools.product(STATES, PROCESSES, PORTS, tunnels, caches, CLIENTS):
        yield Case(*combination)


def build(
    case: Case, placed: Placed = HASHSERVER, *, host: str = FRONTEND, world: World | None = None
) -> World:
    """Make a world in that state, or put the state into a world; several services fit into one."""
    world = world or World()
    machine = world.hosts.get(host) or world.add_host(host)
    offset = len(machine.state) + len(machine.ports)
    pid, port = PID + offset, PORT + offset
    _cache(world, machine, placed, case.cache)
    _state(world, machine, placed, case, pid, port)
    _process(world, machine, placed, case, pid)
    _port(world, machine, placed, case, pid, port)
    machine.log(placed.key).write(b"INFO:     it ran before\n")
    local_port = port if host == LOCAL or not placed.tunnelled else LOCAL_PORT + len(world.client.opened)
    if host != LOCAL and case.tunnel != "none":
        _tunnel(world, machine, case, pid, port, local_port)
    _client(world, host, placed, case, port, local_port)
    return world


def state_bytes(machine: SimHost, placed: Placed, status: str, pid: int | None, port: int | None) -> bytes:
    """Give a state file as the launcher and the service write it."""
    data: dict[str, Any] = {
        "workdir": placed.workdir,
        "log": machine.log_path(placed.key),
        "command": " ".join(machine.expand(word) for word in placed.argv),
        "uid": 1000,
        "pid": pid,
        "status": status,
        "network_interface": placed.interface,
    }
    for name, value in (("parameters", placed.parameters), ("meta", placed.meta)):
        if value is not None:
            data[name] = dict(value)
    if status != "starting":
        data["port"] = port
        data.update(placed.extra)
    return json.dumps(data).encode()


def _state(world: World, machine: SimHost, placed: Placed, case: Case, pid: int, port: int) -> None:
    if case.state == "absent":
        return
    status = {"dry-run": "running"}.get(case.state, case.state)
    raw = state_bytes(machine, placed, status, pid, port)
    if case.state == "malformed":
        raw = raw[: len(raw) // 2]
    elif case.state == "wrong-type":
        raw = raw.replace(b'"pid": %d' % pid, b'"pid": "many"').replace(
            b'"port": %d' % port, b'"port": "some"'
        )
        raw = raw.replace(b'"wrong-type"', b'"running"')
    elif case.state == "dry-run":
        raw = json.dumps({**json.loads(raw), "dry_run": True, "pid": None}).encode()
    machine.state[placed.key] = StateFile(raw, world.clock.now() + machine.skew - case.age)


def _service(world: World, machine: SimHost, placed: Placed, pid: int | None) -> Process:
    process = services.new_process(
        world, machine, placed.key, machine.expand(placed.workdir), placed.argv, pid
    )
    service = process.service
    assert service is not None
    service.phase = "running"
    service.base = {"workdir": placed.workdir, "pid": process.pid}
    service.last_request = world.clock.now()
    if service.timeout is not None:
        world.clock.after(service.timeout, services.idle, machine.name, process.pid)
    if placed.type == "launcher":
        service.kind = "launcher"
    return process


def _process(world: World, machine: SimHost, placed: Placed, case: Case, pid: int) -> None:
    if case.process == "dead":
        return
    if case.process in ("reused", "other"):
        stranger = Process(
            pid, "stranger", world.clock.now(), owner="ours" if case.process == "reused" else "other"
        )
        stranger.command = ("sleep", "infinity")
        machine.processes[pid] = stranger
        return
    process = _service(world, machine, placed, pid)
    process.zombie = case.process == "zombie"
    service = process.service
    if case.state == "starting" and case.port != "ours" and service is not None:
        service.phase = "booting"
        if case.finishes and not process.zombie:
            service.waiting_since = world.clock.now()
            world.clock.after(machine.profiles[service.kind].boot, services.boot, machine.name, pid)


def _port(world: World, machine: SimHost, placed: Placed, case: Case, pid: int, port: int) -> None:
    if case.port == "closed":
        return
    if case.port == "stranger":
        stranger = Process(machine.new_pid(), "stranger", world.clock.now(), owner="other")
        machine.processes[stranger.pid] = stranger
        statuses = (("healthcheck", 200), ("health", 200))
        machine.ports[port] = Listener(placed.interface, "http", stranger.pid, statuses)
        return
    process = machine.processes.get(pid)
    if process is None or process.service is None or process.zombie:
        # Somebody else's pid or nobody's is in the file, yet the service answers: an orphan of this key.
        process = _service(world, machine, placed, None)
    if process.service is not None:
        process.service.port = port
    machine.ports[port] = Listener(placed.interface, "service", process.pid)


def _tunnel(world: World, machine: SimHost, case: Case, pid: int, port: int, local_port: int) -> None:
    remote = port
    if case.tunnel == "misrouted":
        remote = ELSEWHERE
        machine.ports.setdefault(remote, Listener("localhost", "http", None, (("healthcheck", 200),)))
    # An orphan listens where no connection file points.
    at = local_port + 500 if case.tunnel == "orphan" else local_port
    forward = world.client.place_forward(machine.name, "localhost", remote, pid, local_port=at)
    if case.tunnel == "dead-monitor":
        world.client.drop(forward.monitor)


def _client(world: World, host: str, placed: Placed, case: Case, port: int, local_port: int) -> None:
    if case.client == "absent":
        return
    payload: dict[str, Any] = {"hostname": placed.hostname, "port": local_port}
    if host != LOCAL and placed.tunnelled:
        payload = {
            "hostname": "localhost",
            "port": local_port,
            "tunneled-host": host,
            "tunneled-port": port,
            "tunneled-network-interface": placed.interface,
        }
    if case.client == "stale":
        payload["status"] = "stale"
    raw = json.dumps(payload).encode()
    world.local.client_files[placed.key] = raw[: len(raw) // 2] if case.client == "malformed" else raw


# --- caches --------------------------------------------------------------------------------


def _cache(world: World, machine: SimHost, placed: Placed, what: str) -> None:
    if placed.type not in ("hashserver", "database") or what == "absent":
        return
    folder = machine.expand(placed.workdir)
    now = world.clock.now() + machine.skew - OLD
    machine.tree.mkdirs(folder, now)
    if what == "foreign":
        machine.tree.write(f"{folder}/thesis.tex", 123_456, now)
        machine.caches[machine.tree.real(folder)] = "foreign"
        return
    machine.caches[machine.tree.real(folder)] = "service"
    if placed.type == "database":
        _database(machine, folder, what, now)
    else:
        fill_buffers(machine, folder, what, now)


def _database(machine: SimHost, folder: str, what: str, now: float) -> None:
    if what == "half-cleared":
        machine.tree.write(f"{folder}/seamless.db-journal", 512, now)
    elif what in ("pristine", "populated"):
        path = f"{folder}/seamless.db"
        machine.tree.write(path, services.FRESH_DATABASE, now)
        node = machine.tree.find(path)
        if what == "populated" and isinstance(node, File):
            node.results = 3


def fill_buffers(machine: SimHost, folder: str, what: str, now: float) -> None:
    """Fill a hashserver's directory: marker, and buffers below two-letter directories."""
    if what != "half-cleared":
        machine.tree.write(f"{folder}/{services.PREFIX_MARKER}", 2, now)
    if what in ("populated", "half-cleared"):
        for prefix in ("ab", "cd"):
            machine.tree.write(f"{folder}/{prefix}/{prefix}{'0' * 62}", 1_000, now)


def use(world: World, host: str, key: str) -> bool:
    """Have a client store something through a service; False if no process of the key serves."""
    machine = world.hosts[host]
    now = world.clock.now() + machine.skew
    for process in machine.of_key(key):
        service = process.service
        if service is None or service.port not in machine.ports:
            continue
        service.last_request = world.clock.now()
        if service.kind == "database" and service.data is not None:
            node = machine.tree.find(service.data)
            # Cleared under its feet, it goes on writing to a file that has no name any more.
            if isinstance(node, File):
                node.results, node.mtime = node.results + 1, now
        elif service.kind == "hashserver" and service.data is not None:
            machine.tree.write(f"{service.data}/ef/ef{process.pid:062d}", 1_000, now)
        return True
    return False


def cold(world: World, host: str, path: str) -> bool:
    """Tell the truth about a directory: whether it holds no results at all."""
    machine = world.hosts[host]
    real = machine.tree.real(machine.expand(path))
    if not isinstance(machine.tree.find(real), Dir):
        return True
    for name, file in machine.tree.files(real):
        base = name.rpartition("/")[2]
        if base == services.DATABASE_FILE:
            if file.results:
                return False
        elif base not in (services.PREFIX_MARKER, ".rhl-clearable"):
            return False
    return True


def serving(world: World, host: str, key: str) -> list[int]:
    """Tell the truth about a service: the pids of its key that answer on a port."""
    machine = world.hosts[host]
    bound = {listener.pid for listener in machine.ports.values() if listener.kind == "service"}
    return [process.pid for process in machine.of_key(key) if process.pid in bound]
