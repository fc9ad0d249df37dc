"""Cold means cold, converges while the services run, and is told apart from what only looks so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamless_reconcile.desired import CacheWish, ServiceSpec
from simulated.bench import Bench, DictMemory, reasons, results, spec_of, state, verbs
from simulated.deployments import frontend, new_world, pair, running, trio
from world import DATABASE, HASHSERVER, Case, World, build, cold, serving, use
from world.cases import FRONTEND
from world.files import File
from world.world import LOCAL

FOLDER = "~/databases/p"
HOSTS = pytest.mark.parametrize("host", [FRONTEND, LOCAL])


def used(bench: Bench, *keys: str, host: str = FRONTEND) -> None:
    for key in keys or (HASHSERVER.key, DATABASE.key):
        assert use(bench.world, host, key)


def database(**more: object) -> ServiceSpec:
    return spec_of(DATABASE, cache="cold", **more)


def hashserver(**more: object) -> ServiceSpec:
    return spec_of(HASHSERVER, cache="cold", **more)


# --- it converges, and drifts with the first write -------------------------------------------


@HOSTS
@pytest.mark.parametrize("what", ["absent", "empty", "pristine", "populated"])
def test_cold_converges_with_the_services_running(what: str, host: str) -> None:
    world = new_world(host)
    for placed in (HASHSERVER, DATABASE):
        build(Case("running", "ours", "ours", cache=what), placed, host=host, world=world)
    bench = Bench(world, *pair(host, cache="cold"))
    bench.converge()
    for placed in (HASHSERVER, DATABASE):
        assert cold(world, host, placed.workdir)
        assert serving(world, host, placed.key)
    assert state(bench.plan(), "cache.database") == "pristine"
    assert bench.apply().outcomes == ()


@HOSTS
@pytest.mark.parametrize("key", [HASHSERVER.key, DATABASE.key])
def test_the_first_write_is_drift(key: str, host: str) -> None:
    bench = running(*pair(host, cache="cold"))
    used(bench, key, host=host)
    plan = bench.plan()
    assert sum("clear" in verb for verb in verbs(plan)) == 1
    bench.converge()
    assert bench.apply().outcomes == ()


@pytest.mark.parametrize("skew", [0.0, 0.3, 0.95, 7200.0], ids=str)
@pytest.mark.parametrize("delay", [0.0, 0.3, 0.6, 0.9])
def test_a_write_right_after_the_apply_shows(skew: float, delay: float) -> None:
    bench = Bench(new_world(skew=skew), database())
    bench.world.clock.sleep(delay)
    bench.converge()
    used(bench, DATABASE.key)
    assert state(bench.plan(), "cache.database") == "populated"


@pytest.mark.parametrize("nth", range(1, 30))
def test_a_write_while_the_apply_goes_on_is_not_taken_for_cold(nth: int) -> None:
    """But within the very second of the file's birth, whose time the helper gives in whole seconds."""
    bench = Bench(new_world(), database(), hashserver())
    count = 0

    def somebody_writes(world: World, host: str, argv: tuple[str, ...]) -> None:
        nonlocal count
        count += 1
        if count == nth:
            use(world, FRONTEND, DATABASE.key)

    bench.world.interpose = somebody_writes
    bench.apply()
    bench.world.interpose = None
    if cold(bench.world, FRONTEND, FOLDER):
        return
    born = next(call.at for call in bench.world.trace if ("created", f"/home/svc{FOLDER[1:]}/seamless.db") in
                [(effect.what, effect.on) for effect in call.effects])  # fmt: skip
    node = frontend(bench.world).tree.find("/home/svc/databases/p/seamless.db")
    assert isinstance(node, File)
    if int(node.mtime) == int(born):
        return
    assert state(bench.plan(), "cache.database") == "populated"


def test_a_file_that_was_copied_back_is_not_taken_for_the_noted_one() -> None:
    bench = running(database())
    node = frontend(bench.world).tree.find("/home/svc/databases/p/seamless.db")
    assert isinstance(node, File)
    node.size += 4096
    assert state(bench.plan(), "cache.database") == "populated"


def test_another_launch_on_the_same_file_is_not_vouched_for() -> None:
    bench = running(database())
    other = Bench(bench.world, spec_of(DATABASE), memory=DictMemory())
    other.converge(replace=("service.database",))
    assert state(bench.plan(), "cache.database") == "populated"
    bench.converge()


def test_a_client_without_the_receipt_clears_once_more() -> None:
    bench = running(database())
    other = Bench(bench.world, database(), memory=DictMemory())
    assert state(other.plan(), "cache.database") == "populated"
    other.converge()
    assert other.apply().outcomes == ()


def test_a_restart_of_a_cold_database_keeps_it_cold_without_a_clear() -> None:
    bench = running(database())
    applied = bench.converge(replace=("service.database",))
    assert "clear cache.database" not in results(applied)
    assert state(bench.plan(), "cache.database") == "pristine"


def test_a_cold_database_that_was_ended_stays_cold() -> None:
    bench = running(database()).with_specs(database(state="stopped"))
    assert results(bench.converge()) == {
        "close_tunnel tunnel.database": "done", "stop service.database": "done"
    }  # fmt: skip
    assert bench.apply().outcomes == ()


