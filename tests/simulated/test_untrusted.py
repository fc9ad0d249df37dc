"""What hosts put into their answers stands, in what programs read, only where `untrusted` says so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seamless_reconcile.audit import find
from seamless_reconcile.importing.report import import_to_dict
from seamless_reconcile.report.findings import audit_to_dict
from seamless_reconcile.report.json_ import applied_to_dict, plan_to_dict
from simulated.bench import Bench, spec_of
from unit.audit.scenes import SCENES, look, there
from unit.importing.worlds import GONE, HEALTHY, Place, Site
from world import DATABASE, HASHSERVER, Fault, build
from world.cases import FRONTEND
from world.state import StateFile
from world.world import World

# A word that only hosts say.
SAID = "IGNOREPREVIOUS"


def texts(value: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    """Give every text of an object, keys too, with its path; of lists any element."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield path, name
            yield from texts(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, f"{path}[*]")
    elif isinstance(value, str):
        yield path, value


def unmarked(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Give where a host's words stand although no list says so."""
    parts = [part for name in ("plan", "after") if isinstance(part := told.get(name), dict)]
    own = {name: value for name, value in told.items() if value not in parts}
    found = [
        (path, text)
        for path, text in texts(own)
        if SAID in text
        and not any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in told["untrusted"])
    ]
    return found + [problem for part in parts for problem in unmarked(part)]


def hostile(world: World, key: str, host: str = FRONTEND) -> World:
    """Put the word wherever a state file has text."""
    machine = world.hosts[host]
    kept = machine.state[key]
    data = json.loads(kept.raw)
    data |= {"command": f"{data['command']} {SAID}", "workdir": f"/{SAID}", SAID: SAID, "log": f"/{SAID}"}
    data["meta"] = {SAID: SAID, "service": SAID, "reconcile": {"epoch": SAID, "launch_id": SAID}}
    machine.state[key] = StateFile(json.dumps(data).encode(), kept.mtime)
    return world


def refused(**more: Any) -> Fault:
    said = f"rhl-guard: rejected: {SAID}\n".encode()
    return Fault("reply", times=None, reply=(1, b"", said), **more)


def worlds() -> Iterator[World]:
    yield hostile(build(HEALTHY, HASHSERVER), HASHSERVER.key)
    yield hostile(build(GONE, HASHSERVER), HASHSERVER.key)
    yield hostile(build(replace(HEALTHY, port="closed"), HASHSERVER), HASHSERVER.key)
    for what in (None, "rhl-ps-persistent"):
        world = build(HEALTHY, HASHSERVER)
        world.faults.append(refused() if what is None else refused(helper=what))
        yield world
    world = build(HEALTHY, replace(DATABASE, key=SAID))
    yield world


@pytest.mark.parametrize("number", range(6))
def test_a_plan_and_an_apply_mark_what_hosts_said(number: int) -> None:
    world = list(worlds())[number]
    bench = Bench(world, spec_of(HASHSERVER, cache="cold"))
    plan = plan_to_dict(bench.plan())
    assert unmarked(plan) == []
    assert unmarked(applied_to_dict(bench.apply())) == []


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("declared", [True, False])
def test_an_audit_marks_what_hosts_said(number: int, declared: bool) -> None:
    scene = look(list(worlds())[number], *([spec_of(HASHSERVER)] if declared else []), hosts=there())
    told = audit_to_dict(scene, find(scene))
    assert unmarked(told) == []


def test_an_import_marks_what_hosts_said(tmp_path: Path) -> None:
    site = Site(Place(tmp_path))
    for project in ("p", "q"):
        placed = site.launch("hashserver", cluster="far", project=project)
        if project == "q":
            hostile(site.world, placed.key, "front")
    site.add(site.place.spec("database", cluster="far", project="p"), key=SAID, meta={})
    site.world.faults.append(refused(host="front2"))
    told = import_to_dict(site.imports("far"), None)
    assert SAID in json.dumps(told)
    assert unmarked(told) == []


def test_the_word_is_really_said() -> None:
    """Nothing is proven by words that never arrive."""
    told = []
    for world in worlds():
        plan = plan_to_dict(Bench(world, spec_of(HASHSERVER, cache="cold")).plan())
        scene = look(world, hosts=there())
        told += [SAID in json.dumps(plan), SAID in json.dumps(audit_to_dict(scene, find(scene)))]
    assert sum(told) >= 8


@pytest.mark.parametrize("name", SCENES)
def test_every_path_of_an_audit_is_one_that_audits_have(name: str) -> None:
    scene = SCENES[name]()
    told = audit_to_dict(scene, find(scene))
    names = {path.split(".")[1].split("[")[0] for path in told["untrusted"]}
    assert names <= set(told)
    assert all(re.fullmatch(r"\$(\.[a-z_]+(\[\*\])?)+", path) for path in told["untrusted"])
