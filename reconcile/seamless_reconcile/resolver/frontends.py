"""The machines of a cluster, for commands that look at hosts without a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.declared import ManifestError, Problem
from seamless_reconcile.manifest.problems import nearest
from seamless_reconcile.resolver.isolation import isolated
from seamless_reconcile.resolver.selection import Files
from seamless_reconcile.safety import SCRATCH


@dataclass(frozen=True, slots=True)
class Frontend:
    """One machine.

    Attributes:
        host: its ssh name, or "local".
        hostname: the address clients use; None on this machine.
        tunnelled: whether its cluster reaches it through forwards.
        cluster: the cluster that names it; None where the user did.
        folders: the folders its services may keep data or work in, as the definition has them.
        environments: the conda environments its services may run in.
    """

    host: str
    hostname: str | None = None
    tunnelled: bool = False
    cluster: str | None = None
    folders: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()


def frontends(clusters: Sequence[str], *, folder: str, environ: Mapping[str, str]) -> tuple[Frontend, ...]:
    """Give the machines of clusters, from the user's cluster files.

    Raises:
        ManifestError: a cluster is not defined, or its definition is at fault.
    """
    if not clusters:
        return ()
    with isolated(folder, environ):
        definitions = Files({}, {}).select(None).definitions
        problems: list[Problem] = []
        for name in clusters:
            if name in definitions.faults:
                problems += definitions.problems(name)
            elif name not in definitions.usable:
                problems.append(
                    Problem(None, f"there is no cluster {name}", nearest(name, definitions.names))
                )
        if problems:
            raise ManifestError(problems)
        return tuple(one for name in clusters for one in _machines(name, local=name == definitions.local))


def _machines(name: str, *, local: bool) -> list[Frontend]:
    from seamless_config.cluster import get_cluster  # noqa: PLC0415 - the one door to it is this package

    cluster = get_cluster(name)
    if local:
        # Its frontends are this machine, under whatever name.
        folders = tuple(path for f in cluster.frontends for path in _folders(f))
        environments = tuple(name for f in cluster.frontends for name in _environments(f, cluster))
        return [Frontend(LOCAL, cluster=name, folders=folders, environments=environments)]
    return [
        Frontend(
            f.ssh_hostname or f.hostname,
            f.hostname,
            bool(cluster.tunnel),
            name,
            _folders(f),
            _environments(f, cluster),
        )
        for f in cluster.frontends
    ]


def _folders(frontend: Any) -> tuple[str, ...]:
    found = (
        frontend.hashserver and frontend.hashserver.bufferdir,
        frontend.database and frontend.database.database_dir,
        # Job services keep no data: they work in /tmp (docs/adr/0004-scratch-directory.md).
        (frontend.jobserver or frontend.daskserver) and SCRATCH,
    )
    return tuple(dict.fromkeys(path for path in found if path))


def _environments(frontend: Any, cluster: Any) -> tuple[str, ...]:
    """Give the environments of the services, and those of the queues where there is a Dask server."""
    services = (frontend.hashserver, frontend.database, frontend.jobserver)
    named = [service.conda for service in services if service]
    queues = (cluster.queues or {}).values() if frontend.daskserver else ()
    return tuple(dict.fromkeys(name for name in (*named, *(queue.conda for queue in queues)) if name))
