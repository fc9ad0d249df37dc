"""`diagnose` of services on other hosts: the service told from the way to it, through guards, read-only."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat

import pytest

from lab.user import Site, running, wait_for

pytestmark = [pytest.mark.ssh, pytest.mark.services]

SHIM = """\
import sys
if sys.orig_argv[1:2] and sys.orig_argv[1].endswith('/hashserver'):
    import fastapi.responses
    del fastapi.responses.JSONResponse
"""


def diagnosed(user, *words, code=2):
    return json.loads(user.sr("diagnose", "--json", *words, code=code).stdout)


def tree(root, *, logs):
    """Give all that can be told of a folder: names, kinds, modes, times, sizes, contents."""
    found = {}
    for path in (root, *root.rglob("*")):
        if path.suffix == ".log" and not logs:
            continue
        told = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(told.st_mode) else b""
        found[str(path)] = (told.st_mode, told.st_mtime_ns, told.st_size, hashlib.sha256(content).hexdigest())
    return found


@pytest.fixture(scope="module")
def plain(lab, user):
    """A host with a hashserver and a database that are well, reached through tunnels."""
    site = Site(lab.host("plain").home)
    user.clusters({"hpc": lab.cluster("plain")})
    user.manifest({"hashserver": "running", "database": "running"}, cluster="hpc", project="diagnosed")
    seen = user.converge().seen
    yield site, seen
    site.wipe()


def test_a_broken_tunnel_is_told_from_a_dead_service(user, plain):
    site, seen = plain
    for pid in user.forwards():
        os.kill(pid, signal.SIGKILL)
    # Its monitor may open it anew, so the client file is made to lead nowhere as well.
    for name in ("hashserver", "database"):
        file = user.client_files / f"{seen.key(name)}.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "port": 1}))
    pid = site.kill(seen.key("database"))
    wait_for(lambda: not running(pid), why="the database to be gone")
    hashserver, database = diagnosed(user)["diagnoses"]
    assert hashserver["symptom"]["id"] in ("D140", "D142")
    assert hashserver["evidence"]["handshake_on_host"] == "ok"
    assert hashserver["evidence"]["handshake_through_client"] != "ok"
    assert hashserver["causes"] == []
    assert (database["symptom"]["id"], database["evidence"]["process_alive"]) == ("D118", False)
    first = database["next"][0]["command"]
    assert first.startswith("ssh plain 'PATH=")
    assert first.endswith(f" rhl-logs {seen.key('database')} --tail 100")
    text = user.sr("diagnose", "hashserver", code=2).stdout
    assert text.startswith("hashserver on plain: the service is well, and ")
    user.converge()
    assert diagnosed(user, code=0)["diagnoses"] == []


LOOKS = (("--all",), ("--all", "--json", "--ssh", "openssh"), ("hashserver", "--tail", "100"))


def test_nothing_is_changed_on_any_side(lab, user, plain):
    site, _ = plain
    user.converge()
    home = lab.host("plain").home
    before = {**tree(home, logs=True), **tree(user.home, logs=True)}
    alive = {process.pid for process in site.processes()} | set(user.forwards())
    for words in LOOKS:
        user.sr("diagnose", "--passive", *words)
        assert {**tree(home, logs=True), **tree(user.home, logs=True)} == before, words
    # A handshake leaves its line in the log of the service, and nothing else anywhere.
    before = {**tree(home, logs=False), **tree(user.home, logs=True)}
    for words in LOOKS:
        user.sr("diagnose", *words)
        assert {**tree(home, logs=False), **tree(user.home, logs=True)} == before, words
    assert {process.pid for process in site.processes()} | set(user.forwards()) == alive


@pytest.fixture
def conda(lab, user):
    """A host whose services are launched in a conda environment."""
    host = lab.host("conda")
    user.clusters({"hpc": lab.cluster("conda")})
    user.manifest({"hashserver": "running"}, cluster="hpc", project="activated")
    profile = host.home / ".bash_profile"
    yield host, profile
    profile.unlink(missing_ok=True)
    Site(host.home).wipe()


def test_a_crash_in_a_conda_environment(user, conda):
    host, profile = conda
    (host.home / "sitecustomize.py").write_text(SHIM)
    profile.write_text(f"export PYTHONPATH={host.home}\n")
    user.sr("apply", "--yes", code=None)
    (one,) = diagnosed(user)["diagnoses"]
    assert (one["symptom"]["id"], one["causes"][0]["id"], one["sure"]) == ("D117", "D201", "certain")
    assert one["fix"] == "the conda environment seamless on conda"
    assert one["evidence"]["conda"]["cached"]
    commands = [step["command"] for step in one["next"]]
    assert any(one.endswith(" conda run -n seamless pip install --upgrade hashserver") for one in commands)
    assert any("not a live fix" in advice for advice in one["advice"])


def test_an_environment_that_is_not_there(lab, user, conda):
    cluster = lab.cluster("conda")
    cluster["frontends"][0]["hashserver"]["conda"] = "seamles"
    user.clusters({"hpc": cluster})
    user.sr("apply", "--yes", code=None)
    (one,) = diagnosed(user)["diagnoses"]
    found = {cause["id"]: cause["sure"] for cause in one["causes"]}
    assert found == {"D250": "certain", "D301": "likely"}
    assert "conda field" in one["fix"]


@pytest.mark.parametrize("name", ["rooted", "marked"])
def test_through_a_guard(lab, user, name):
    site = Site(lab.host(name).home)
    user.clusters({"hpc": lab.cluster(name)})
    user.manifest({"hashserver": "running"}, cluster="hpc", project=name)
    key = user.converge().seen.key("hashserver")
    site.kill(key)
    try:
        (one,) = diagnosed(user)["diagnoses"]
        assert (one["symptom"]["id"], [cause["id"] for cause in one["causes"]]) == ("D118", ["D243"])
        assert one["evidence"]["log"]["untrusted_text"]
        (same,) = diagnosed(user, "--host", name, "--key", key)["diagnoses"]
        assert same["symptom"] == one["symptom"]
    finally:
        site.wipe()


def test_hosts_that_cannot_be_asked(lab, user):
    user.clusters({"hpc": lab.cluster("bare")})
    user.manifest({"hashserver": "running"}, cluster="hpc", project="bare")
    (one,) = diagnosed(user, code=3)["diagnoses"]
    assert (one["symptom"]["id"], one["health"]) == ("D105", "untold")
    words = ("--host", "nowhere.invalid", "--key", "hashserver-hpc-rw-x", "--timeout", "5")
    (none,) = diagnosed(user, *words, code=3)["diagnoses"]
    assert none["symptom"]["id"] in ("D101", "D103", "D104")
