"""Scenes of the simulated world: a healthy one, and for every rule one in which it finds something."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rhl_helpers.host import Host
from rhl_helpers.transport.read_only import ReadOnlyTransport
from seamless_reconcile.audit import Scene
from seamless_reconcile.audit.scene import Besides
from seamless_reconcile.audit.survey import Before, survey
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.ports import Reach
from seamless_reconcile.resolver.frontends import Frontend
from simulated.bench import DictMemory, one_by_one, spec_of
from simulated.test_second_process import overtaken
from world import DATABASE, HASHSERVER, JOBSERVER, Case, World, build
from world.cases import FRONTEND
from world.state import StateFile
from world.transport import Fault

META = {"cluster": "c", "project": "p", "mode": "rw"}
HEALTHY = Case("running", "ours", "ours", "good", "populated", "good", age=60.0)
GONE = replace(HEALTHY, process="dead", port="closed", tunnel="none", client="absent")
STORE = replace(HASHSERVER, meta={**META, "service": "hashserver"})
RESULTS = replace(DATABASE, meta={**META, "service": "database"})
JOBS = replace(JOBSERVER, meta={**META, "service": "jobserver"})
READ_ONLY = replace(STORE, key="hashserver-c-ro-p", meta={**META, "service": "hashserver", "mode": "ro"})


def look(
    world: World,
    *specs: ServiceSpec,
    hosts: tuple[Frontend, ...] = (),
    warnings: tuple[tuple[str, str], ...] = (),
    passive: bool = False,
    client: Any = None,
    memory: DictMemory | None = None,
    besides: Besides | None = None,
) -> Scene:
    """Survey a world; whatever asks for a change meanwhile is a violation (S6)."""
    reading = {n: Host(ReadOnlyTransport(world.transport(n))) for n in world.hosts}
    reach = Reach(
        reading.__getitem__, client or world.client, world.clock, one_by_one, memory or DictMemory()
    )
    with world.reading():
        before = None if besides is None else Before(besides=besides)
        desired = Desired({s.name: s for s in specs}, warnings)
        return survey(desired, hosts, reach, passive=passive, before=before)


def there(tunnelled: bool = True) -> tuple[Frontend, ...]:
    """Give the frontend as a cluster file tells of it."""
    return (Frontend(FRONTEND, "localhost", tunnelled),)


def healthy() -> Scene:
    return look(build(HEALTHY, STORE), spec_of(STORE))


def one(case: Case, placed: Any = STORE, **wish: Any) -> Callable[[], Scene]:
    """Give the scene of one declared service in a state."""
    return lambda: look(build(case, placed), spec_of(placed, **wish))


def unnamed(case: Case, placed: Any = STORE) -> Callable[[], Scene]:
    """Give the scene of one service that nobody declared."""
    return lambda: look(build(case, placed), hosts=there())


def miswired() -> Scene:
    url = "http://localhost:44444"
    wired = replace(JOBS, parameters={"database": [{"url": url}], "buffer": [{"remote_url": url}]})
    return look(build(HEALTHY, wired), hosts=there())


def undeclared() -> Scene:
    world = build(HEALTHY, STORE)
    build(HEALTHY, RESULTS, world=world)
    return look(world, spec_of(STORE))


def one_port_for_two() -> Scene:
    world = build(HEALTHY, STORE)
    build(HEALTHY, RESULTS, world=world)
    machine = world.hosts[FRONTEND]
    first, second = (json.loads(machine.state[key].raw) for key in (STORE.key, RESULTS.key))
    raw = json.dumps({**second, "port": first["port"]}).encode()
    machine.state[RESULTS.key] = StateFile(raw, machine.state[RESULTS.key].mtime)
    return look(world, spec_of(STORE))


def faulty(*faults: Fault, case: Case = HEALTHY, **wish: Any) -> Callable[[], Scene]:
    def scene() -> Scene:
        world = build(case, STORE)
        world.faults += faults
        return look(world, spec_of(STORE, **wish))

    return scene


def handshake_fails() -> Scene:
    world = build(replace(HEALTHY, tunnel="none", client="absent"), STORE)
    world.faults.append(Fault("timeout", "rhl-handshake", times=None))
    reading = {n: Host(ReadOnlyTransport(world.transport(n, probes=False))) for n in world.hosts}
    reach = Reach(reading.__getitem__, world.client, world.clock, one_by_one, DictMemory())
    spec = spec_of(STORE, tunnel="closed")
    return survey(Desired({spec.name: spec}), (), reach)


class Unreadable:
    """A client whose files cannot be read."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def files(self) -> Any:
        raise PermissionError(13, "Permission denied")


def unreadable() -> Scene:
    world = build(HEALTHY, STORE)
    return look(world, spec_of(STORE), client=Unreadable(world.client))


def forgotten_file() -> Scene:
    return look(build(Case(client="good"), STORE), hosts=there())


def nested() -> Scene:
    world = build(replace(HEALTHY, cache="absent"), STORE)
    build(GONE, replace(STORE, key="other", workdir="~/buffers/p/STAGE-x"), world=world)
    world.hosts[FRONTEND].state.pop("other")
    return look(world, spec_of(STORE, cache="cold"))