def test_keep_after_cold_and_cold_after_keep() -> None:
    bench = running(*pair(cache="cold"))
    used(bench)
    kept = bench.with_specs(*pair(cache="keep"))
    assert kept.apply().outcomes == ()
    bench.converge()
    assert cold(bench.world, FRONTEND, FOLDER)


@HOSTS
@pytest.mark.parametrize("cache", ["cold", "keep"])
@pytest.mark.parametrize("how", ["the file", "the directory"])
def test_a_database_cleared_under_its_feet_is_replaced(how: str, cache: str, host: str) -> None:
    """It still answers from the deleted file, old results included: a false pass if it were left alone."""
    bench = running(spec_of(DATABASE, host=host, cache=cache))
    folder = bench.world.hosts[host].expand(FOLDER)
    bench.world.hosts[host].tree.remove(f"{folder}/seamless.db" if how == "the file" else folder)
    plan = bench.plan()
    assert plan.resource("service.database").observed["state"] == "unhealthy"
    assert "stop service.database" in verbs(plan)
    bench.converge()
    assert bench.apply().outcomes == ()


# --- warm ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("populated", ""),
        ("absent", "declared warm, but it is absent"),
        ("empty", "declared warm, but it is empty"),
        ("foreign", "declared warm, but it is foreign"),
    ],
)
def test_warm_is_asserted_and_never_made(what: str, reason: str) -> None:
    bench = Bench(build(Case(cache=what)), spec_of(HASHSERVER, cache="warm", state="absent"))
    plan = bench.plan()
    assert (verbs(plan), reasons(plan).get("cache.hashserver", "")) == ([], reason)
    assert plan.in_sync is not bool(reason)


# --- epochs ----------------------------------------------------------------------------------


def test_a_cache_warmed_within_its_epoch_is_in_sync_for_every_client() -> None:
    bench = running(*pair(cache="cold", epoch="one"))
    used(bench)
    assert bench.plan().in_sync
    stranger = Bench(bench.world, *pair(cache="cold", epoch="one"), memory=DictMemory())
    assert stranger.plan().in_sync
    assert stranger.apply().outcomes == ()


def test_a_new_epoch_clears_once_and_only_once() -> None:
    bench = running(*pair(cache="cold", epoch="one"))
    used(bench)
    later = bench.with_specs(*pair(cache="cold", epoch="two"))
    ended = results(later.converge())
    assert ended["clear cache.hashserver"] == ended["clear cache.database"] == "done"
    used(later)
    assert later.apply().outcomes == ()
    assert not cold(bench.world, FRONTEND, FOLDER)


@pytest.mark.parametrize("memory", ["kept", "lost"])
@pytest.mark.parametrize("why", ["another command line", "ended by itself", "asked for"])
def test_a_restart_within_the_epoch_keeps_what_was_computed(why: str, memory: str) -> None:
    bench = running(*pair(cache="cold", epoch="one"))
    used(bench)
    specs = pair(cache="cold", epoch="one")
    if why == "another command line":
        specs = [replace(spec, argv=(*spec.argv, "--more")) for spec in specs]
    if why == "ended by itself":
        bench.world.clock.sleep(3600)
    bench = bench.with_specs(*specs, memory=DictMemory() if memory == "lost" else bench.memory)
    names = ("service.hashserver", "service.database") if why == "asked for" else ()
    ended = results(bench.converge(replace=names))
    assert ended["launch service.hashserver"] == ended["launch service.database"] == "done"
    assert not [verb for verb in ended if verb.startswith("clear")]
    assert not cold(bench.world, FRONTEND, FOLDER)
    assert not cold(bench.world, FRONTEND, HASHSERVER.workdir)


def test_what_was_warmed_within_an_epoch_is_not_taken_for_cold_without_it() -> None:
    bench = running(*pair(cache="cold", epoch="one"))
    used(bench)
    bench.converge(replace=("service.database",))
    plain = bench.with_specs(*pair(cache="cold"))
    assert state(plain.plan(), "cache.database") == "populated"
    plain.converge()
    assert cold(bench.world, FRONTEND, FOLDER)


def test_a_clear_without_epoch_ends_the_memory_of_one() -> None:
    bench = running(*pair(cache="cold", epoch="one"))
    used(bench)
    bench.with_specs(*pair(cache="cold")).converge()
    used(bench)
    again = bench.with_specs(*pair(cache="cold", epoch="one"))
    assert "clear cache.database" in verbs(again.plan())
    again.converge()


def test_an_epoch_of_a_stopped_service_is_remembered_by_this_client_alone() -> None:
    bench = running(*pair(cache="cold", epoch="one"))
    used(bench)
    down = bench.with_specs(*pair(cache="cold", epoch="one", state="absent"))
    assert not [verb for verb in verbs(down.plan()) if verb.startswith("clear")]
    down.converge()
    assert down.plan().in_sync
    stranger = Bench(bench.world, *pair(cache="cold", epoch="one", state="absent"), memory=DictMemory())
    assert "clear cache.database" in verbs(stranger.plan())


