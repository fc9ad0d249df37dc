"""Manifests of any size, and what a reading of their hosts would give: planning without a network.

A deployment is a hashserver, a database and a jobserver: three services, three tunnels, two caches,
eight resources. Four deployments share a project: its own and three stages below it, so that caches
lie inside each other as they do for users.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rhl_helpers.client import ConnectionFile, Forward, MalformedFile
from rhl_helpers.rows import MalformedRow, PersistentRow, ServerRow, server_row
from rhl_helpers.transport.base import Answer
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.facts import CacheFacts, HostFacts, ServiceFacts, TunnelFacts
from seamless_reconcile.kinds.cache import CacheNode, cache_nodes
from seamless_reconcile.observe.snapshot import conclude
from seamless_reconcile.observe.tunnels import ClientFacts
from seamless_reconcile.observed import Present
from seamless_reconcile.snapshot import Snapshot

HOME = "/home/svc"
RESOURCES = 8
"""Of one deployment."""
STAGES = 4
_PER_FILE = 9_000
_FIRST_PORT = 20_000
_AT = "conda: s, network_interface: 127.0.0.1, port_start: 20000, port_end: 29999"
_TYPES = ("hashserver", "database", "jobserver")


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a world is, and how much of it has to change.

    Attributes:
        deployments: how many.
        hosts: the machines they are spread over.
        cold: every how-manieth project is to be cold, and is not; 0 for none, so that all is in sync.
    """

    deployments: int
    hosts: int = 40
    cold: int = 2

    @property
    def resources(self) -> int:
        """How many addresses the plan has."""
        return self.deployments * RESOURCES


