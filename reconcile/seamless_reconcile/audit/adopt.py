"""Specs for services that nobody declared, made from their own state files. Pure.

What such a spec says is what the state file says, so that the rules of `kinds` apply to it; it is
never planned upon, only looked at, and written down by `import`.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping
from typing import Any

from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.declared import (
    LAUNCHER_TYPE,
    PERSISTENT_TYPES,
    SEAMLESS_TYPES,
    CacheState,
    ServiceState,
    TunnelState,
)
from seamless_reconcile.desired import CacheWish, Handshake, ServiceSpec
from seamless_reconcile.kinds.cache import DATABASE_FILE, HASHSERVER_MARKER

_HTTP = Handshake("healthcheck")
_DASK = Handshake("health", "dashboard_port")
_BINARIES = {
    "hashserver": "hashserver",
    "seamless-database": "database",
    "seamless-jobserver": "jobserver",
    "seamless-dask-wrapper": "daskserver",
}


def type_of(row: ServerRow) -> str:
    """Tell a service's type from its meta, its key, or its program."""
    told = str(row.meta.get("service", "")).replace("-", "_")
    if told in SEAMLESS_TYPES:
        return told
    if row.key.startswith("pure-daskserver-"):
        return "pure_daskserver"
    head = row.key.partition("-")[0]
    if head in SEAMLESS_TYPES:
        return head
    words = words_of(row)
    return _BINARIES.get(posixpath.basename(words[0]), LAUNCHER_TYPE) if words else LAUNCHER_TYPE


def words_of(row: ServerRow) -> list[str]:
    """Give the words of a service's command line; none where it was not recorded, or cannot be split."""
    try:
        return shlex.split(row.command or "")
    except ValueError:
        return []


def adopted(
    row: ServerRow,
    host: str,
    *,
    name: str | None = None,
    hostname: str | None = None,
    tunnelled: bool = False,
    folder: str | None = None,
) -> ServiceSpec:
    """Give the spec of a service as its state file tells of it.

    Args:
        row: its state file.
        host: where it was found.
        name: under which name; by default its key.
        hostname: the address clients use for it, where a cluster file tells.
        tunnelled: whether this machine reaches it through a forward.
        folder: its workdir, spelled as others that share it spell it.
    """
    kind = type_of(row)
    return ServiceSpec(
        name=name or row.key,
        type=kind,
        host=host,
        hostname=None if host == LOCAL else hostname or host,
        key=row.key,
        workdir=row.workdir or "/",
        argv=tuple(words_of(row)),
        state=ServiceState.RUNNING if row.live is not False else ServiceState.STOPPED,
        tunnel=TunnelState.AUTO,
        tunnelled=tunnelled,
        network_interface=row.network_interface or "localhost",
        parameters=row.parameters or None,
        meta={name: value for name, value in row.meta.items() if name != "reconcile"},
        handshake=_DASK if kind in ("daskserver", "pure_daskserver") else _HTTP,
        cache=_cache(kind, folder or row.workdir),
        identity=_identity(row.meta),
    )


def _cache(kind: str, folder: str | None) -> CacheWish | None:
    if not folder or kind not in PERSISTENT_TYPES:
        return None
    database = kind == "database"
    return CacheWish(
        folder,
        CacheState.KEEP,
        DATABASE_FILE if database else HASHSERVER_MARKER,
        DATABASE_FILE if database else None,
    )


def _identity(meta: Mapping[str, Any]) -> dict[str, str | None]:
    fields = ("cluster", "project", "subproject", "stage", "substage", "mode", "queue")
    return {name: value for name in fields if isinstance(value := meta.get(name), str)}
