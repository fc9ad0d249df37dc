"""From options to a surveyed scene on the real world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seamless_reconcile.audit.survey import survey
from seamless_reconcile.desired import Desired
from seamless_reconcile.reaching import Connections, Kind, real_reach
from seamless_reconcile.resolver import resolve_files
from seamless_reconcile.resolver.frontends import Frontend, frontends
from seamless_reconcile.state import FileMemory, state_folder

if TYPE_CHECKING:
    from seamless_reconcile.audit.scene import Scene


def surveyed(
    files: Sequence[str],
    clusters: Sequence[str],
    hosts: Sequence[str],
    *,
    ssh: Kind,
    timeout: float | None,
    environ: Mapping[str, str],
    passive: bool,
) -> Scene:
    """Load what is declared, look at everything, close all connections.

    Raises:
        ManifestError: a manifest or a cluster is at fault; nothing was contacted.
    """
    folder = str(Path(files[0]).resolve().parent if files else Path.cwd())
    desired = resolve_files(files, environ=environ)[1] if files else Desired({})
    named = frontends(clusters, folder=folder, environ=environ)
    # Of a host that a cluster or the manifest names, these know more than --host does.
    told = {machine.host for machine in named} | set(desired.hosts)
    machines = [*named, *(Frontend(host) for host in hosts if host not in told)]
    connections = Connections(ssh, timeout)
    try:
        reach = real_reach(connections.reading, FileMemory(state_folder()), changing=False, timeout=timeout)
        return survey(desired, machines, reach, passive=passive)
    finally:
        connections.close()
