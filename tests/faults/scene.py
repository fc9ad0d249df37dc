"""One host, one client, services that hold something: what the faults are let loose on."""

from __future__ import annotations

from typing import Any

from faults.client import Client
from faults.shims import Shims
from lab import LabHost
from lab.clusters import on_host
from lab.user import Site

PAIR = ("hashserver", "database")
COLD = {"state": "running", "cache": "cold"}


class Scene:
    """A client and a host.

    Args:
        client: the client; its cluster file is written.
        host: where the services are.
    """

    def __init__(self, client: Client, host: LabHost) -> None:
        self.client, self.host = client, host
        self.site = Site(host.home)
        self.shims = Shims(host)
        self.keys: dict[str, str] = {}
        client.clusters({"far": on_host(host, tunnel=True), "near": on_host(host, tunnel=False)})

    def up(self, *names: str, cluster: str = "near", project: str = "demo", **wishes: Any) -> dict[str, str]:
        """Bring services up, their caches cold; gives their keys."""
        self.declare(*names, cluster=cluster, project=project, **wishes)
        self.client.converge()
        self.keys = {name: f"{name}-{cluster}-rw-{project}" for name in names}
        return self.keys

    def declare(self, *names: str, cluster: str = "near", project: str = "demo", **wishes: Any) -> None:
        """Say what should be: running with cold caches, unless the wishes differ."""
        self.client.manifest({name: {**COLD, **wishes} for name in names}, cluster=cluster, project=project)

    def dirty(self, *names: str) -> None:
        """Store something, so that a cold cache has to be cleared."""
        if "hashserver" in names:
            (self.host.data / "buffers" / "demo" / "0123").write_text("a buffer")
        if "database" in names:
            with (self.host.data / "database" / "demo" / "seamless.db").open("ab") as file:
                file.write(b"\0" * 4096)

    def one_each(self) -> bool:
        """Tell whether each service is exactly one process."""
        counts = {name: len(list(self.site.processes(key))) for name, key in self.keys.items()}
        return counts == dict.fromkeys(self.keys, 1)
