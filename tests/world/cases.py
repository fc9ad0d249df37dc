"""The matrix of initial states, and services to put into them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

STATES = ("absent", "malformed", "wrong-type", "starting", "running", "failed", "stale", "dry-run")
PROCESSES = ("dead", "ours", "zombie", "reused", "other")
PORTS = ("closed", "ours", "stranger")
TUNNELS = ("none", "good", "orphan", "dead-monitor", "misrouted")
CACHES = ("absent", "empty", "pristine", "populated", "foreign", "half-cleared")
CLIENTS = ("absent", "good", "stale", "malformed")

ELSEWHERE = 49_999
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
        log: whether there is a log nobody has read.
    """

    state: str = "absent"
    process: str = "dead"
    port: str = "closed"
    tunnel: str = "none"
    cache: str = "absent"
    client: str = "absent"
    age: float = OLD
    finishes: bool = False
    log: bool = True

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

DASKSERVER = Placed(
    key="daskserver-c-rw-p",
    type="daskserver",
    workdir="/tmp",
    argv=(
        "seamless-dask-wrapper", "dask.distributed.LocalCluster", "--port-range", "52100", "52199",
        "--status-file", "~/.remote-http-launcher/server/daskserver-c-rw-p.json", "--host", "localhost",
        "--timeout", "600",
    ),
)  # fmt: skip
DASK = ("daskserver", "pure_daskserver")


def every_case(*, local: bool = False, persistent: bool = True) -> Iterator[Case]:
    """Give the whole matrix; on this machine there are no forwards, and jobservers keep no data."""
    tunnels = TUNNELS[:1] if local else TUNNELS
    caches = CACHES if persistent else CACHES[:1]
    for combination in itertools.product(STATES, PROCESSES, PORTS, tunnels, caches, CLIENTS):
        yield Case(*combination)
