"""Put the reconcile loop on a simulated world."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, BinaryIO, TypeVar

from rhl_helpers.host import Host
from rhl_helpers.transport.read_only import ReadOnlyTransport
from seamless_reconcile.declared import CacheState, ServiceState, TunnelState
from seamless_reconcile.desired import CacheWish, Desired, Handshake, ServiceSpec, Upstream
from seamless_reconcile.events import Reporter, Silent
from seamless_reconcile.facts import Receipt
from seamless_reconcile.loop import Loop
from seamless_reconcile.outcomes import Applied
from seamless_reconcile.plan import Plan
from seamless_reconcile.planner import Options
from seamless_reconcile.ports import Launched, Reach
from world import Placed, World
from world.cases import FRONTEND

T = TypeVar("T")

MARKERS = {"database": "seamless.db", "hashserver": ".HASHSERVER_PREFIX"}
FILES = {"database": "seamless.db"}


@dataclass
class DictMemory:
    """Memory that lives as long as the test."""

    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    epochs: dict[tuple[str, str], str] = field(default_factory=dict)
    known: dict[tuple[str, str], Launched] = field(default_factory=dict)
    gone: dict[tuple[str, str], int] = field(default_factory=dict)

    def receipt(self, host: str, path: str) -> Receipt | None:
        return self.receipts.get((host, path))

    def epoch(self, host: str, path: str) -> str | None:
        return self.epochs.get((host, path))

    def launched(self, host: str, key: str) -> Launched | None:
        return self.known.get((host, key))

    def ended(self, host: str, key: str) -> int | None:
        return self.gone.get((host, key))

    def note_ended(self, host: str, key: str, pid: int) -> None:
        self.gone[host, key] = pid

    def note_receipt(self, host: str, path: str, receipt: Receipt | None) -> None:
        if receipt is None:
            self.receipts.pop((host, path), None)
        else:
            self.receipts[host, path] = receipt

    def note_cleared(self, host: str, path: str, epoch: str | None) -> None:
        if epoch is None:
            self.epochs.pop((host, path), None)
        else:
            self.epochs[host, path] = epoch

    def note_launched(self, host: str, key: str, launched: Launched) -> None:
        self.known[host, key] = launched
        if self.gone.get((host, key)) == launched.pid:
            del self.gone[host, key]

    def copy(self) -> DictMemory:
        return DictMemory(*(dict(kept) for kept in (self.receipts, self.epochs, self.known, self.gone)))


class _Sink(io.BytesIO):
    """A saved log in memory."""


class MemoryRecord:
    """A record that lives as long as the test."""

    path = "memory"
    run_id = "simulated"

    def __init__(self) -> None:
        self.logs: dict[tuple[str, str], bytes] = {}

    @contextmanager
    def log_file(self, host: str, key: str) -> Iterator[BinaryIO]:
        sink = _Sink()
        yield sink
        self.logs[host, key] = sink.getvalue()

    def drop_log(self, host: str, key: str) -> None:
        self.logs.pop((host, key), None)


def one_by_one(thunks: Sequence[Callable[[], T]]) -> list[T]:
    return [thunk() for thunk in thunks]


def agreed(plan: Plan) -> None:
    """Let every plan pass."""


class Bench:
    """One manifest, and one client of it, on one simulated world.

    Attributes:
        memory: what this client remembers between runs; a new one for a client that forgot everything.
        client: this machine's side; a test may put something in between.
    """

    def __init__(
        self,
        world: World,
        *specs: ServiceSpec,
        memory: DictMemory | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        self.world = world
        self.memory = DictMemory() if memory is None else memory
        self.desired = Desired({spec.name: spec for spec in specs})
        self.record = MemoryRecord()
        self.reporter = reporter or Silent()
        self.client: Any = world.client

    def _reach(self, hosts: Callable[[str], Host]) -> Reach:
        return Reach(hosts, self.client, self.world.clock, one_by_one, self.memory)

    def transports(self) -> dict[str, Any]:
        """Give a transport to each host."""
        return {name: self.world.transport(name) for name in self.world.hosts}

    def loop(self) -> Loop:
        transports = self.transports()
        reading = {name: Host(ReadOnlyTransport(t)) for name, t in transports.items()}
        changing = {name: Host(t) for name, t in transports.items()}
        return Loop(
            self.desired,
            self._reach(reading.__getitem__),
            self._reach(changing.__getitem__),
            self.reporter,
            workers=0,
        )

    def plan(self, *, passive: bool = False, **options: Any) -> Plan:
        """Plan; whatever asks for a change meanwhile is a violation (S6)."""
        with self.world.reading():
            return self.loop().plan(Options(**options), passive=passive)[0]

    def apply(
        self, agree: Callable[[Plan], None] = agreed, stop: Event | None = None, **options: Any
    ) -> Applied:
        return self.loop().apply(
            Options(**options), agree=agree, record=lambda _: self.record, stop=stop or Event()
        )

    def with_specs(self, *specs: ServiceSpec, memory: DictMemory | None = None) -> Bench:
        """Give the same client with another manifest, or (with a memory) another client."""
        return Bench(self.world, *specs, memory=self.memory if memory is None else memory)

    def converge(self, **options: Any) -> Applied:
        """Apply, and find that all is well: converged, nothing left to do, nothing bad done."""
        applied = self.apply(**options)
        problems = [(o.action.verb.value, o.action.resource, o.detail) for o in applied.outcomes if not o.ok]
        final = applied.after or applied.plan
        assert not problems, problems
        assert applied.converged, ([b.reason for b in final.blocked], verbs(final))
        assert self.world.violations == []
        return applied


def verbs(plan: Plan) -> list[str]:
    """Give a plan's actions, each as `verb address`."""
    return [f"{action.verb.value} {action.resource}" for action in plan.actions]


