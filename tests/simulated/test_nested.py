"""Caches inside caches: nothing is cleared along that is not to be cold itself (S2), and all converges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamless_reconcile.desired import ServiceSpec
from simulated.bench import Bench, reasons, results, spec_of, state, verbs
from simulated.deployments import frontend, new_world, running, stage, store
from world import DATABASE, HASHSERVER, Allowed, Case, Placed, World, build, cold, use
from world.cases import FRONTEND

ROOT = "/home/svc/buffers/p"


def filled(*paths: str, placed: Placed = HASHSERVER, **case: object) -> World:
    """Give a world in which a project and stages below it hold data."""
    world = new_world()
    for path in paths:
        build(Case(cache="populated", **case), stage(placed, path) if path else placed, world=world)  # type: ignore[arg-type]
    return world


def touching(world: World, *specs: ServiceSpec) -> Bench:
    """Give a bench whose monitors allow clearing the named caches that are to be cold, and no other."""
    cleared = frozenset(
        frontend(world).expand(s.cache.path) for s in specs if s.cache and s.cache.state.value == "cold"
    )
    world.monitor.allowed = Allowed(clears={FRONTEND: cleared})
    return Bench(world, *specs)


@pytest.mark.parametrize("inner", ["STAGE-a", "sub", "sub/STAGE-a", "sub/deep/STAGE-a"])
@pytest.mark.parametrize("declared", ["undeclared", "kept", "warm"])
@pytest.mark.parametrize("kind", [HASHSERVER, DATABASE], ids=["hashserver", "database"])
def test_a_root_with_another_cache_inside_is_not_cleared_and_says_which(
    kind: Placed, declared: str, inner: str
) -> None:
    world = filled("", inner, placed=kind)
    specs = [store(placed=kind, state="absent")]
    if declared != "undeclared":
        specs.append(
            store(inner, placed=kind, state="absent", cache={"kept": "keep", "warm": "warm"}[declared])
        )
    bench = touching(world, *specs)
    applied = bench.apply()
    assert (applied.outcomes, world.violations) == ((), [])
    why = reasons(applied.plan)[f"cache.{kind.type}"]
    assert "holds other caches that are not to be cold: " in why
    assert frontend(world).expand(f"{kind.workdir}/{inner}") in why


def test_a_database_inside_a_hashservers_directory_counts_too() -> None:
    world = filled("")
    inner = replace(DATABASE, workdir=f"{HASHSERVER.workdir}/STAGE-a")
    build(Case(cache="populated"), inner, world=world)
    bench = touching(world, store(state="absent"))
    assert bench.apply().outcomes == ()
    assert "STAGE-a (98,304 bytes, last modified " in reasons(bench.plan())["cache.hashserver"]


def test_an_empty_cache_inside_forbids_nothing() -> None:
    """Nothing is lost with it but its marker, which its next service puts there again."""
    world = filled("")
    build(Case(cache="empty"), stage(HASHSERVER, "STAGE-a"), world=world)
    Bench(world, store(state="absent")).converge()


@pytest.mark.parametrize("guard", [None, ("--data-roots", "~/buffers"), ("--clear-policy", "seamless")],
                         ids=["plain", "data roots", "markers"])  # fmt: skip
@pytest.mark.parametrize(
    "paths", [("", "STAGE-a"), ("", "sub", "sub/STAGE-a"), ("", "a", "b", "a/c")], ids="+".join
)
def test_all_cold_is_cleared_from_the_leaves(paths: tuple[str, ...], guard: tuple[str, ...] | None) -> None:
    world = filled(*paths)
    frontend(world).guard = guard
    bench = touching(world, *(store(path, state="absent") for path in paths))
    applied = bench.converge()
    order = [a.name for a in applied.plan.actions if a.verb.value == "clear"]
    assert len(order) == len(paths)
    for outer in order:
        for inner in order:
            assert not inner.startswith(f"{outer}-") or order.index(inner) < order.index(outer)
    assert cold(world, FRONTEND, ROOT)
    assert bench.apply().outcomes == ()


@pytest.mark.parametrize("kind", [HASHSERVER, DATABASE], ids=["hashserver", "database"])
def test_root_and_stage_both_cold_and_running_stay_in_sync(kind: Placed) -> None:
    bench = running(store(placed=kind), store("STAGE-a", placed=kind))
    assert bench.apply().outcomes == ()
    for placed in (kind, stage(kind, "STAGE-a")):
        assert use(bench.world, FRONTEND, placed.key)
        bench.converge()
        assert bench.apply().outcomes == ()


def test_only_the_inner_one_is_cleared_if_only_it_is_to_be_cold() -> None:
    world = filled("", "STAGE-a")
    bench = touching(world, store(cache="keep", state="absent"), store("STAGE-a", state="absent"))
    assert results(bench.converge()) == {"clear cache.hashserver-STAGE-a": "done"}
    assert not cold(world, FRONTEND, ROOT)
    assert cold(world, FRONTEND, f"{ROOT}/STAGE-a")


def test_a_live_service_inside_is_put_down_for_the_clear_above_it() -> None:
    bench = running(store(cache="keep"), store("STAGE-a"))
    assert use(bench.world, FRONTEND, HASHSERVER.key)
    applied = bench.with_specs(store(), store("STAGE-a")).converge()
    order = [f"{a.verb.value} {a.name}" for a in applied.plan.actions]
    clear = order.index("clear hashserver")
    assert order.index("stop hashserver-STAGE-a") < clear < order.index("launch hashserver-STAGE-a")


def test_a_live_undeclared_service_inside_forbids_the_clear() -> None:
    bench = running(store(cache="keep"), store("STAGE-a"))
    assert use(bench.world, FRONTEND, HASHSERVER.key)
    alone = bench.with_specs(store())
    assert alone.apply().outcomes == ()
    assert reasons(alone.plan())["cache.hashserver"].startswith(f"{stage(HASHSERVER, 'STAGE-a').key} (pid ")


def test_a_blocked_inner_clear_blocks_the_outer_one() -> None:
    world = filled("")
    build(Case(cache="foreign"), stage(HASHSERVER, "STAGE-a"), world=world)
    frontend(world).caches[f"{ROOT}/STAGE-a"] = "foreign"
    bench = touching(world, store(state="absent"), store("STAGE-a", state="absent"))
    assert bench.apply().outcomes == ()
    assert reasons(bench.plan())["cache.hashserver"].startswith(
        "cache.hashserver-STAGE-a lies inside and is blocked: "
    )


def test_a_cache_that_was_warmed_within_its_epoch_is_not_cleared_along() -> None:
    one = {"epoch": "one"}
    bench = running(store(**one), store("STAGE-a", **one))
    assert use(bench.world, FRONTEND, stage(HASHSERVER, "STAGE-a").key)
    assert use(bench.world, FRONTEND, HASHSERVER.key)
    later = bench.with_specs(store(epoch="two"), store("STAGE-a", **one))
    plan = later.plan()
    assert verbs(plan) == []
    assert "holds other caches that are not to be cold: " in reasons(plan)["cache.hashserver"]
    both = bench.with_specs(store(epoch="two"), store("STAGE-a", epoch="two"))
    both.converge()
    assert cold(both.world, FRONTEND, ROOT)


@pytest.mark.parametrize("target", ["cache.hashserver", "cache.hashserver-STAGE-a"])
def test_a_target_clears_what_it_names(target: str) -> None:
    world = filled("", "STAGE-a")
    bench = touching(world, store(state="absent"), store("STAGE-a", state="absent"))
    applied = bench.apply(targets=(target,))
    assert applied.converged
    assert verbs(applied.plan) == [f"clear {target}"]
    assert cold(world, FRONTEND, f"{ROOT}/STAGE-a")


# --- names that look alike -------------------------------------------------------------------


def test_a_cold_path_is_not_taken_for_one_that_ends_alike() -> None:
    """`~/STAGE-a` names the directory in the home, not the one of that name inside the cache."""
    world = filled("", "STAGE-a")
    alike = replace(HASHSERVER, key="alike", workdir="~/STAGE-a", argv=("hashserver", "~/STAGE-a"))
    other = spec_of(alike, name="alike", cache="cold", state="absent")
    assert other.cache is not None
    bench = touching(world, store(state="absent"), replace(other, cache=replace(other.cache, root=None)))
    assert [verb for verb in verbs(bench.plan()) if verb == "clear cache.hashserver"] == []
    bench.apply()
    assert world.violations == []


def test_a_cache_inside_named_like_the_cache_itself_is_not_taken_for_it() -> None:
    """Foreign data in `~/p`, and a cache in `~/p/x/p`: the marker is the inner one's."""
    outer = replace(HASHSERVER, workdir="~/p", argv=("hashserver", "~/p"))
    inner = replace(HASHSERVER, key="inner", workdir="~/p/x/p", argv=("hashserver", "~/p/x/p"))
    world = new_world()
    build(Case(cache="foreign"), outer, world=world)
    build(Case(cache="populated"), inner, world=world)
    spec = spec_of(outer, cache="cold", state="absent")
    assert spec.cache is not None
    bench = touching(world, replace(spec, cache=replace(spec.cache, root=None)))
    bench.apply()
    assert world.violations == []
    assert dict(frontend(world).tree.files("/home/svc/p")).keys() >= {"/home/svc/p/thesis.tex"}


