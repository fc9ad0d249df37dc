"""Looks at one deployment, before and after a command, made from little."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from rhl_helpers.rows import ServerRow
from seamless_reconcile.declared import Location
from seamless_reconcile.desired import Desired
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds import cache, tunnel
from seamless_reconcile.kinds.cache import CacheObserved, cache_nodes
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.kinds.tunnel import TunnelObserved
from seamless_reconcile.snapshot import Snapshot
from simulated.bench import spec_of
from world import DATABASE, HASHSERVER, JOBSERVER

HOST = "frontend"
BUFFERS, RESULTS = "/home/svc/buffers/p", "/home/svc/databases/p"
IDENTITY = {"cluster": "c", "project": "p", "subproject": None, "stage": None, "mode": "rw"}
FRESH = CacheObserved(cache.State.PRISTINE, RESULTS, size=98_304, modified="2026-01-01T10:00:00")
USED = replace(FRESH, state=cache.State.POPULATED, modified="2026-01-01T10:00:09")
NONE = CacheObserved(cache.State.EMPTY, BUFFERS)
BUFFERED = CacheObserved(cache.State.POPULATED, BUFFERS, modified="2026-01-01T10:00:09")


def specs(**wishes: str):
    """Give hashserver and database; `hashserver="keep"` and so on says what their caches should be."""
    at = Location("m.yaml", 3, 3)
    more = {"identity": IDENTITY, "at": at}
    return {
        "hashserver": spec_of(HASHSERVER, cache=wishes.get("hashserver", "cold"), **more),
        "database": spec_of(DATABASE, cache=wishes.get("database", "cold"), **more),
    }


def jobserver():
    return spec_of(JOBSERVER, identity=IDENTITY)


def desired_of(services) -> Desired:
    return Desired(dict(services))


def running(pid: int = 100, **changes: Any) -> ServiceObserved:
    meta = {"reconcile": {"launch_id": changes.pop("launch", f"launch-{pid}")}}
    row = ServerRow(key="k", meta=meta)
    return replace(
        ServiceObserved(State.RUNNING, Life.OURS, row=row, pid=pid, port=50_000 + pid, verified=True),
        **changes,
    )


def row(key: str, workdir: str, program: str = "hashserver", **more: Any) -> ServerRow:
    return ServerRow(
        key=key, live=more.pop("live", True), pid=77, workdir=workdir, command=f"{program} {workdir}", **more
    )


def look(desired: Desired, *, rows=(), caches=None, services=None) -> Snapshot:
    """Give a snapshot: all services running, both caches cold, unless said otherwise."""
    nodes = cache_nodes(desired)
    stored = {"hashserver": NONE, "database": FRESH, **(caches or {})}
    seen = {name: running(100 + number) for number, name in enumerate(desired.services)}
    hosts = {HOST: HostFacts(HOST, rows={r.key: r for r in rows}, home="/home/svc")}
    return Snapshot(
        hosts=hosts,
        services={**seen, **(services or {})},
        nodes=nodes,
        caches={node.name: stored[node.name] for node in nodes},
        tunnels={name: TunnelObserved(tunnel.State.OPEN) for name in desired.services},
    )


def used(desired: Desired, **changes: Any) -> Snapshot:
    """Give the look after a command that wrote to both caches."""
    return look(
        desired,
        **{**changes, "caches": {"hashserver": BUFFERED, "database": USED, **changes.get("caches", {})}},
    )


def manifest() -> SimpleNamespace:
    return SimpleNamespace(files=("/ci/m.yaml",), digest="d")
