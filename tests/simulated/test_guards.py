"""Behind `rhl-guard`: what it hides is unverifiable, what it forbids is said, what it allows converges."""

from __future__ import annotations

import pytest

from seamless_reconcile.exits import Exit, of_apply, of_plan
from seamless_reconcile.plan import Verdict
from simulated.bench import Bench, reasons, results, spec_of, state, verbs
from simulated.deployments import frontend, new_world, pair, running, store, trio
from world import DATABASE, HASHSERVER, Case, build, cold, use
from world.cases import FRONTEND

MARKERS = ("--clear-policy", "seamless")
ROOTS = ("--data-roots", "~/buffers:~/databases:/tmp")
ELSEWHERE = ("--data-roots", "~/other")
NONE = ()
FOLDER = "/home/svc/buffers/p"


@pytest.mark.parametrize(
    "guard", [MARKERS, ROOTS, ("--permissive-paths",)], ids=["markers", "roots", "permissive"]
)
@pytest.mark.parametrize("cache", ["keep", "cold"])
@pytest.mark.parametrize("what", ["absent", "empty", "populated"])
def test_the_whole_round_under_a_guard(what: str, cache: str, guard: tuple[str, ...]) -> None:
    world = new_world(guard=guard)
    for placed in (HASHSERVER, DATABASE):
        build(Case(cache=what), placed, world=world)
    bench = Bench(world, *trio(cache=cache))
    bench.converge()
    assert bench.apply().outcomes == ()
    for key in (HASHSERVER.key, DATABASE.key):
        assert use(world, FRONTEND, key)
    bench.converge()
    assert bench.apply().outcomes == ()
    bench.with_specs(*trio(cache=cache, state="absent", jobs="absent")).converge()
    assert cold(world, FRONTEND, FOLDER) is (cache == "cold")


@pytest.mark.parametrize("what", ["absent", "foreign", "half-cleared"])
def test_what_a_marker_policy_hides_is_taken_for_cold_and_says_so(what: str) -> None:
    world = build(Case(cache=what))
    frontend(world).guard = MARKERS
    bench = Bench(world, spec_of(HASHSERVER, cache="cold", state="stopped"))
    plan = bench.plan()
    assert (verbs(plan), state(plan, "cache.hashserver")) == ([], "unverifiable")
    assert [w.message for w in plan.warnings] == [
        "taken for cold: the guard will not let us look: there is no marker in it, or no such directory"
    ]
    assert plan.in_sync


def test_what_is_hidden_while_a_service_runs_on_it_is_not_taken_for_cold() -> None:
    """A running hashserver would have put its marker there."""
    bench = running(spec_of(HASHSERVER))
    frontend(bench.world).guard = MARKERS
    frontend(bench.world).tree.remove(f"{FOLDER}/.HASHSERVER_PREFIX")
    bench = bench.with_specs(spec_of(HASHSERVER, cache="cold"))
    plan = bench.plan()
    assert verbs(plan) == []
    assert "the guard will not let us look" in reasons(plan)["cache.hashserver"]


@pytest.mark.parametrize("cache", ["keep", "cold"])
def test_outside_the_data_roots_nothing_is_launched_and_the_plan_says_why(cache: str) -> None:
    bench = Bench(new_world(guard=ELSEWHERE), *pair(cache=cache))
    plan = bench.plan()
    assert verbs(plan) == []
    assert "path is outside configured --data-roots" in reasons(plan)["service.hashserver"]
    assert bench.apply().outcomes == ()


def test_a_guard_that_got_stricter_leaves_a_kept_cache_and_its_service_alone() -> None:
    bench = running(*pair())
    frontend(bench.world).guard = ELSEWHERE
    plan = bench.plan()
    assert (plan.in_sync, state(plan, "cache.hashserver")) == (True, "unknown")


def test_a_cold_cache_behind_a_guard_that_got_stricter_is_unknown() -> None:
    bench = running(*pair(cache="cold"))
    frontend(bench.world).guard = ELSEWHERE
    plan = bench.plan()
    assert plan.resource("cache.hashserver").verdict is Verdict.UNKNOWN
    assert of_plan(plan, detailed=True) is Exit.UNKNOWN
    assert verbs(plan) == []


