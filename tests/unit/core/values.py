"""Small values for tables: rows, specs and listings, with everything that does not matter left out."""

from __future__ import annotations

from typing import Any

from rhl_helpers.client import ConnectionFile, Forward
from rhl_helpers.rows import PersistentRow, ServerRow
from seamless_reconcile.declared import CacheState, ServiceState, TunnelState
from seamless_reconcile.desired import CacheWish, Handshake, ServiceSpec
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import HASHSERVER_MARKER, CacheNode, CacheObserved
from seamless_reconcile.kinds.cache import State as Stored
from seamless_reconcile.plan import Action, Plan, Resource, Verb, Verdict

HOME = "/home/svc"
SERVER = f"{HOME}/.remote-http-launcher/server"
KEY = "hashserver-c-rw-p"
ARGV = (
    "hashserver", "--status-file", f"~/.remote-http-launcher/server/{KEY}.json", "~/buffers/p", "--writable",
)  # fmt: skip


def spec(name: str = "hashserver", **more: Any) -> ServiceSpec:
    fields: dict[str, Any] = {
        "name": name,
        "type": "hashserver",
        "host": "frontend",
        "hostname": "localhost",
        "key": KEY if name == "hashserver" else name,
        "workdir": "~/buffers/p",
        "argv": ARGV,
        "state": ServiceState.RUNNING,
        "tunnel": TunnelState.OPEN,
        "tunnelled": True,
        "handshake": Handshake("healthcheck"),
        **more,
    }
    return ServiceSpec(**fields)


def row(key: str = KEY, **more: Any) -> ServerRow:
    fields = {
        "status": "running",
        "json_status": "running",
        "live": True,
        "pid": 4000,
        "port": 50_000,
        "workdir": "~/buffers/p",
        "log": f"{SERVER}/{key}.log",
        "command": f"hashserver --status-file {SERVER}/{key}.json {HOME}/buffers/p",
        "network_interface": "localhost",
        **more,
    }
    if "json_status" not in more and "status" in more:
        fields["json_status"] = more["status"]
    return ServerRow.model_validate({**{k: v for k, v in fields.items() if v is not None}, "key": key})


def host(*rows: ServerRow, home: str | None = HOME, **more: Any) -> HostFacts:
    return HostFacts("frontend", {one.key: one for one in rows}, home=home, **more)


def wish(path: str = "~/buffers/p", **more: Any) -> CacheWish:
    fields: dict[str, Any] = {
        "state": CacheState.COLD,
        "marker": HASHSERVER_MARKER,
        "root": "~/buffers",
        **more,
    }
    return CacheWish(path, **fields)


def node(path: str = "~/buffers/p", *, name: str = "hashserver", **more: Any) -> CacheNode:
    fields: dict[str, Any] = {
        "host": "frontend", "services": (name,), "state": CacheState.COLD, "marker": HASHSERVER_MARKER,
        "file": None, "epoch": None, "root": "~/buffers", **more,
    }  # fmt: skip
    return CacheNode(name=name, path=path, **fields)


def persistent(path: str = f"{HOME}/buffers/p", state: str = "populated", **more: Any) -> PersistentRow:
    return PersistentRow(path=path, state=state, **more)


def stored(state: Stored = Stored.POPULATED, path: str = f"{HOME}/buffers/p", **more: Any) -> CacheObserved:
    return CacheObserved(state, path, **more)


def file(port: int = 61_000, **more: Any) -> ConnectionFile:
    fields: dict[str, Any] = {"tunneled_host": "frontend", "tunneled_port": 50_000, **more}
    return ConnectionFile(fields.pop("key", KEY), fields.pop("hostname", "localhost"), port, **fields)


def forward(local: int = 61_000, remote: int = 50_000, *, ssh_host: str = "frontend") -> Forward:
    return Forward(local, ssh_host, "localhost", remote)


def action(
    id_: int, *requires: int, verb: Verb = Verb.LAUNCH, name: str | None = None, **more: Any
) -> Action:
    name = name or f"s{id_}"
    return Action(id_, verb, f"service.{name}", name, "frontend", "why", requires, **more)


def resource(address: str = "service.x", verdict: Verdict = Verdict.IN_SYNC) -> Resource:
    kind, _, name = address.partition(".")
    return Resource(
        address, kind, name, "frontend", name, {"state": "running"}, {"state": "running"}, verdict
    )


def plan(*actions: Action, verdicts: tuple[Verdict, ...] = (Verdict.IN_SYNC,), **more: Any) -> Plan:
    return Plan(tuple(resource(f"service.r{i}", v) for i, v in enumerate(verdicts)), actions, **more)
