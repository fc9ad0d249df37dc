"""`import` on real services of this machine: what it writes plans as in sync, and it changes nothing."""

from __future__ import annotations

import hashlib
import json
import signal

import pytest

pytestmark = pytest.mark.services

ALL = ("hashserver", "database", "jobserver")


@pytest.fixture(scope="module")
def cluster(user):
    user.clusters({"local_cluster": "here", "here": user.local()})


@pytest.fixture
def up(user, cluster):
    """A deployment, and a stage with a read-only hashserver and a database with an idle time of its own."""
    services = {
        **dict.fromkeys(ALL, "running"),
        "early": {"type": "database", "stage": "early", "idle_timeout": "3h"},
        "reader": {"type": "hashserver", "mode": "ro", "stage": "early"},
    }
    user.manifest(services, cluster="here", project="imported")
    seen = user.converge().seen
    return {name: seen.key(name) for name in services}


def everything(home):
    """Give every file below a home, byte for byte, and its time of change."""
    return {
        str(path.relative_to(home)): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
        )
        for path in home.rglob("*")
    }


def test_what_runs_is_imported_and_in_sync(user, up):
    done = user.sr("import", "--cluster", "here", "--output", "imported.yaml")
    assert done.stdout == ""
    assert "Imported 5 services; planning with it finds nothing to do." in done.stderr
    seen = user.plan("-f", "imported.yaml", "--detailed-exitcode")
    assert seen.in_sync
    assert {seen.key(name) for name in ("hashserver", "database", "jobserver")} == {up[name] for name in ALL}
    text = (user.folder / "imported.yaml").read_text()
    assert "idle_timeout: 10800" in text
    assert "mode: ro" in text
    assert text.startswith("# yaml-language-server: $schema=")
    # A second apply of what was imported is none.
    applied = user.apply("-f", "imported.yaml")
    assert applied.raw["outcomes"] == []


def test_stdout_is_the_manifest_and_json_has_it_too(user, up):
    told = user.sr("import", "--host", "local")
    data = json.loads(user.sr("import", "--host", "local", "--json").stdout)
    assert data["manifest"] == told.stdout
    assert (data["format_version"], data["in_sync"], data["complete"]) == (1, True, True)
    assert {one["key"] for one in data["entries"]} == set(up.values())
    assert {one["sources"]["cluster"] for one in data["entries"]} == {"its state file's meta"}


def test_the_folder_tells_the_cluster_where_nothing_is_said(user, up):
    user.project("imported", "here")
    try:
        assert "defaults:" in user.sr("import").stdout
        everything_ = user.sr("import", "--all", "--output", "all.yaml", "--force")
        assert "Imported 7 services" in everything_.stderr, everything_.stderr
        assert user.plan("-f", "all.yaml", "--detailed-exitcode").in_sync
    finally:
        for name in ("seamless.yaml", "seamless.profile.yaml"):
            (user.folder / name).unlink()
    assert "give --cluster NAME" in user.sr("import", code=65).stderr


def test_what_is_down_is_stopped_and_what_would_change_is_commented_out(user, up):
    user.manifest({"jobserver": "stopped"}, cluster="here", project="imported")
    user.converge()
    user.site.kill(up["early"], signal.SIGKILL)
    done = user.sr("import", "--cluster", "here", "--output", "down.yaml", "--force", code=2)
    text = (user.folder / "down.yaml").read_text()
    assert "jobserver: stopped" in text
    # Its connection is still there, and would be closed.
    assert f"not in the manifest: {up['early']} on local: its tunnel is " in done.stderr
    assert user.plan("-f", "down.yaml", "--detailed-exitcode").in_sync


def test_services_of_the_launchers_own_kind_and_without_meta(user, up):
    for key in up.values():
        path = user.site.state_file(key)
        path.write_text(json.dumps({**user.site.state(key), "meta": {}}))
    # Its cluster is known: its key is enough.
    data = json.loads(user.sr("import", "--cluster", "here", "--json").stdout)
    assert {one["as"] for one in data["entries"]} == {"identity"}
    # Without it, what the launcher knows has to do.
    user.clusters({"local_cluster": "there", "there": user.local()})
    try:
        done = user.sr("import", "--host", "local", "--json", "--output", "launchers.yaml", code=None)
        data = json.loads(done.stdout)
        ways = {one["key"]: (one["as"], one["written"]) for one in data["entries"]}
        assert {ways[up[name]] for name in ALL} == {("launcher", "entry")}
        # A stage's key is none that a manifest can name.
        assert ways[up["early"]] == (None, "comment")
        assert done.returncode == data["exit_code"] == 2
        assert user.plan("-f", "launchers.yaml", "--detailed-exitcode").in_sync
    finally:
        user.clusters({"local_cluster": "here", "here": user.local()})


def test_nothing_is_changed_byte_for_byte(user, up):
    before = everything(user.home)
    for words in (("--cluster", "here"), ("--host", "local", "--json"), ("--cluster", "here", "--all")):
        more = ("--project", "imported") if "--all" in words else ()
        user.sr("import", "--passive", *words, *more)
    assert everything(user.home) == before
    # A handshake is written into the service's log: that is its use, not ours.
    user.sr("import", "--cluster", "here")
    after = everything(user.home)
    assert set(after) == set(before)
    logs = {f".remote-http-launcher/server/{key}.log" for key in up.values()}
    assert {path for path in after if after[path] != before[path]} <= logs


def test_a_file_is_never_overwritten_unasked(user, up):
    path = user.write("mine\n", "mine.yaml")
    done = user.sr("import", "--cluster", "here", "--output", "mine.yaml", code=64)
    assert "--force" in done.stderr
    assert path.read_text() == "mine\n"
    (user.folder / "link.yaml").symlink_to(user.folder / "nowhere.yaml")
    user.sr("import", "--cluster", "here", "--output", "link.yaml", code=64)
    user.sr("import", "--cluster", "here", "--output", "mine.yaml", "--force")
    assert "version: 1" in path.read_text()
    assert [name.name for name in user.folder.glob(".mine*")] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--host", "-oProxyCommand=x"), 64, "no host name"),
        (("--cluster", "hear"), 65, "did you mean"),
        (("--cluster", "here", "--stage", "x"), 64, "--stage goes with --all"),
        (("--cluster", "here", "--force"), 64, "--force goes with --output"),
        (("--cluster", "here", "--output", "no/such/m.yaml"), 1, "no/such"),
        (("--cluster", "here", "--all", "--project", "{evil}"), 64, "may hold only"),
    ],
)
def test_misuse_is_said(user, cluster, words, code, said):
    assert said in user.sr("import", *words, code=code).stderr


def test_a_host_that_cannot_be_asked_is_3(user, cluster):
    done = user.sr("import", "--host", "nowhere.invalid", "--timeout", "5", "--json", code=3)
    data = json.loads(done.stdout)
    assert [host["answered"] for host in data["hosts"]] == [False]
    assert "nowhere.invalid could not be asked" in data["manifest"]
