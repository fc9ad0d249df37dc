"""Every example validates, and converges on the simulated world from wherever its user may start."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from rhl_helpers.client import ConnectionFile
from seamless_reconcile.cli.main import cli
from seamless_reconcile.desired import Desired
from seamless_reconcile.plan import Verb
from simulated.bench import Bench
from world import World, truth
from world.machine import SimHost

REMOTE = "workstation.example.org"
HPC = "hpc.example.org"
DATA = "data.example.org"
STORES = ("hashserver", "database")


def test_all_examples_are_here() -> None:
    from_readme = {
        "any-http-service",
        "ci-cold-cache",
        "ci-isolated-stage",
        "everything-down",
        "guarded-hpc-frontend",
        "local-development",
        "ssh-with-tunnel",
    }
    folder = Path(__file__).resolve().parents[2] / "manifests"
    assert {path.stem for path in folder.iterdir()} == from_readme


def test_validates_from_a_fresh_clone(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(example.parent.parent)
    said = CliRunner().invoke(
        cli, ["validate", "-f", f"manifests/{example.name}"], env={"HOME": str(tmp_path)}
    )
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout.startswith("ok: ")


def test_says_what_it_is_for_and_what_to_edit(example: Path) -> None:
    header = example.read_text().partition("\nversion:")[0]
    assert "\n# What it is for: " in header
    assert "\n# What to edit: " in header


def test_has_nothing_to_warn_of(read_example, example: Path) -> None:
    _, desired = read_example(example.stem)
    assert desired.warnings == ()


# --- on the simulated world ----------------------------------------------------------------


def bench_of(desired: Desired, world: World) -> Bench:
    return Bench(world, *desired.services.values())


def converged(bench: Bench) -> None:
    """Apply, and find everything as declared, with nothing left to do and nothing bad done."""
    applied = bench.apply()
    assert [outcome.detail for outcome in applied.outcomes if not outcome.ok] == []
    assert applied.converged
    assert bench.apply().outcomes == ()
    assert bench.world.violations == []


def served(bench: Bench) -> set[str]:
    """Give the names of the services that the truth finds running."""
    specs = bench.desired.services.values()
    return {spec.name for spec in specs if truth.serving(bench.world, spec.host, spec.key)}


def connected(bench: Bench) -> set[str]:
    files = bench.world.client.files()
    return {
        name
        for name, spec in bench.desired.services.items()
        if isinstance(files.get(spec.key), ConnectionFile)
    }


def remote(world: World, name: str = REMOTE) -> SimHost:
    return world.add_host(name, conda=b"{}", conda_envs=frozenset({"seamless"}))


def fill(bench: Bench) -> None:
    """Have a computation store something in every service."""
    for spec in bench.desired.services.values():
        truth.use(bench.world, spec.host, spec.key)


def cold(bench: Bench, *names: str) -> dict[str, bool]:
    specs = (bench.desired.services[name] for name in names)
    return {spec.name: truth.cold(bench.world, spec.host, spec.cache.path) for spec in specs if spec.cache}


def test_local_development_brings_three_services_up(read_example) -> None:
    bench = bench_of(read_example("local-development")[1], World())
    converged(bench)
    assert served(bench) == connected(bench) == {"hashserver", "database", "jobserver"}
    assert bench.world.client.forwards() == []


def test_local_development_keeps_what_is_cached(read_example) -> None:
    bench = bench_of(read_example("local-development")[1], World())
    converged(bench)
    fill(bench)
    assert bench.plan().in_sync
    assert cold(bench, *STORES) == {"hashserver": False, "database": False}


def test_ssh_with_tunnel_reaches_each_service_through_a_forward(read_example) -> None:
    world = World()
    remote(world)
    bench = bench_of(read_example("ssh-with-tunnel")[1], world)
    converged(bench)
    assert served(bench) == connected(bench) == {"hashserver", "database", "jobserver"}
    assert [forward.ssh_host for forward in world.client.forwards()] == [REMOTE] * 3


def test_everything_down_ends_what_ssh_with_tunnel_began(read_example) -> None:
    world = World()
    host = remote(world)
    up = bench_of(read_example("ssh-with-tunnel")[1], world)
    converged(up)
    fill(up)
    down = bench_of(read_example("everything-down")[1], world)
    converged(down)
    assert served(down) == connected(down) == set()
    assert world.client.forwards() == []
    assert host.state == {}
    assert cold(up, *STORES) == {"hashserver": False, "database": False}
    assert len(down.record.logs) == 3


def test_everything_down_is_content_where_nothing_runs(read_example) -> None:
    world = World()
    remote(world)
    bench = bench_of(read_example("everything-down")[1], world)
    assert bench.plan().in_sync


@pytest.mark.parametrize(
    "guard",
    [("--data-roots", "/scratch/seamless:/tmp"), ("--clear-policy", "seamless")],
    ids=["data-roots", "marker policy"],
)
def test_guarded_hpc_frontend_comes_up_under_either_policy(read_example, guard: tuple[str, ...]) -> None:
    world = World()
    host = remote(world, HPC)
    host.guard, host.addresses = guard, frozenset({HPC, "frontend"})
    bench = bench_of(read_example("guarded-hpc-frontend")[1], world)
    converged(bench)
    assert served(bench) == connected(bench) == {"hashserver", "database", "daskserver", "published"}
    # A Dask server has a forward for its dashboard too.
    assert len(world.client.forwards()) == 5


def test_guarded_hpc_frontend_never_stops_what_it_protects(read_example) -> None:
    world = World()
    host = remote(world, HPC)
    host.guard, host.addresses = ("--data-roots", "/scratch/seamless:/tmp"), frozenset({HPC, "frontend"})
    bench = bench_of(read_example("guarded-hpc-frontend")[1], world)
    converged(bench)
    plan = bench.plan(replace=("service.published",))
    assert plan.actions == ()
    assert [blocked.resource for blocked in plan.blocked] == ["service.published"]


def test_ci_cold_cache_clears_once_a_run(read_example) -> None:
    bench = bench_of(read_example("ci-cold-cache", CI_RUN_ID="17")[1], World())
    converged(bench)
    fill(bench)
    assert bench.plan().in_sync
    later = Bench(
        bench.world,
        *read_example("ci-cold-cache", CI_RUN_ID="18")[1].services.values(),
        memory=bench.memory,
    )
    assert {a.resource for a in later.plan().actions if a.verb is Verb.CLEAR} == {
        "cache.hashserver",
        "cache.database",
    }
    converged(later)
    assert cold(later, *STORES) == {"hashserver": True, "database": True}


def test_ci_cold_cache_makes_another_clients_warm_caches_cold(read_example) -> None:
    _, desired = read_example("ci-cold-cache")
    before = bench_of(desired, World())
    converged(before)
    fill(before)
    _, again = read_example("ci-cold-cache", CI_RUN_ID="1")
    converged(bench_of(again, before.world))
    assert cold(before, *STORES) == {"hashserver": True, "database": True}


def catalogue_world() -> tuple[World, SimHost]:
    world = World()
    host = world.add_host(DATA, tools=frozenset({"catalogue-server", "search-server"}))
    return world, host


def test_any_http_service_brings_up_what_it_needs_first(read_example) -> None:
    world, _ = catalogue_world()
    bench = bench_of(read_example("any-http-service")[1], world)
    launches = [action.name for action in bench.plan().actions if action.verb is Verb.LAUNCH]
    assert launches == ["catalogue", "search"]
    converged(bench)
    assert served(bench) == connected(bench) == {"catalogue", "search"}


def test_any_http_service_clears_the_index_that_carries_the_marker(read_example) -> None:
    world, host = catalogue_world()
    for name in (".rhl-clearable", "a/one", "b/two"):
        host.tree.write(f"/srv/catalogue/index/{name}", 10, world.clock.now())
    host.caches["/srv/catalogue/index"] = "service"
    bench = bench_of(read_example("any-http-service")[1], world)
    converged(bench)
    assert cold(bench, "catalogue") == {"catalogue": True}


def test_any_http_service_leaves_an_index_without_the_marker(read_example) -> None:
    world, host = catalogue_world()
    host.tree.write("/srv/catalogue/index/a/one", 10, world.clock.now())
    bench = bench_of(read_example("any-http-service")[1], world)
    plan = bench.plan()
    assert plan.actions == ()
    assert "cache.catalogue" in {blocked.resource for blocked in plan.blocked}


def of_run(read_example, number: str, bench: Bench | None = None, **environ: str) -> Bench:
    """Give one CI run's bench, on the world of another where that is given."""
    _, desired = read_example("ci-isolated-stage", CI_RUN_ID=number, **environ)
    world, memory = (bench.world, bench.memory) if bench else (World(), None)
    return Bench(world, *desired.services.values(), memory=memory)


def test_ci_isolated_stage_keeps_runs_apart(read_example) -> None:
    one = of_run(read_example, "1")
    converged(one)
    fill(one)
    other = of_run(read_example, "2", one)
    assert {action.verb for action in other.plan().actions} == {Verb.LAUNCH, Verb.OPEN_TUNNEL}
    converged(other)
    assert cold(other, *STORES) == {"hashserver": True, "database": True}
    assert cold(one, *STORES) == {"hashserver": False, "database": False}
    assert served(one) == {"hashserver", "database", "jobserver"}


def test_ci_isolated_stage_cleans_up_its_own_and_nothing_else(read_example) -> None:
    one = of_run(read_example, "1")
    converged(one)
    other = of_run(read_example, "2", one)
    converged(other)
    fill(one)
    fill(other)
    down = of_run(read_example, "1", one, CI_SERVICES="absent")
    converged(down)
    assert cold(one, *STORES) == {"hashserver": True, "database": True}
    assert served(one) == set()
    assert cold(other, *STORES) == {"hashserver": False, "database": False}
    assert served(other) == {"hashserver", "database", "jobserver"}