def test_a_guard_without_a_policy_lets_services_be_stopped_and_removed() -> None:
    bench = running(*pair())
    frontend(bench.world).guard = NONE
    down = bench.with_specs(*pair(state="absent"))
    down.converge()
    assert frontend(down.world).state == {}
    up = down.with_specs(*pair())
    assert verbs(up.plan()) == []
    assert "configure rhl-guard with one path-policy flag" in reasons(up.plan())["service.database"]


# --- deep trees ------------------------------------------------------------------------------


def deep(guard: tuple[str, ...] | None, *paths: str) -> Bench:
    world = build(Case(cache="populated"))
    frontend(world).guard = guard
    for path in paths:
        frontend(world).tree.write(f"{FOLDER}/{path}", 10, world.clock.now() - 5000)
    return Bench(world, spec_of(HASHSERVER, cache="cold", state="stopped"))


DEEP = ("ab/cd/ef/x", "ab/cd/y", "ab/gh/z", "ab/w", "ij/kl/mn/op/qr/v")


@pytest.mark.parametrize("order", ["inserted", "sorted", "reversed", 1, 2, 3])
@pytest.mark.parametrize("guard", [None, ROOTS], ids=["plain", "roots"])
def test_a_deep_tree_is_cleared_completely(guard: tuple[str, ...] | None, order: str | int) -> None:
    bench = deep(guard, *DEEP)
    frontend(bench.world).tree.order = order
    bench.converge()
    assert dict(frontend(bench.world).tree.files(FOLDER)) == {}


def test_a_deep_tree_under_a_marker_policy_is_left_whole_and_the_reason_said() -> None:
    """A first pass would take the marker along, and nobody could look at what remains."""
    bench = deep(MARKERS, *DEEP)
    before = set(dict(frontend(bench.world).tree.files(FOLDER)))
    applied = bench.apply()
    assert results(applied) == {"clear cache.hashserver": "failed"}
    assert "has to be cleared before it, which the guard forbids" in applied.outcomes[0].detail
    assert set(dict(frontend(bench.world).tree.files(FOLDER))) == before
    assert of_apply(applied) is Exit.ERROR


def test_a_deep_tree_with_markers_is_cleared_under_a_marker_policy() -> None:
    marked = [f"{folder}/.HASHSERVER_PREFIX" for folder in ("ab", "ab/cd", "ab/cd/ef", "ij", "ij/kl")]
    bench = deep(MARKERS, "ab/cd/ef/x", "ab/w", "ij/kl/v", *marked)
    # Markers make caches of them: declared cold, they may go.
    folders = ("ab", "ab/cd", "ab/cd/ef", "ij", "ij/kl")
    inner = [store(folder, state="absent") for folder in folders]
    bench.with_specs(*inner, *bench.desired.services.values()).converge()
    assert cold(bench.world, FRONTEND, FOLDER)


def test_dot_directories_stay_and_that_is_no_success() -> None:
    bench = deep(None, ".hidden/x")
    applied = bench.apply()
    assert results(applied) == {"clear cache.hashserver": "failed"}
    assert "it is still foreign" in applied.outcomes[0].detail
    assert bench.world.violations == []


def test_a_clear_that_is_forbidden_between_two_passes_stops_there() -> None:
    bench = deep(None, *DEEP)
    passes = 0

    def between(world, host: str, argv: tuple[str, ...]) -> None:
        nonlocal passes
        passes += argv[0] == "rhl-clear"
        if passes == 1 and argv[0] == "rhl-ps":
            passes = 99
            build(Case("running", "ours", "ours"), HASHSERVER, world=world)

    bench.world.interpose = between
    applied = bench.apply()
    assert results(applied) == {"clear cache.hashserver": "failed"}
    assert applied.outcomes[0].detail.startswith("only part of ~/buffers/p was removed: ")
    assert bench.world.violations == []
