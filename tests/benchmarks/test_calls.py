"""How many helper calls a look at a cache takes: each costs a process on the host."""

from __future__ import annotations

import pytest

from simulated.bench import Bench
from simulated.deployments import new_world, store
from world import DATABASE, HASHSERVER
from world.builders import fill_buffers
from world.cases import FRONTEND


def looks(placed, *, made):
    """Give the calls that a plan makes to look at one cold cache."""
    world = new_world(FRONTEND)
    if made:
        machine = world.hosts[FRONTEND]
        folder = machine.expand(placed.workdir)
        machine.tree.mkdirs(folder, world.clock.now())
        if made == "populated":
            fill_buffers(machine, folder, made, world.clock.now())
    Bench(world, store(placed=placed)).plan()
    calls = (step.argv for step in world.trace)
    return [argv for argv in calls if argv[0] == "rhl-ps-persistent" and placed.workdir in argv]


@pytest.mark.parametrize("placed", [HASHSERVER, DATABASE], ids=lambda placed: placed.type)
def test_what_is_not_there_is_looked_at_once(placed):
    assert len(looks(placed, made="")) == 1


@pytest.mark.parametrize("placed", [HASHSERVER, DATABASE], ids=lambda placed: placed.type)
def test_in_an_empty_directory_nothing_is_searched(placed):
    calls = looks(placed, made="empty")
    assert [("--level" in argv) for argv in calls] == [True, False]


def test_what_holds_data_is_searched_for_other_caches():
    calls = looks(HASHSERVER, made="populated")
    assert [argv[-1] for argv in calls if "--file" in argv or "--marker" in argv] == ["10", "10"]