def of_resources(count: int, *, hosts: int = 40, cold: int = 2) -> Shape:
    """Give the shape with about that many resources."""
    return Shape(max(1, count // RESOURCES), min(hosts, max(1, count // RESOURCES)), cold)


# --- the manifest --------------------------------------------------------------------------


def write_manifests(folder: Path, shape: Shape) -> list[Path]:
    """Write the manifest, as several files where one would be larger than one may be."""
    entries = list(_entries(shape))
    files = []
    for index, start in enumerate(range(0, len(entries), _PER_FILE)):
        head = "version: 1\n" + (_clusters(shape) if index == 0 else "") + "services:\n"
        files.append(folder / f"{index}.yaml")
        files[-1].write_text(head + "".join(entries[start : start + _PER_FILE]))
    return files


def _entries(shape: Shape) -> Iterator[str]:
    for index in range(shape.deployments):
        project, stage = divmod(index, STAGES)
        where = f"cluster: c{project % shape.hosts}, project: p{project}"
        where += f", stage: s{stage}" if stage else ""
        cold = ", cache: cold" if shape.cold and project % shape.cold == 0 else ""
        yield f"  h{index}: {{type: hashserver, {where}{cold}}}\n"
        yield f"  d{index}: {{type: database, {where}{cold}}}\n"
        yield f"  j{index}: {{type: jobserver, {where}}}\n"


def _clusters(shape: Shape) -> str:
    lines = ["clusters:"]
    for index in range(shape.hosts):
        lines += [
            f"  c{index}:",
            "    tunnel: true",
            "    workers: 1",
            "    frontends:",
            f"    - hostname: n{index}.example.org",
            f"      ssh_hostname: n{index}",
            f"      hashserver: {{bufferdir: ~/buffers, {_AT}}}",
            f"      database: {{database_dir: ~/database, {_AT}}}",
            f"      jobserver: {{{_AT}}}",
        ]
    return "\n".join(lines) + "\n"


# --- what the hosts say --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class World:
    """What one round of reading gives, as the helpers print it: plain values, not yet decoded."""

    rows: Mapping[str, list[dict[str, object]]]
    ports: Mapping[str, int]
    children: Mapping[str, tuple[CacheNode, ...]]


def world_of(desired: Desired) -> World:
    """Give a world in which every service runs, is well and holds data."""
    ports = _ports(desired)
    rows: dict[str, list[dict[str, object]]] = {}
    for number, spec in enumerate(desired.services.values()):
        rows.setdefault(spec.host, []).append(_row(spec, ports, 1000 + number))
    return World(rows, ports, _children(cache_nodes(desired)))


def _ports(desired: Desired) -> dict[str, int]:
    """Give each service a port that nobody else on its host has."""
    used: dict[str, int] = {}
    ports = {}
    for name, spec in desired.services.items():
        used[spec.host] = used.get(spec.host, -1) + 1
        ports[name] = _FIRST_PORT + used[spec.host]
    return ports


def _row(spec: ServiceSpec, ports: Mapping[str, int], pid: int) -> dict[str, object]:
    wires: dict[str, list[dict[str, str]]] = {"database": [], "buffer": []}
    for upstream in spec.upstream:
        if upstream.name is not None:
            wires[upstream.role].append({"remote_url": f"http://127.0.0.1:{ports[upstream.name]}"})
    return {
        "key": spec.key,
        "status": "running",
        "json_status": "running",
        "live": True,
        "pid": pid,
        "port": ports[spec.name],
        "workdir": spec.workdir,
        "log": f"{HOME}/.remote-http-launcher/server/{spec.key}.log",
        "command": shlex.join(_expanded(word) for word in spec.argv),
        "network_interface": "127.0.0.1",
        "parameters": wires if spec.type == "jobserver" else {},
        "meta": {**spec.meta, "reconcile": {"launch_id": f"l{pid}", "conda": spec.conda_env}},
    }


def _expanded(path: str) -> str:
    return HOME + path[1:] if path.startswith("~/") else path


def _children(nodes: tuple[CacheNode, ...]) -> dict[str, tuple[CacheNode, ...]]:
    """Give the caches right below each: a project's stages."""
    by_place = {(node.host, node.path): node for node in nodes}
    below: dict[str, list[CacheNode]] = {}
    for node in nodes:
        parent = by_place.get((node.host, node.path.rpartition("/")[0]))
        if parent is not None:
            below.setdefault(parent.name, []).append(node)
    return {name: tuple(children) for name, children in below.items()}


# --- decoded -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one round, as `observe` gathers them."""

    nodes: tuple[CacheNode, ...]
    hosts: Mapping[str, HostFacts]
    services: Mapping[str, ServiceFacts]
    tunnels: Mapping[str, TunnelFacts]
    caches: Mapping[str, CacheFacts]


def decode(rows: Mapping[str, list[dict[str, object]]]) -> dict[str, list[ServerRow | MalformedRow]]:
    """Decode all rows, as the reading of the listings does."""
    return {host: [server_row(row) for row in listing] for host, listing in rows.items()}


def facts_of(desired: Desired, world: World, decoded: Mapping[str, list[ServerRow | MalformedRow]]) -> Facts:
    """Put decoded rows beside what the rest of the reading gave."""
    nodes = cache_nodes(desired)
    hosts = {
        host: HostFacts(host, {row.key: row for row in rows if isinstance(row, ServerRow)}, home=HOME)
        for host, rows in decoded.items()
    }
    services = {
        name: ServiceFacts(Present(hosts[spec.host].rows[spec.key]), Answer.OK)
        for name, spec in desired.services.items()
    }
    here = _client(desired, world)
    tunnels = {
        name: replace(here.about(spec, hosts[spec.host].rows[spec.key]), answer=Answer.OK)
        for name, spec in desired.services.items()
    }
    return Facts(nodes, hosts, services, tunnels, {node.name: _cache(node, world) for node in nodes})


def _client(desired: Desired, world: World) -> ClientFacts:
    """Give this machine's side: a connection file and a forward for each service."""
    files: dict[str, ConnectionFile | MalformedFile] = {}
    forwards = []
    for index, (name, spec) in enumerate(desired.services.items()):
        far, near = world.ports[name], 30_000 + index
        files[spec.key] = ConnectionFile(spec.key, "localhost", near, spec.host, far)
        forwards.append(Forward(near, spec.host, "127.0.0.1", far))
    return ClientFacts(files, tuple(forwards))


def _cache(node: CacheNode, world: World) -> CacheFacts:
    path = _expanded(node.path)
    below = tuple(
        PersistentRow(path=_expanded(one.path), state="populated")
        for one in world.children.get(node.name, ())
    )
    row = PersistentRow(path=path, state="populated", size=98304, modified="2026-11-20 08:00:00")
    return CacheFacts(Present(row), None, below, children=below or None)


def snapshot_of(desired: Desired, facts: Facts) -> Snapshot:
    """Conclude from the facts, as the last step of reading does."""
    return conclude(
        desired, facts.nodes, facts.hosts, facts.services, facts.tunnels, facts.caches, passive=False
    )
