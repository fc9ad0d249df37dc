"""Killed at any step, with or without its memory, the next apply reaches the same end (L2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulated.bench import Bench, spec_of
from simulated.deployments import frontend, new_world, pair, running, trio
from simulated.mortality import killed_at, steps_of
from world import DATABASE, HASHSERVER, JOBSERVER, Case, build, cold, serving, use
from world.cases import FRONTEND
from world.world import LOCAL

KEYS = (HASHSERVER.key, DATABASE.key, JOBSERVER.key)


def _from_nothing() -> Bench:
    return Bench(new_world(), *trio(cache="cold"))


def _cold_again() -> Bench:
    bench = running(*trio(cache="cold"))
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, FRONTEND, key)
    bench.world.clock.sleep(5)
    return bench


def _cold_on_this_machine() -> Bench:
    bench = running(*trio(LOCAL, cache="cold"))
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, LOCAL, key)
    bench.world.clock.sleep(5)
    return bench


def _torn_down() -> Bench:
    return running(*trio()).with_specs(*trio(jobs="absent", state="absent"))


def _malformed() -> Bench:
    world = build(
        Case("malformed", client="stale", tunnel="orphan", cache="populated", log=False), HASHSERVER
    )
    return Bench(world, spec_of(HASHSERVER, cache="cold"), spec_of(DATABASE, cache="cold"))


def _read_through_its_client_file() -> Bench:
    """Only the client file leads from the malformed state file to a port, which is closed."""
    world = build(Case("malformed", client="good", cache="populated"), HASHSERVER)
    return Bench(world, spec_of(HASHSERVER), spec_of(DATABASE))


def _guarded_by_markers() -> Bench:
    bench = running(*pair(cache="cold"), world=new_world(guard=("--clear-policy", "seamless")))
    assert use(bench.world, FRONTEND, HASHSERVER.key)
    return bench


def _deep_and_guarded_by_roots() -> Bench:
    guard = ("--data-roots", "~/buffers:~/databases")
    bench = running(*pair(cache="cold"), world=new_world(guard=guard))
    host = frontend(bench.world)
    for path in ("ab/cd/ef/x", "ab/cd/y", "ab/z", "gh/ij/w"):
        host.tree.write(f"{host.expand(HASHSERVER.workdir)}/{path}", 10, bench.world.clock.now())
    return bench


def _broken_tunnels() -> Bench:
    bench = running(*trio())
    for forward in bench.world.client.opened:
        bench.world.client.drop(forward.ssh)
    return bench


SCENARIOS = [
    _from_nothing, _cold_again, _cold_on_this_machine, _torn_down, _malformed,
    _read_through_its_client_file, _guarded_by_markers, _deep_and_guarded_by_roots, _broken_tunnels,
]  # fmt: skip


def _same_end(bench: Bench) -> None:
    """What the manifest says is so, in truth."""
    for spec in bench.desired.services.values():
        machine = bench.world.hosts[spec.host]
        if spec.state.value == "running":
            assert len(serving(bench.world, spec.host, spec.key)) == 1
            assert len(machine.of_key(spec.key)) == 1
        else:
            assert (machine.of_key(spec.key), spec.key in machine.state) == ([], False)
            assert spec.key not in bench.world.client.files()
        if spec.cache and spec.cache.state.value == "cold":
            assert cold(bench.world, spec.host, spec.workdir)
    named = {f.port for f in bench.world.client.files().values()} | {
        port for f in bench.world.client.files().values() for port in (f.extra or {}).values()
    }
    assert {forward.local_port for forward in bench.world.client.forwards()} <= named


@pytest.mark.parametrize("forgets", [False, True], ids=["remembers", "forgets"])
@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make.__name__.strip("_"))
def test_killed_at_any_step_the_next_apply_reaches_the_same_end(
    make: Callable[[], Bench], forgets: bool
) -> None:
    bench = make()
    steps = steps_of(bench)
    assert steps > 10
    for at in range(1, steps + 1):
        after = killed_at(bench, at, forgets=forgets)
        try:
            after.converge()
            _same_end(after)
            assert after.apply().outcomes == ()
        except AssertionError as exc:
            raise AssertionError(f"killed before step {at} of {steps}: {exc}") from exc
