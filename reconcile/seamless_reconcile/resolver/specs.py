"""From a launch configuration to the value that everything else works on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rhl_helpers.text import safe
from seamless_reconcile.declared import Entry, Problem, ServiceState, TunnelState
from seamless_reconcile.desired import CacheWish, Handshake, ServiceSpec, Upstream
from seamless_reconcile.manifest.command import expand
from seamless_reconcile.resolver.identify import problem
from seamless_reconcile.resolver.launch import SERVER_FOLDER, Identified, Launch

LOCAL = "local"
CLEARABLE_MARKER = ".rhl-clearable"
DEFAULT_INTERFACE = "localhost"
# What each persistent service writes into its directory, and which file alone means data.
_MARKERS: Mapping[str, tuple[str, str | None]] = {
    "hashserver": (".HASHSERVER_PREFIX", None),
    "database": ("seamless.db", "seamless.db"),
}
_IDENTITY = ("cluster", "project", "subproject", "stage", "substage", "mode", "queue")
START_SECONDS = 60.0
# A Dask server waits for its cluster's scheduler before it is well.
BATCH_START_SECONDS = 600.0
_RUNTIME_IDLE_SECONDS = 600


def refusal(exc: Exception, entry: Entry) -> Problem:
    """Say at an entry what seamless-config or the launcher do not like about it."""
    words = str(exc.args[0]) if isinstance(exc, KeyError) and exc.args else str(exc)
    return problem(entry, "", f"cannot be resolved: {safe(words) or type(exc).__name__}")


def seamless_spec(entry: Entry, identity: Identified, found: Launch) -> ServiceSpec:
    """Give the specification of a Seamless service."""
    parsed, meta = found.parsed, found.meta
    return ServiceSpec(
        name=entry.name,
        type=entry.type,
        host=_host(parsed),
        hostname=parsed.hostname,
        key=parsed.key,
        workdir=parsed.workdir,
        argv=found.argv,
        state=entry.state,
        tunnel=_tunnel(entry),
        tunnelled=parsed.tunnel,
        network_interface=parsed.network_interface,
        conda_env=parsed.conda_env,
        parameters=parsed.file_parameters,
        meta=meta,
        handshake=_handshake(parsed.handshake),
        cache=_wish(entry, parsed.workdir, found.root),
        protect=entry.protect,
        identity={**{name: meta[name] for name in _IDENTITY}, "frontend": identity.frontend},
        start_window=_start_window(found.config),
        at=entry.at,
    )


def upstream_of(role: str, found: Launch) -> Upstream:
    """Give what a jobserver is wired to."""
    parsed = found.parsed
    return Upstream(role, parsed.key, _host(parsed), parsed.hostname, parsed.workdir)


def launcher_spec(entry: Entry, local_folder: str) -> ServiceSpec:
    """Give the specification of a `type: launcher` service; nothing is evaluated."""
    given = entry.launcher or {}
    hostname = given.get("hostname")
    host = LOCAL if hostname is None else given.get("ssh_hostname") or hostname
    interface = given.get("network_interface") or DEFAULT_INTERFACE
    handshake = given.get("handshake")
    return ServiceSpec(
        name=entry.name,
        type=entry.type,
        host=host,
        hostname=hostname,
        key=given["key"],
        workdir=given["workdir"],
        argv=_launcher_argv(entry, given, local_folder if hostname is None else SERVER_FOLDER),
        state=entry.state,
        tunnel=_tunnel(entry),
        tunnelled=bool(given.get("tunnel")),
        network_interface=interface,
        conda_env=given.get("conda"),
        parameters=given.get("file_parameters"),
        handshake=Handshake(**handshake) if isinstance(handshake, Mapping) else Handshake(handshake or ""),
        cache=_wish(entry, None, None),
        protect=entry.protect,
        start_window=START_SECONDS,
        at=entry.at,
    )


def _launcher_argv(entry: Entry, given: Mapping[str, Any], folder: str) -> tuple[str, ...]:
    timeout = entry.idle_timeout or _RUNTIME_IDLE_SECONDS
    values = {
        "status_file": f"{folder}/{given['key']}.json",
        "workdir": given["workdir"],
        "key": given["key"],
        "hostname": given.get("hostname") or DEFAULT_INTERFACE,
        "network_interface": given.get("network_interface") or DEFAULT_INTERFACE,
        "timeout": f"{timeout:g}",
    }
    return expand(given["command"], values)


def _host(parsed: Any) -> str:
    return LOCAL if parsed.hostname is None else str(parsed.ssh_hostname)


def _tunnel(entry: Entry) -> TunnelState:
    if entry.tunnel is not TunnelState.AUTO:
        return entry.tunnel
    return TunnelState.OPEN if entry.state is ServiceState.RUNNING else TunnelState.CLOSED


def _handshake(parsed: Any) -> Handshake | None:
    return None if parsed is None else Handshake(parsed.path, parsed.port_name)


def _start_window(config: Mapping[str, Any]) -> float:
    batch = "dask_jobqueue::" in str(config.get("cluster_string", ""))
    return BATCH_START_SECONDS if batch else START_SECONDS


def _wish(entry: Entry, workdir: str | None, root: str | None) -> CacheWish | None:
    declared = entry.cache
    marker, file = _MARKERS.get(entry.type, (CLEARABLE_MARKER, None))
    path = declared.path if declared.path is not None else workdir if entry.type in _MARKERS else None
    if path is None:
        return None
    return CacheWish(
        path=_tidy(path),
        state=declared.state,
        marker=declared.marker or marker,
        file=file,
        epoch=declared.epoch,
        root=None if declared.path is not None or root is None else _tidy(root),
        explicit=declared.path is not None,
    )


def _tidy(path: str) -> str:
    """Give a path as it would be compared: one slash between parts, none at the end."""
    return re.sub("/+", "/", path).rstrip("/") or "/"
