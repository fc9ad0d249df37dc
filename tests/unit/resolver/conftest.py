"""A home with cluster files, a folder with a manifest and command files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seamless_reconcile.declared import ManifestError
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.resolver import resolve_files

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
      database: {database_dir: ~/databases, port_start: 7000, port_end: 7100}
      jobserver: {conda: null, network_interface: localhost, port_start: 7000, port_end: 7100}
      daskserver: {network_interface: localhost, port_start: 7000, port_end: 7100}
direct:
  type: local
  workers: 3
  default_queue: q1
  queues: *queues
  frontends:
    - hostname: node1.cluster
      hashserver: {bufferdir: /data/buffers, network_interface: 10.0.0.1, conda: hs}
      database: {database_dir: /data/databases, network_interface: 10.0.0.1, conda: db}
      jobserver: {conda: js, network_interface: 10.0.0.1, port_start: 7000, port_end: 7100}
      daskserver: {network_interface: 10.0.0.1, port_start: 7000, port_end: 7100}
far:
  type: slurm
  tunnel: true
  workers: 4
  queues: *queues
  frontends:
    - hostname: node1
      ssh_hostname: front
      hashserver: {bufferdir: ~/b, network_interface: 10.0.0.1, port_start: 7000, port_end: 7100}
    - hostname: node2
      ssh_hostname: front2
      hashserver: {bufferdir: /other/b}
      database: {database_dir: /other/d}
      jobserver: {conda: js, network_interface: 10.0.0.2, port_start: 7000, port_end: 7100}
      daskserver: {network_interface: 10.0.0.2, port_start: 7000, port_end: 7100}
oars:
  type: oar
  default_queue: q1
  queues: {q1: {conda: base, walltime: "01:00:00", memory: 4GB, exclusive: true, unknown_task_duration: 1m,
                target_duration: 10m, maximum_jobs: 3}}
  frontends:
    - {hostname: oarfront, daskserver: {network_interface: 10.0.0.2, port_start: 7000, port_end: 7100}}
bare:
  frontends:
    - {hostname: bare1, jobserver: {conda: js, network_interface: 10.0.0.2, port_start: 7000, port_end: 7100},
       daskserver: {network_interface: 10.0.0.2, port_start: 7000, port_end: 7100}}
"""


class Place:
    """Where a manifest is resolved."""

    def __init__(self, root: Path) -> None:
        self.home, self.folder = root / "home", root / "folder"
        (self.home / ".seamless" / "clusters").mkdir(parents=True)
        self.folder.mkdir()
        self.clusters(CLUSTERS)

    def clusters(self, text: str, name: str = "clusters.yaml") -> Path:
        path = self.home / ".seamless" / name
        path.write_text(text)
        return path

    def commands(self, text: str, name: str = "seamless.yaml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def environ(self, **more: str) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": "/usr/bin", **more}

    def manifest(self, text: str) -> Path:
        path = self.folder / "m.yaml"
        path.write_text(f"version: 1\n{text}")
        return path

    def resolve(self, text: str, environ: Mapping[str, str] | None = None) -> Desired:
        return resolve_files([self.manifest(text)], environ=self.environ() if environ is None else environ)[1]

    def one(self, text: str, environ: Mapping[str, str] | None = None) -> ServiceSpec:
        (spec,) = self.resolve(text, environ).services.values()
        return spec

    def service(self, fields: str, environ: Mapping[str, str] | None = None) -> ServiceSpec:
        """Resolve one entry named `x`, given in flow style."""
        return self.one(f"services:\n  x: {{{fields}}}\n", environ)

    def problems(self, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ManifestError) as caught:
            self.resolve(text, environ)
        shown = [str(problem) for problem in caught.value.problems]
        return [one.replace(f"{self.folder}/", "").replace(f"{self.home}/", "~/") for one in shown]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)
