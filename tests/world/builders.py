"""Any initial state of the matrix: what the state file says by what is true."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from world import ending, services
from world.cases import DASK, ELSEWHERE, FRONTEND, HASHSERVER, LOCAL_PORT, OLD, Case, Placed
from world.files import File
from world.machine import SimHost
from world.process import Listener, Process
from world.state import StateFile
from world.world import LOCAL, World


@dataclass(frozen=True)
class _Site:
    """Where one service is being put, with the pid and the ports its state file names."""

    world: World
    machine: SimHost
    placed: Placed
    case: Case
    pid: int
    port: int
    local_port: int

    @property
    def ports(self) -> dict[str, int]:
        """Give the ports by the names the state file has for them."""
        ports = {"port": self.port}
        if self.placed.type in DASK:
            ports["dashboard_port"] = self.port + 1
        return ports

    @property
    def through(self) -> bool:
        """Whether this machine reaches it through a forward."""
        return self.machine.name != LOCAL and self.placed.tunnelled


def build(
    case: Case, placed: Placed = HASHSERVER, *, host: str = FRONTEND, world: World | None = None
) -> World:
    """Make a world in that state, or put the state into a world; several services fit into one."""
    world = world or World()
    machine = world.hosts.get(host) or world.add_host(host)
    pid, port = machine.new_pid(), machine.free_port()
    # A daskserver's second port is the next one.
    machine.next_port += 1
    site = _Site(world, machine, placed, case, pid, port, LOCAL_PORT + 2 * len(world.client.opened))
    _cache(world, machine, placed, case.cache)
    _state(site)
    _process(site)
    _port(site)
    if case.log:
        machine.log(placed.key).write(b"INFO:     it ran before\n")
    if site.through and case.tunnel != "none":
        _tunnel(site)
    _client(site)
    return world


def state_data(site: _Site, status: str) -> dict[str, Any]:
    """Give a state file's contents as the launcher and the service write it."""
    placed, machine = site.placed, site.machine
    data: dict[str, Any] = {
        "workdir": placed.workdir,
        "log": machine.log_path(placed.key),
        "command": " ".join(machine.expand(word) for word in placed.argv),
        "uid": 1000,
        "pid": site.pid,
        "status": status,
        "network_interface": placed.interface,
    }
    for name, value in (("parameters", placed.parameters), ("meta", placed.meta)):
        if value is not None:
            data[name] = dict(value)
    if status != "starting":
        data.update(site.ports)
    return data


def _state(site: _Site) -> None:
    case = site.case
    if case.state == "absent":
        return
    data = state_data(site, {"dry-run": "running", "wrong-type": "running"}.get(case.state, case.state))
    if case.state == "wrong-type":
        data.update(pid="many", port="some")
    elif case.state == "dry-run":
        data.update(pid=None, dry_run=True)
    raw = json.dumps(data).encode()
    if case.state == "malformed":
        raw = raw[: len(raw) // 2]
    written = site.world.clock.now() + site.machine.skew - case.age
    site.machine.state[site.placed.key] = StateFile(raw, written)


def _service(site: _Site, pid: int | None) -> Process:
    placed, machine, world = site.placed, site.machine, site.world
    workdir = machine.expand(placed.workdir)
    process = services.new_process(world, machine, placed.key, workdir, placed.argv, pid=pid)
    service = process.service
    assert service is not None
    service.phase = "running"
    service.base = state_data(site, "running")
    service.last_request = world.clock.now()
    if service.timeout is not None:
        world.clock.after(service.timeout, ending.idle, machine.name, process.pid)
    return process


def _process(site: _Site) -> None:
    case, machine, world = site.case, site.machine, site.world
    if case.process == "dead":
        return
    if case.process in ("reused", "other"):
        owner = "ours" if case.process == "reused" else "other"
        stranger = Process(site.pid, "stranger", world.clock.now(), owner=owner)
        stranger.command = ("sleep", "infinity")
        machine.processes[site.pid] = stranger
        return
    process = _service(site, site.pid)
    process.zombie = case.process == "zombie"
    service = process.service
    if case.state == "starting" and case.port != "ours" and service is not None:
        service.phase = "booting"
        if case.finishes and not process.zombie:
            service.waiting_since = world.clock.now()
            world.clock.after(service.pace.boot, services.boot, machine.name, site.pid)


def _port(site: _Site) -> None:
    placed, machine = site.placed, site.machine
    if site.case.port == "closed":
        return
    if site.case.port == "stranger":
        stranger = Process(machine.new_pid(), "stranger", site.world.clock.now(), owner="other")
        machine.processes[stranger.pid] = stranger
        statuses = (("healthcheck", 200), ("health", 200))
        for port in site.ports.values():
            machine.ports[port] = Listener(placed.interface, "http", stranger.pid, statuses)
        return
    process = machine.processes.get(site.pid)
    if process is None or process.service is None or process.zombie:
        # Somebody else's pid or nobody's is in the file, yet the service answers: an orphan of this key.
        process = _service(site, None)
    assert process.service is not None
    process.service.port = site.port
    for name, port in site.ports.items():
        kind = "reset" if placed.type in DASK and name == "port" else "service"
        machine.ports[port] = Listener(placed.interface, kind, process.pid)


def _tunnel(site: _Site) -> None:
    machine, client, tunnel = site.machine, site.world.client, site.case.tunnel
    # An orphan listens where no connection file points.
    near = site.local_port + 500 if tunnel == "orphan" else site.local_port
    for offset, port in enumerate(site.ports.values()):
        far = ELSEWHERE if tunnel == "misrouted" else port
        forward = client.place_forward(machine.name, "localhost", far, site.pid, local_port=near + offset)
        if tunnel == "dead-monitor":
            client.drop(forward.monitor)
    if tunnel == "misrouted":
        statuses = (("healthcheck", 200), ("health", 200))
        machine.ports[ELSEWHERE] = Listener("localhost", "http", None, statuses)


def _client(site: _Site) -> None:
    case, placed = site.case, site.placed
    if case.client == "absent":
        return
    payload: dict[str, Any] = {"hostname": placed.hostname, **site.ports}
    if site.through:
        payload = {"hostname": "localhost", "tunneled-host": site.machine.name}
        for offset, (name, port) in enumerate(site.ports.items()):
            payload[name] = site.local_port + offset
            payload[f"tunneled-{name}"] = port
    if case.client == "stale":
        payload["status"] = "stale"
    raw = json.dumps(payload).encode()
    site.world.local.client_files[placed.key] = raw[: len(raw) // 2] if case.client == "malformed" else raw


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