def shared() -> Scene:
    world = build(HEALTHY, STORE)
    build(HEALTHY, READ_ONLY, world=world)
    return look(world, hosts=there())


def half_cold() -> Scene:
    said = "cold, but its database is not in the manifest: a cached result can still give a false pass"
    world = build(replace(HEALTHY, cache="empty"), STORE)
    return look(world, spec_of(STORE, cache="cold"), warnings=(("cache.hashserver", said),))


def warm_above() -> Scene:
    stage = replace(STORE, key="hashserver-c-rw-p--STAGE-x", workdir="~/buffers/p/STAGE-x")
    world = build(HEALTHY, STORE)
    build(replace(HEALTHY, cache="empty"), stage, world=world)
    return look(world, spec_of(STORE), spec_of(stage, name="stage", cache="cold"))


def guarded() -> Scene:
    world = World()
    said = b"rhl-guard: rejected: rhl-ps-persistent requires a path-policy flag\n"
    build(HEALTHY, STORE, world=world)
    world.faults.append(Fault("reply", "rhl-ps-persistent", times=None, reply=(1, b"", said)))
    return look(world, spec_of(STORE))


def listing_fails() -> Scene:
    world = build(HEALTHY, STORE)
    build(replace(HEALTHY, state="malformed"), RESULTS, world=world)
    return look(world, spec_of(STORE))


def soon_gone() -> Scene:
    argv = tuple("60" if word == "600" else word for word in STORE.argv)
    placed = replace(STORE, argv=argv)
    return look(build(HEALTHY, placed), spec_of(placed))


def other_version() -> Scene:
    placed = replace(STORE, meta={**STORE.meta, "reconcile": {"version": "0.0.1"}})
    return look(build(HEALTHY, placed), spec_of(STORE))


def another_deployment() -> Scene:
    return look(build(HEALTHY, STORE), spec_of(STORE, meta={**STORE.meta, "project": "q"}))


def one_key_twice() -> Scene:
    world = build(HEALTHY, STORE)
    other = replace(HEALTHY, tunnel="none", client="absent")
    build(other, STORE, host="second", world=world)
    return look(world, hosts=(*there(), Frontend("second", "localhost", tunnelled=True)))


def two_processes() -> Scene:
    first = overtaken()
    return look(first.world, *first.desired.services.values(), memory=first.memory)


def idle() -> Scene:
    scene = look(build(HEALTHY, STORE), spec_of(STORE), passive=True)
    return replace(scene, besides=Besides(unused={(FRONTEND, STORE.key): 550.0}))


def caches_inside() -> Scene:
    world = build(HEALTHY, STORE)
    build(GONE, replace(STORE, key="other", workdir="~/buffers/p/STAGE-x"), world=world)
    world.hosts[FRONTEND].state.pop("other")
    return look(world, spec_of(STORE))


def permissive() -> Scene:
    world = build(HEALTHY, STORE)
    world.hosts[FRONTEND].guard = ("--permissive-paths",)
    return look(world, spec_of(STORE))


SCENES: dict[str, Callable[[], Scene]] = {
    "R101": one(Case(cache="populated")),
    "R102": one(GONE),
    "R103": one(replace(GONE, state="failed")),
    "R104": one(replace(HEALTHY, port="closed")),
    "R105": one(replace(GONE, state="starting")),
    "R106": one(replace(GONE, state="malformed")),
    "R107": miswired,
    "R108": one(replace(HEALTHY, state="absent", port="ours")),
    "R109": unnamed(HEALTHY, HASHSERVER),
    "R110": undeclared,
    "R111": soon_gone,
    "R112": one_port_for_two,
    "R113": handshake_fails,
    "R114": other_version,
    "R115": another_deployment,
    "R116": one_key_twice,
    "R117": two_processes,
    "R118": idle,
    "R201": one(replace(HEALTHY, tunnel="none")),
    "R202": one(replace(HEALTHY, tunnel="misrouted")),
    "R203": one(replace(HEALTHY, tunnel="orphan", client="absent"), tunnel="closed"),
    "R204": forgotten_file,
    "R205": unreadable,
    "R301": one(Case(cache="populated"), state="stopped"),
    "R302": nested,
    "R303": shared,
    "R304": one(replace(HEALTHY, cache="foreign")),
    "R305": half_cold,
    "R306": one(HEALTHY, cache="cold"),
    "R307": warm_above,
    "R308": faulty(Fault("timeout", "rhl-ps-persistent", times=None)),
    "R309": one(replace(HEALTHY, cache="empty"), cache="warm"),
    "R310": caches_inside,
    "R401": faulty(Fault("unreachable", times=None)),
    "R402": faulty(Fault("reply", times=None, reply=(127, b"", b"rhl-ps: command not found"))),
    "R403": guarded,
    "R404": listing_fails,
    "R405": permissive,
    "R406": one(replace(HEALTHY, age=-600.0)),
}
