"""What should be: the manifest resolved to hosts, keys, paths and command lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seamless_reconcile.declared import CacheState, Location, ServiceState, TunnelState


@dataclass(frozen=True, slots=True)
class Handshake:
    """How a service is asked whether it is well: GET `path` on the port named `port_name`."""

    path: str = ""
    port_name: str | None = None


@dataclass(frozen=True, slots=True)
class CacheWish:
    """What one service says of its cache.

    Attributes:
        path: the directory, as the helpers take it (may start with "~/").
        marker: the file that makes it ours: a directory without it is foreign.
        file: the file whose presence means data (database), or None where any content does.
        root: the configured root the path must lie strictly below; None for explicit paths.
    """

    path: str
    state: CacheState
    marker: str
    file: str | None = None
    epoch: str | None = None
    root: str | None = None
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service, resolved.

    Attributes:
        host: the ssh name of the machine it runs on, or "local".
        hostname: the address clients (or the forward) use for it; None on this machine itself.
        key: the launcher's key, by seamless-config's own code path.
        workdir: as the launcher passes it (may start with "~/").
        argv: the service's command line, as the launcher passes it.
        parameters: what goes to `--parameters`; a jobserver's dependencies are filled in at launch.
        tunnelled: whether the cluster reaches it through an ssh forward.
        tunnel: open or closed, `auto` already settled.
        dependencies: names of services in this manifest it requires.
        upstream: for a jobserver, the keys of its hashserver and database, declared or not.
        meta: what the runtime puts into the state file's `meta`.
        start_window: seconds it may take from launch to its first handshake.
    """

    name: str
    type: str
    host: str
    hostname: str | None
    key: str
    workdir: str
    argv: tuple[str, ...]
    state: ServiceState
    tunnel: TunnelState
    tunnelled: bool = False
    network_interface: str = "localhost"
    conda_env: str | None = None
    parameters: Mapping[str, Any] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    handshake: Handshake | None = field(default_factory=Handshake)
    cache: CacheWish | None = None
    protect: bool = False
    dependencies: tuple[str, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    identity: Mapping[str, str | None] = field(default_factory=dict)
    start_window: float = 60.0
    at: Location | None = None

    @property
    def persistent(self) -> bool:
        """Whether it keeps data in its workdir."""
        return self.cache is not None


@dataclass(frozen=True, slots=True)
class Upstream:
    """A service that a jobserver is wired to at its launch.

    Attributes:
        role: the list it stands in: "database" or "buffer".
        name: its entry in this manifest, if it has one.
        hostname: the address the jobserver must use; None for the machine's own interface.
        workdir: what goes into `remote_directory` (buffer only).
    """

    role: str
    key: str
    host: str
    hostname: str | None
    workdir: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything one run should make true.

    Attributes:
        secrets: what must not be shown, wherever it stands (`Manifest`).
    """

    services: Mapping[str, ServiceSpec]
    warnings: tuple[tuple[str, str], ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def hosts(self) -> tuple[str, ...]:
        """All hosts the manifest names, in order of first mention."""
        return tuple(dict.fromkeys(spec.host for spec in self.services.values()))