def test_a_project_that_only_holds_stages_is_cold() -> None:
    world = filled("STAGE-a")
    bench = touching(world, store(state="absent"))
    plan = bench.plan()
    assert (plan.in_sync, state(plan, "cache.hashserver")) == (True, "empty")


def test_a_root_that_only_holds_other_caches_is_launched_on() -> None:
    bench = touching(filled("STAGE-a"), store())
    bench.converge()
    assert state(bench.plan(), "cache.hashserver") == "empty"
    assert not cold(bench.world, FRONTEND, f"{ROOT}/STAGE-a")


NO_CACHES = (
    "~", "~/", "/home/svc", "/home/svc/", "/", "/usr/lib/x", "/data", "~/.cache/x", "/home/svc/../svc/x",
    "~/buffers",
)  # fmt: skip


@pytest.mark.parametrize("path", NO_CACHES)
def test_a_path_that_is_no_cache_is_never_cleared(path: str) -> None:
    world = filled("")
    host = frontend(world)
    host.tree.write(f"{host.expand(path).rstrip('/')}/.HASHSERVER_PREFIX", 2, 0.0)
    spec = store(state="absent")
    assert spec.cache is not None
    bench = Bench(world, replace(spec, workdir=path, cache=replace(spec.cache, path=path, root="~/buffers")))
    assert bench.apply().outcomes == ()
    assert world.violations == []