def results(applied: Applied) -> dict[str, str]:
    """Give how each action ended, by `verb address`."""
    return {f"{o.action.verb.value} {o.action.resource}": o.result.value for o in applied.outcomes}


def reasons(plan: Plan) -> dict[str, str]:
    """Give why something is blocked, by address."""
    return {blocked.resource: blocked.reason for blocked in plan.blocked}


def state(plan: Plan, address: str) -> str:
    """Give the observed state of a resource."""
    return str(plan.resource(address).observed["state"])


# --- specs ---------------------------------------------------------------------------------


def spec_of(
    placed: Placed,
    *,
    name: str | None = None,
    host: str = FRONTEND,
    state: str = "running",
    cache: str = "keep",
    tunnel: str | None = None,
    epoch: str | None = None,
    **more: Any,
) -> ServiceSpec:
    """Give the resolved spec of a placed service."""
    wish = None
    if placed.type in MARKERS:
        wish = CacheWish(
            placed.workdir, CacheState(cache), MARKERS[placed.type], FILES.get(placed.type), epoch,
            root=placed.workdir.rsplit("/", 1)[0],
        )  # fmt: skip
    dask = placed.type in ("daskserver", "pure_daskserver")
    fields: Mapping[str, Any] = {
        "name": name or placed.type,
        "type": placed.type,
        "host": host,
        "hostname": None if host == "local" else "localhost",
        "key": placed.key,
        "workdir": placed.workdir,
        "argv": placed.argv,
        "state": ServiceState(state),
        "tunnel": TunnelState(tunnel or ("open" if state == "running" else "closed")),
        "tunnelled": placed.tunnelled and host != "local",
        "parameters": {"database": [], "buffer": [], "record": False} if placed.type == "jobserver" else None,
        "handshake": Handshake("health", "dashboard_port") if dask else Handshake("healthcheck"),
        "cache": wish,
        **more,
    }
    return ServiceSpec(**fields)


def upstream_of(placed: Placed, *, host: str = FRONTEND, name: str | None = None) -> Upstream:
    """Give what a jobserver needs to know of one of its services; a name only if it is declared."""
    role = "database" if placed.type == "database" else "buffer"
    return Upstream(role, placed.key, host, "localhost", placed.workdir, name)
