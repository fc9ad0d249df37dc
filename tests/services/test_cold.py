"""Cold caches on this machine: warm is seen, cleared, and cold stays cold with the services running."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.services

PAIR = ("hashserver", "database")


@pytest.fixture(scope="module", autouse=True)
def _cluster(user):
    user.clusters({"local_cluster": "here", "here": user.local()})


def pair(user, project, state="running", cache="cold", **more):
    """Declare hashserver and database alike."""
    services = {name: {"state": state, "cache": cache, **more} for name in PAIR}
    user.manifest(services, cluster="here", project=project)


def compute(user, project, text):
    user.project(project, "here", execution="process")
    user.write(text, "text.txt")
    done = user.run("seamless-run", "wc", "-c", "text.txt")
    assert (done.returncode, done.stdout) == (0, f"{len(text)} text.txt\n"), done.stderr
    return done


def buffers(user, project):
    return user.home / "data" / "buffers" / project


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_warm_is_drift_and_is_cleared_and_stays_cold_with_the_services_running(user):
    pair(user, "demo")
    cold = user.converge().seen
    assert cold.states["cache.database"] == "pristine"
    assert user.plan().in_sync
    compute(user, "demo", "some text\n")

    warm = user.plan("--detailed-exitcode", code=2)
    assert warm.verdicts["cache.hashserver"] == warm.verdicts["cache.database"] == "drift"
    stored = warm.observed("cache.database")
    assert stored["path"] == str(user.home / "data" / "database" / "demo")
    assert stored["size"] == 98304
    assert stored["modified"]
    shown = user.sr("plan").stdout
    for cache in ("cache.hashserver", "cache.database"):
        assert f"removes all in {warm.observed(cache)['path']}" in shown.replace("\n", " ").replace("  ", " ")
        assert f"last modified {warm.observed(cache)['modified']}" in shown
    assert "98,304 bytes" in shown
    assert len(files(buffers(user, "demo"))) > 1

    applied = user.converge()
    assert {("clear", "cache.hashserver"), ("clear", "cache.database")} <= set(applied.done)
    assert files(buffers(user, "demo")) == [".HASHSERVER_PREFIX"]
    before = user.site.footprint(*(cold.key(name) for name in PAIR))
    after = user.plan("--detailed-exitcode")
    assert after.in_sync
    assert after.states["service.hashserver"] == after.states["service.database"] == "running"
    assert user.site.footprint(*(cold.key(name) for name in PAIR)) == before


def test_with_an_epoch_a_cache_is_cleared_once(user):
    pair(user, "epochs", cache={"state": "cold", "epoch": "monday"})
    user.converge()
    compute(user, "epochs", "written in its epoch\n")
    assert user.plan("--detailed-exitcode").in_sync
    pair(user, "epochs", cache={"state": "cold", "epoch": "tuesday"})
    seen = user.plan("--detailed-exitcode", code=2)
    assert "tuesday" in seen.causes["clear", "cache.database"]
    user.converge()
    assert files(buffers(user, "epochs")) == [".HASHSERVER_PREFIX"]
    pair(user, "epochs", state="absent", cache="keep")
    user.converge()


def test_one_cold_of_two_is_a_warning(user):
    services = {"hashserver": "running", "database": {"state": "running", "cache": "cold"}}
    user.manifest(services, cluster="here", project="half")
    warnings = user.plan().raw["warnings"]
    assert any("cold" in warning["message"] for warning in warnings), warnings


def test_a_foreign_directory_is_neither_cleared_nor_served(user):
    folder = buffers(user, "thesis")
    folder.mkdir(parents=True)
    (folder / "chapter1.tex").write_text("my only copy")
    pair(user, "thesis")
    seen = user.plan(code=5)
    assert seen.states["cache.hashserver"] == "foreign"
    assert seen.verdicts["service.hashserver"] == seen.verdicts["cache.hashserver"] == "blocked"
    applied = user.apply(code=5)
    # The other chain goes on.
    assert applied.done == [("launch", "service.database"), ("open_tunnel", "tunnel.database")]
    assert files(folder) == ["chapter1.tex"]
    assert not user.site.state_file(seen.key("hashserver")).exists()
    pair(user, "thesis", state="absent", cache="keep")
    user.converge()
    assert files(folder) == ["chapter1.tex"]


def test_deep_trees_are_cleared_to_the_last_file(user):
    folder = buffers(user, "deep")
    for path in ("a/b/c/d/e/f1", "a/b/f2", "a/f3", "g/h/i/f4", "f5", ".HASHSERVER_PREFIX"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")
    user.manifest({"hashserver": {"state": "absent", "cache": "cold"}}, cluster="here", project="deep")
    applied = user.converge()
    assert applied.done == [("clear", "cache.hashserver")]
    assert files(folder) == []


def test_what_is_left_after_a_clear_is_said(user):
    folder = buffers(user, "dotted")
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "objects" / "f").write_text("rhl-clear leaves such directories")
    (folder / ".HASHSERVER_PREFIX").write_text("")
    (folder / "buffer").write_text("x")
    user.manifest({"hashserver": {"state": "absent", "cache": "cold"}}, cluster="here", project="dotted")
    applied = user.apply(code=None)
    left = files(folder)
    # Either all is gone, or it is not called done.
    assert applied.converged == (left == []), (left, applied.raw)
    if left:
        assert applied.results["clear", "cache.hashserver"] == "failed"


def test_a_link_to_a_directory_that_is_no_cache_is_not_followed(user):
    elsewhere = user.home / "papers"
    elsewhere.mkdir()
    (elsewhere / "paper.tex").write_text("my only copy")
    buffers(user, "link").parent.mkdir(parents=True, exist_ok=True)
    buffers(user, "link").symlink_to(elsewhere)
    user.manifest({"hashserver": {"state": "absent", "cache": "cold"}}, cluster="here", project="link")
    seen = user.plan(code=5)
    assert seen.verdicts["cache.hashserver"] == "blocked"
    assert user.apply(code=5).done == []
    assert files(elsewhere) == ["paper.tex"]


@pytest.mark.parametrize("place", ["home", "above home", "root", "system"])
def test_no_home_and_no_system_directory_is_ever_cleared(user, place):
    path, marker = {
        "home": ("~", ".bashrc"),
        "above home": (str(user.home.parent), "ssh_config"),
        "root": ("/", "etc"),
        "system": ("/usr/lib", "os-release"),
    }[place]
    wish = {"state": "cold", "path": path, "marker": marker}
    user.manifest({"hashserver": {"state": "absent", "cache": wish}}, cluster="here", project="paths")
    # Only planned: were it wrong, an apply would take this machine along.
    planned = user.sr("plan", code=None)
    assert planned.returncode in (5, 65), planned.stdout + planned.stderr


def test_warm_is_an_assertion(user):
    user.manifest({"database": {"state": "absent", "cache": "warm"}}, cluster="here", project="nothing")
    seen = user.plan(code=5)
    assert "declared warm" in seen.blocked["cache.database"]
    assert seen.verbs == []
