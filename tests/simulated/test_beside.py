"""What lies inside a cache, or beside the caches that lie in it, is never taken for nothing."""

from __future__ import annotations

import pytest

from simulated.bench import Bench, reasons, spec_of, state, verbs
from simulated.deployments import frontend, new_world
from world import DATABASE, HASHSERVER, Case, World, build

BUFFERS = "/home/svc/buffers/p"
DATABASES = "/home/svc/databases/p"


def write(world: World, *paths: str) -> None:
    for path in paths:
        frontend(world).tree.write(path, 100, world.clock.now() - 9_999)


def stage(world: World, folder: str) -> str:
    """Put a cache inside another."""
    marker = ".HASHSERVER_PREFIX" if folder == BUFFERS else "seamless.db"
    write(world, f"{folder}/STAGE-x/{marker}", f"{folder}/STAGE-x/ab/abcd")
    return f"{folder}/STAGE-x"


@pytest.mark.parametrize(("placed", "folder"), [(HASHSERVER, BUFFERS), (DATABASE, DATABASES)])
def test_data_beside_a_stage_is_foreign_without_the_marker(placed, folder: str) -> None:
    world = new_world()
    stage(world, folder)
    write(world, f"{folder}/thesis/chapter")
    plan = Bench(world, spec_of(placed, cache="cold")).plan()
    assert state(plan, f"cache.{placed.type}") == "foreign"
    assert verbs(plan) == []


@pytest.mark.parametrize(("placed", "folder"), [(HASHSERVER, BUFFERS), (DATABASE, DATABASES)])
def test_a_folder_that_only_holds_stages_is_no_obstacle(placed, folder: str) -> None:
    world = new_world()
    stage(world, folder)
    bench = Bench(world, spec_of(placed, cache="cold"))
    assert state(bench.plan(), f"cache.{placed.type}") == "empty"
    assert f"launch service.{placed.type}" in verbs(bench.plan())


def test_a_stage_in_which_nothing_was_stored_yet_makes_its_project_no_foreign_folder() -> None:
    world = new_world()
    write(world, f"{BUFFERS}/STAGE-x/.HASHSERVER_PREFIX")
    bench = Bench(world, spec_of(HASHSERVER, cache="cold"))
    assert state(bench.plan(), "cache.hashserver") == "empty"
    bench.converge()


@pytest.mark.parametrize("depth", [0, 1, 5, 8])
def test_a_cache_deep_inside_is_found(depth: int) -> None:
    world = build(Case(cache="populated"))
    inner = "/".join([BUFFERS, *(f"s{n}" for n in range(depth)), "STAGE-x"])
    write(world, f"{inner}/.HASHSERVER_PREFIX", f"{inner}/ab")
    plan = Bench(world, spec_of(HASHSERVER, state="absent", cache="cold")).plan()
    assert verbs(plan) == []
    assert f"holds other caches that are not to be cold: {inner}" in reasons(plan)["cache.hashserver"]


@pytest.mark.parametrize(("placed", "folder"), [(HASHSERVER, BUFFERS), (DATABASE, DATABASES)])
def test_what_lies_deeper_than_anybody_looks_is_not_cleared(placed, folder: str) -> None:
    world = build(Case(cache="populated"), placed)
    write(world, "/".join([folder, *(f"s{n}" for n in range(12)), "STAGE-x", ".HASHSERVER_PREFIX"]))
    plan = Bench(world, spec_of(placed, state="absent", cache="cold")).plan()
    assert verbs(plan) == []
    assert "what lies inside" in reasons(plan)[f"cache.{placed.type}"]
    assert "10 levels deep" in reasons(plan)[f"cache.{placed.type}"]
