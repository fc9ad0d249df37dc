"""Simulated hosts of a user's clusters, with services in any state, to import from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rhl_helpers.host import Host
from rhl_helpers.transport.read_only import ReadOnlyTransport
from seamless_reconcile.declared import CacheDeclaration, Entry, Identity, Location, ServiceState, TunnelState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.events import Event
from seamless_reconcile.importing.reaching import Wanted, imported, read_text
from seamless_reconcile.importing.values import Imported, Item
from seamless_reconcile.plan import Plan
from seamless_reconcile.ports import Reach
from seamless_reconcile.resolver.landscape import resolve_each
from simulated.bench import Bench, DictMemory, one_by_one
from world import Case, Placed, World, build
from world.state import StateFile

CLUSTERS = """\
local_cluster: here
here:
  type: local
  workers: 2
  default_queue: q1
  queues: &queues
    q1: {conda: base, walltime: "01:00:00", memory: 4GB, cores: 2, unknown_task_duration: 1m,
         target_duration: 10m, maximum_jobs: 3}
    q2: {TEMPLATE: q1, memory: 8GB, conda: other}
  frontends:
    - hashserver: {bufferdir: ~/buffers}
      database: {database_dir: ~/databases}
      jobserver: {conda: null, network_interface: localhost, port_start: 7000, port_end: 7100}
      daskserver: {network_interface: localhost, port_start: 7200, port_end: 7300}
far:
  type: local
  tunnel: true
  workers: 4
  queues: *queues
  frontends:
    - hostname: localhost
      ssh_hostname: front
      hashserver: {bufferdir: /data/b, port_start: 7000, port_end: 7100}
      database: {database_dir: /data/d}
    - hostname: front2
      hashserver: {bufferdir: /other/b}
      jobserver: {conda: js, network_interface: localhost, port_start: 7000, port_end: 7100}
      daskserver: {network_interface: localhost, port_start: 7200, port_end: 7300}
far-rw-x:
  type: local
  tunnel: true
  workers: 4
  frontends:
    - hostname: front2
      jobserver: {conda: js, network_interface: localhost, port_start: 7000, port_end: 7100}
"""
HEALTHY = Case("running", "ours", "ours", "good", "populated", "good", age=60.0)
GONE = replace(HEALTHY, process="dead", port="closed", tunnel="none", client="absent")
HOSTS = ("front", "front2")


class Place:
    """A home with cluster files, and a folder."""

    def __init__(self, root: Path) -> None:
        self.home, self.folder = root / "home", root / "folder"
        (self.home / ".seamless").mkdir(parents=True)
        self.folder.mkdir()
        (self.home / ".seamless" / "clusters.yaml").write_text(CLUSTERS)
        self.environ = {"HOME": str(self.home), "PATH": "/usr/bin"}

    @property
    def file(self) -> str:
        return str(self.folder / "seamless.reconcile.yaml")

    def commands(self, text: str, name: str = "seamless.yaml") -> None:
        (self.folder / name).write_text(text)

    def spec(self, kind: str, *, idle_timeout: float | None = None, **identity: Any) -> ServiceSpec:
        """Resolve a service."""
        entry = Entry(
            kind, kind, Identity(**identity), ServiceState.RUNNING, CacheDeclaration(), TunnelState.AUTO,
            idle_timeout, (), protect=False, launcher=None, at=Location("", 0, 0),
        )  # fmt: skip
        (found,) = resolve_each([entry], folder=str(self.folder), environ=self.environ)
        assert isinstance(found, ServiceSpec), found
        return found

    def read(self, text: str, **variables: str) -> Desired:
        """Read and resolve a manifest's text."""
        return read_text(text, file=self.file, environ={**self.environ, **variables})


class Told:
    """Keeps what a reporter is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


class Site:
    """A world in which a user's services are, and the user's own machine.

    Attributes:
        memory: what this client remembers.
        told: what was told of the reading.
    """

    def __init__(self, place: Place, *, world: World | None = None) -> None:
        self.place = place
        self.world = world or World()
        for name in HOSTS:
            if name not in self.world.hosts:
                self.world.add_host(name)
        self.memory = DictMemory()
        self.told: Any = Told()

    def add(
        self,
        spec: ServiceSpec,
        case: Case = HEALTHY,
        *,
        meta: Mapping[str, Any] | None = None,
        argv: tuple[str, ...] | None = None,
        parameters: Mapping[str, Any] | None = None,
        host: str | None = None,
        key: str | None = None,
    ) -> Placed:
        """Put a service into a state; its meta is the launcher's own unless told otherwise."""
        placed = Placed(
            key=key or spec.key, type=spec.type, workdir=spec.workdir, argv=argv or spec.argv,
            interface=spec.network_interface, hostname=spec.hostname or "localhost",
            tunnelled=spec.tunnelled, meta=spec.meta if meta is None else meta,
            parameters=parameters if parameters is not None else spec.parameters,
        )  # fmt: skip
        build(case, placed, host=host or spec.host, world=self.world)
        return placed

    def launch(self, kind: str, case: Case = HEALTHY, **identity: Any) -> Placed:
        """Resolve a service, and put it into a state."""
        return self.add(self.place.spec(kind, **identity), case)

    def state(self, host: str, key: str, **changed: Any) -> None:
        """Change what a state file says."""
        kept = self.world.hosts[host].state[key]
        raw = json.dumps({**json.loads(kept.raw), **changed}).encode()
        self.world.hosts[host].state[key] = StateFile(raw, kept.mtime)

    def reach(self) -> Reach:
        reading = {n: Host(ReadOnlyTransport(self.world.transport(n))) for n in self.world.hosts}
        return Reach(reading.__getitem__, self.world.client, self.world.clock, one_by_one, self.memory)

    def imports(self, *clusters: str, hosts: tuple[str, ...] = (), **more: Any) -> Imported:
        """Import; whatever asks for a change meanwhile is a violation (S6)."""
        wanted = Wanted(self.place.file, clusters, hosts, **more)
        with self.world.reading():
            return imported(wanted, self.reach(), self.place.environ, self.told)

    def plan(self, result: Imported) -> Plan:
        """Plan with what was imported, as `plan` does."""
        specs = self.place.read(result.text).services.values()
        return Bench(self.world, *specs, memory=self.memory).plan()

    def proven(self, *clusters: str, hosts: tuple[str, ...] = (), **more: Any) -> Imported:
        """Import, and find that planning with it finds nothing to do."""
        result = self.imports(*clusters, hosts=hosts, **more)
        plan = self.plan(result)
        assert plan.in_sync, (result.text, plan)
        assert plan.blocked == ()
        assert self.world.violations == []
        assert result.in_sync
        return result


def entry(result: Imported, key: str, host: str | None = None) -> Item:
    """Give what became of a key."""
    (found,) = (i for i in result.items if i.found.key == key and host in (None, i.found.host))
    return found
