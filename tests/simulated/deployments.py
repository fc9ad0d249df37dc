"""Whole deployments on simulated worlds: a hashserver, a database and a job server wired to both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.plan import Plan
from simulated.bench import Bench, spec_of, upstream_of
from world import DASKSERVER, DATABASE, HASHSERVER, JOBSERVER, Placed, World
from world.cases import FRONTEND
from world.machine import SimHost

PAIR = ("hashserver", "database")
PLACED = {"hashserver": HASHSERVER, "database": DATABASE, "jobserver": JOBSERVER, "daskserver": DASKSERVER}


def pair(host: str = FRONTEND, **more: Any) -> list[ServiceSpec]:
    """Give the specs of a hashserver and a database."""
    return [spec_of(PLACED[name], host=host, **more) for name in PAIR]


def jobserver(
    host: str = FRONTEND, *, store: str = FRONTEND, declared: bool = True, **more: Any
) -> ServiceSpec:
    """Give the spec of a job server whose services run on `store`, declared or not."""
    upstream = tuple(upstream_of(PLACED[n], host=store, name=n if declared else None) for n in PAIR)
    return spec_of(JOBSERVER, host=host, dependencies=PAIR if declared else (), upstream=upstream, **more)


def trio(host: str = FRONTEND, *, jobs: str = "running", **more: Any) -> list[ServiceSpec]:
    """Give the specs of a whole deployment."""
    return [*pair(host, **more), jobserver(host, store=host, state=jobs)]


def stage(placed: Placed, path: str) -> Placed:
    """Give a service of a stage: another key, a directory below the project's."""
    key = f"{placed.key}--{path.replace('/', '--')}"
    words = tuple(
        word.replace(placed.key, key).replace(placed.workdir, f"{placed.workdir}/{path}")
        for word in placed.argv
    )
    return replace(placed, key=key, workdir=f"{placed.workdir}/{path}", argv=words)


def store(path: str = "", *, cache: str = "cold", placed: Placed = HASHSERVER, **more: object) -> ServiceSpec:
    """Give the spec of a project's or a stage's service."""
    at = stage(placed, path) if path else placed
    root = placed.workdir.rsplit("/", 1)[0]
    spec = spec_of(
        at, name=f"{placed.type}{'-' if path else ''}{path.replace('/', '-')}", cache=cache, **more
    )
    assert spec.cache is not None
    return replace(spec, cache=replace(spec.cache, root=root))


def new_world(*hosts: str, **settings: Any) -> World:
    """Give a world with these hosts, all with the same settings."""
    world = World()
    for name in hosts or (FRONTEND,):
        if name != "local":
            world.add_host(name, **settings)
    return world


def frontend(world: World) -> SimHost:
    return world.hosts[FRONTEND]


def running(*specs: ServiceSpec, world: World | None = None) -> Bench:
    """Give a bench whose services have been brought up, with the trace forgotten."""
    bench = Bench(world or new_world(*dict.fromkeys(spec.host for spec in specs)), *specs)
    bench.converge()
    bench.world.trace.clear()
    return bench


def told(plan: Plan) -> str:
    """Write a plan as one line an action: what it requires, its number, what it does, and why."""
    return "\n".join(
        f"{list(a.requires)} -> #{a.id} {a.verb.value} {a.resource}, {a.cause}" for a in plan.actions
    )
