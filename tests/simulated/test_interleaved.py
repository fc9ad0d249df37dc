"""Two applies at once, interleaved at every helper call: S1 to S4 hold, but for one moment (L5).

The one moment is the one between a client's last look and its act, and it is one call wide. A second process
comes to be only where a client is held up in it before a launch, or a removal, while the other launches. The
one that is still waiting for its own launch then says so; one whose launch had succeeded, when it plans next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simulated.bench import Bench, DictMemory, spec_of
from simulated.deployments import jobserver, new_world, running, trio
from simulated.duet import Ensemble
from simulated.mortality import copied
from world import HASHSERVER, World, use
from world.cases import FRONTEND

SPEC = spec_of(HASHSERVER, cache="cold")


def _from_nothing() -> tuple[Bench, Bench]:
    bench = Bench(new_world(), SPEC)
    return bench, bench


def _cold_again() -> tuple[Bench, Bench]:
    bench = running(SPEC)
    assert use(bench.world, FRONTEND, HASHSERVER.key)
    return bench, bench


def _down_and_up() -> tuple[Bench, Bench]:
    bench = running(spec_of(HASHSERVER))
    return bench.with_specs(spec_of(HASHSERVER, state="absent")), bench


def _cold_and_kept() -> tuple[Bench, Bench]:
    one, _ = _cold_again()
    return one, one.with_specs(spec_of(HASHSERVER))


def _dead() -> tuple[Bench, Bench]:
    bench = running(SPEC)
    machine = bench.world.hosts[FRONTEND]
    for process in machine.of_key(HASHSERVER.key):
        bench.world.transport(FRONTEND).run(("rhl-stop", HASHSERVER.key), timeout=60)
        assert process.pid not in machine.processes
    return bench, bench


SCENARIOS = [_from_nothing, _cold_again, _down_and_up, _cold_and_kept, _dead]


def meet(make: Callable[[], tuple[Bench, Bench]], turns: list[int]) -> Ensemble:
    """Let the two run, held up as the turns say; the second is another client."""
    one, other = make()
    return Ensemble(
        (one, Bench(one.world, *other.desired.services.values(), memory=DictMemory())), turns
    ).play()


def _warned_of(ensemble: Ensemble) -> bool:
    """Tell whether the next plan of a client that remembers its launch warns of the second process."""
    warnings = [warned.message for bench in ensemble.benches for warned in bench.plan().warnings]
    return len(ensemble.launched()) == 2 and any("a second process of it" in said for said in warnings)


def check(world: World, ensemble: Ensemble) -> None:
    """What holds of every interleaving."""
    broken = {violation.rule for violation in world.violations}
    assert broken <= ensemble.excused, (ensemble.turns, ensemble.held, world.violations[0])
    if broken or len(world.hosts[FRONTEND].of_key(HASHSERVER.key)) < 2:
        return
    raise AssertionError(f"a second process, and nobody noticed: {ensemble.turns}")


@pytest.mark.parametrize("make", SCENARIOS, ids=lambda make: make.__name__.strip("_"))
def test_all_interleavings_of_two_applies_with_two_preemptions(
    make: Callable[[], tuple[Bench, Bench]], record_property: Callable[[str, object], None]
) -> None:
    one, other = make()
    runs, second = 0, Counter[tuple[bool, str]]()
    first = 0
    while True:
        alone, then = False, 0
        while not alone:
            pair = copied(one), other
            ensemble = meet(lambda pair=pair: pair, [first, then])
            check(pair[0].world, ensemble)
            runs += 1
            machine = pair[0].world.hosts[FRONTEND]
            if len(machine.of_key(HASHSERVER.key)) > 1:
                told = any("another client launched it" in said for said in ensemble.said())
                second[told, ensemble.windows[-1]] += 1
                assert told or _warned_of(ensemble), ensemble.held
            elif not pair[0].world.violations:
                pair[0].world.new_run()
                pair[0].converge()
            alone = len(ensemble.held) < 2
            then += 1
        if not ensemble.held:
            break
        first += 1
    record_property("simulated runs: two clients interleaved", runs)
    # A second process needs somebody held right before a launch, or before a removal that it made possible.
    # Who was still waiting for its own launch says so; whose launch had succeeded before, when it plans next.
    assert set(second) <= {(True, "rhl-launch-service"), (True, "rhl-rm"), (False, "rhl-launch-service")}
    assert runs > 100


def _everything(cache: str) -> list[object]:
    return [*trio("storage", cache=cache)[:2], jobserver("compute", store="storage")]


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    turns=st.lists(st.integers(0, 25), max_size=12),
    caches=st.tuples(*[st.sampled_from(["keep", "cold"])] * 3),
    clients=st.integers(2, 3),
    warm=st.booleans(),
)
@example(turns=[3] * 12, caches=("cold", "cold", "keep"), clients=3, warm=True)
def test_several_clients_services_and_hosts_in_any_order(
    turns: list[int], caches: tuple[str, ...], clients: int, warm: bool
) -> None:
    world = new_world("storage", "compute")
    benches = [Bench(world, *_everything(cache), memory=DictMemory()) for cache in caches[:clients]]  # type: ignore[arg-type]
    if warm:
        benches[0].converge()
        assert use(world, "storage", HASHSERVER.key)
        world.clock.sleep(5)
    ensemble = Ensemble(benches, turns).play()
    broken = {violation.rule for violation in world.violations}
    assert broken <= ensemble.excused, (ensemble.held, world.violations)
    if not broken and not ensemble.windows:
        world.new_run()
        benches[0].converge()