# --- one directory, several services ---------------------------------------------------------


def ro(placed_spec: ServiceSpec) -> ServiceSpec:
    """Give the read-only sibling of a service: another key, the same directory."""
    key = placed_spec.key.replace("-rw-", "-ro-")
    argv = tuple(word.replace(placed_spec.key, key) for word in placed_spec.argv if word != "--writable")
    return replace(
        placed_spec, name=f"{placed_spec.name}-ro", key=key, argv=argv, identity={"mode": "ro"}
    )  # fmt: skip


@pytest.mark.parametrize("order", ["rw first", "ro first"])
@pytest.mark.parametrize("make", [hashserver, database])
def test_read_only_and_writing_services_share_one_cache(make, order: str) -> None:
    specs = [make(), ro(make())]
    bench = Bench(new_world(), *(specs if order == "rw first" else specs[::-1]))
    bench.converge()
    assert len([r for r in bench.plan().resources if r.kind == "cache"]) == 1
    assert bench.apply().outcomes == ()
    used(bench, specs[0].key)
    applied = bench.converge()
    order_of = [f"{a.verb.value} {a.name}" for a in applied.plan.actions]
    clear = next(index for index, verb in enumerate(order_of) if verb.startswith("clear"))
    for spec in specs:
        assert order_of.index(f"stop {spec.name}") < clear < order_of.index(f"launch {spec.name}")
    assert bench.apply().outcomes == ()


def test_restarting_one_of_two_on_a_cold_database_keeps_it_cold() -> None:
    bench = running(database(), ro(database()))
    for name in ("database", "database-ro"):
        ended = results(bench.converge(replace=(f"service.{name}",)))
        assert "clear cache.database" not in ended
        assert bench.plan().in_sync


def test_a_protected_sibling_blocks_the_clear_for_both() -> None:
    bench = running(hashserver(), replace(ro(hashserver()), protect=True))
    used(bench, HASHSERVER.key)
    plan = bench.plan()
    assert verbs(plan) == []
    assert reasons(plan)["cache.hashserver"] == "service.hashserver-ro is protected"


@pytest.mark.parametrize("order", [1, -1], ids=["hashserver first", "database first"])
@pytest.mark.parametrize("key", [HASHSERVER.key, DATABASE.key])
def test_a_hashserver_and_a_database_in_one_directory(key: str, order: int) -> None:
    folder = HASHSERVER.workdir
    wish = replace(database().cache or CacheWish("", None, ""), path=folder, root="~/buffers")  # type: ignore[arg-type]
    argv = tuple(word.replace(FOLDER, folder) for word in DATABASE.argv)
    both = [hashserver(), database(workdir=folder, argv=argv)]
    both[1] = replace(both[1], cache=wish)
    bench = Bench(new_world(), *both[::order])
    bench.converge()
    (cache,) = [r for r in bench.plan().resources if r.kind == "cache"]
    assert cache.observed["state"] == "pristine"
    used(bench, key)
    assert state(bench.plan(), cache.address) == "populated"
    applied = bench.converge()
    assert {"stop service.hashserver", "stop service.database"} <= results(applied).keys()
    assert cold(bench.world, FRONTEND, folder)
    assert bench.apply().outcomes == ()


def test_an_undeclared_database_in_a_hashservers_directory_is_not_cleared_along() -> None:
    world = build(Case(cache="populated"))
    host = frontend(world)
    host.tree.write("/home/svc/buffers/p/seamless.db", 98_304, world.clock.now())
    bench = Bench(world, hashserver(state="absent"))
    plan = bench.plan()
    assert verbs(plan) == []
    assert (
        "holds other caches that are not to be cold: /home/svc/buffers/p "
        in reasons(plan)["cache.hashserver"]
    )


# --- protection ------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", ["stopped", "absent", "cold", "replaced"])
def test_what_is_protected_is_never_stopped_cleared_or_removed(wish: str) -> None:
    bench = running(*pair())
    used(bench)
    states = {"stopped": "stopped", "absent": "absent"}
    caches = {"cold": "cold"}
    more = {"state": states.get(wish, "running"), "cache": caches.get(wish, "keep"), "tunnel": "open"}
    guarded = bench.with_specs(spec_of(HASHSERVER, protect=True, **more))
    options = {"replace": ("service.hashserver",)} if wish == "replaced" else {}
    plan = guarded.plan(**options)
    assert verbs(plan) == []
    assert any("protected" in reason for reason in reasons(plan).values())
    assert guarded.apply(**options).outcomes == ()


def test_what_is_protected_and_down_is_started() -> None:
    bench = Bench(new_world(), spec_of(HASHSERVER, protect=True))
    bench.converge()


def test_a_trio_with_one_cold_cache_restarts_only_what_it_must() -> None:
    bench = running(*trio())
    used(bench)
    specs = trio()
    specs[1] = database()
    ended = results(bench.with_specs(*specs).converge())
    assert "clear cache.database" in ended
    assert "stop service.hashserver" not in ended
    assert {"stop service.jobserver", "stop service.database"} <= ended.keys()
