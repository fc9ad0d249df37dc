"""What an audit finds of tunnels, connection files and forwards on this machine. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from rhl_helpers.client import ConnectionFile, Forward, MalformedFile
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.audit.scene import LOOPBACK, Finding, Scene, finding
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.kinds.service import Life
from seamless_reconcile.kinds.service import State as ServiceIs
from seamless_reconcile.kinds.tunnel import State, TunnelObserved

_UP = (ServiceIs.RUNNING, ServiceIs.MISWIRED)


def connection_findings(scene: Scene, broken: AbstractSet[str]) -> Iterator[Finding]:
    """Find what is wrong on this machine's side.

    Args:
        scene: what was looked at.
        broken: services that have a finding of their own: what follows from it is not told again.
    """
    if scene.client_problem is not None:
        yield finding("R205", f"host.{LOCAL}", LOCAL, scene.client_problem.reason)
        return
    for name, spec in scene.desired.services.items():
        found = _tunnel(scene, spec, scene.snapshot.tunnels[name], broken)
        if found is not None:
            yield found
    yield from _files(scene)
    yield from _forwards(scene)


def _tunnel(
    scene: Scene, spec: ServiceSpec, seen: TunnelObserved, broken: AbstractSet[str]
) -> Finding | None:
    service = scene.snapshot.services[spec.name]
    if spec.name not in scene.declared and not _is_of(spec, seen):
        return None

    def told(rule: str, message: str) -> Finding:
        return finding(
            rule, scene.address("tunnel", spec.name), spec.host, message,
            key=spec.key, state=seen.state.value, local_port=seen.local_port,
            pids=[pid for forward in seen.forwards for pid in _pids(forward)] or None,
        )  # fmt: skip

    # Which port is the service's own is in doubt where it does not answer there.
    if seen.state is State.MISROUTED and service.state is not ServiceIs.UNHEALTHY:
        return told("R202", seen.reason)
    if seen.state is State.ORPHAN:
        return told("R203", seen.reason)
    if spec.name in broken:
        return None
    if seen.state is State.BROKEN and service.state in _UP:
        return told("R201", seen.reason)
    if seen.file is not None and service.life is Life.DEAD and not _marked(seen.file):
        return told("R204", f"{spec.key} has a connection file, and it does not run")
    declared = scene.resource(f"tunnel.{spec.name}") if spec.name in scene.declared else None
    if declared is not None and declared.changes and service.state is not ServiceIs.UNKNOWN:
        change = declared.changes[0]
        return told("R101", f"{change.path} is {change.observed}, should be {change.desired}")
    return None


def _is_of(spec: ServiceSpec, seen: TunnelObserved) -> bool:
    """Tell whether a connection file is about this very service: a key may live on several hosts."""
    file = seen.file
    if not isinstance(file, ConnectionFile):
        return True
    if spec.host == LOCAL:
        return file.tunneled_host is None and file.hostname in LOOPBACK
    return file.tunneled_host == spec.host or (
        file.tunneled_host is None and file.hostname in (spec.hostname, spec.host)
    )


def _marked(file: ConnectionFile | MalformedFile) -> bool:
    """Tell whether a file itself says that its service was stopped."""
    return isinstance(file, ConnectionFile) and file.stale


def _files(scene: Scene) -> Iterator[Finding]:
    """Find connection files that lead to no service of the hosts that were looked at."""
    about = {(spec.host, spec.key) for spec in scene.desired.services.values()}
    keys = {key for _, key in about}
    for key, file in sorted(scene.files.items()):
        if isinstance(file, MalformedFile) and key not in keys:
            # Where it leads nobody can tell; helpers and clients that read it fail.
            yield finding("R204", f"key.{key}", LOCAL, f"{key} has a malformed one: {file.reason}", key=key)
            continue
        host = scene.leads_to(key)
        if host is None or not scene.complete(host) or (host, key) in about:
            continue
        if key not in scene.snapshot.hosts[host].malformed and not _marked(file):
            yield finding(
                "R204", f"key.{key}", host, f"{key} has a connection file and no state file", key=key
            )


def _forwards(scene: Scene) -> Iterator[Finding]:
    """Find forwards to these hosts that no connection file names and no service's tunnel told of.

    A user's own `ssh -L` is none of ours: the launcher's have a monitor, or lead to a service.
    """
    named = {
        port
        for file in scene.files.values()
        if isinstance(file, ConnectionFile)
        for port in (file.port, *(file.extra or {}).values())
    }
    told = {forward.local_port for seen in scene.snapshot.tunnels.values() for forward in seen.forwards}
    for forward in scene.forwards:
        host = scene.addresses.get(forward.ssh_host)
        if host is None or host == LOCAL or forward.local_port in named | told:
            continue
        if forward.monitor is not None or forward.remote_port in _ports(scene, host):
            yield finding(
                "R203", f"forward.{forward.local_port}", host,
                f"local port {forward.local_port} leads to {forward.remote_host}:{forward.remote_port}",
                local_port=forward.local_port, remote_port=forward.remote_port, pids=_pids(forward),
            )  # fmt: skip


def _ports(scene: Scene, host: str) -> frozenset[int | None]:
    facts = scene.snapshot.hosts[host]
    return frozenset(p for row in facts.rows.values() for p in (row.port, *row.extra_ports.values()))


def _pids(forward: Forward) -> list[int]:
    """Give its processes, those that there are."""
    return [process.pid for process in (forward.ssh, forward.monitor) if process is not None]
