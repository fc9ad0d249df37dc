"""A service that makes its marker, or its file, just while its directory is being read: not foreign (S3)."""

from __future__ import annotations

import pytest

from simulated.bench import MARKERS, spec_of
from simulated.deployments import PAIR, PLACED, frontend, running
from world import World


@pytest.mark.parametrize("name", PAIR)
def test_what_starts_while_it_is_looked_at_is_not_taken_for_foreign(name: str) -> None:
    bench = running(spec_of(PLACED[name], tunnel="closed", cache="cold"))
    machine = frontend(bench.world)
    folder = machine.expand(PLACED[name].workdir)
    marker = f"{folder}/{MARKERS[name]}"
    machine.tree.remove(marker)
    machine.tree.write(f"{folder}/{MARKERS[name]}-journal", 512, bench.world.clock.now())
    looks = 0

    def starting(world: World, host: str, argv: tuple[str, ...]) -> None:
        nonlocal looks
        looks += argv[0] == "rhl-ps-persistent"
        if looks == 2:
            machine.tree.write(marker, 98_304, world.clock.now())

    bench.world.interpose = starting
    plan = bench.plan()
    assert looks > 1
    assert plan.blocked == ()
    seen = next(one for one in plan.resources if one.kind == "cache").observed
    assert seen["state"] != "foreign"
