"""What only looks leaves hosts and client as they were, to the byte (S6)."""

from __future__ import annotations

import hashlib
import json
import stat

import psutil
import pytest

from lab.user import Site

pytestmark = [pytest.mark.ssh, pytest.mark.services]

PAIR = ("hashserver", "database")
LOOKS = (
    ("plan", "--passive"),
    ("plan", "--passive", "--json", "--ssh", "openssh", "--replace", "service.database"),
    ("validate",),
    ("graph",),
    ("show", "../plan.json"),
)


def tree(root, *, logs):
    """Give all that can be told of a folder: names, kinds, modes, times, sizes, contents."""
    found = {}
    for path in (root, *root.rglob("*")):
        if path.suffix == ".log" and not logs:
            continue
        told = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(told.st_mode) else b""
        # A log that is appended to does not change its folder; a file that comes or goes does.
        found[str(path)] = (told.st_mode, told.st_mtime_ns, told.st_size, hashlib.sha256(content).hexdigest())
    return found


def processes(site, user):
    services = {process.pid for process in site.processes()}
    return services | set(user.forwards())


@pytest.fixture(scope="module")
def site(lab, user):
    """A host where nearly everything should be changed."""
    host = lab.host("plain")
    found = Site(host.home)
    user.clusters({"hpc": lab.cluster("plain")})
    user.manifest(dict.fromkeys((*PAIR, "jobserver"), "running"), cluster="hpc", project="looked-at")
    seen = user.converge().seen
    for name in ("jobserver", *PAIR):
        file = user.client_files / f"{seen.key(name)}.json"
        if name == "jobserver":
            found.kill(seen.key(name))
        if name == "database":
            file.write_text(json.dumps({**json.loads(file.read_text()), "tunneled-port": 1}))
    (host.data / "buffers" / "looked-at" / "0123").write_text("a buffer")
    user.sr("plan", "--out", "../plan.json")
    cold = {name: {"state": "running", "cache": "cold"} for name in PAIR}
    user.manifest({**cold, "jobserver": "running"}, cluster="hpc", project="looked-at")
    yield found
    found.wipe()


def test_it_is_a_world_that_asks_for_changes(user, site):
    seen = user.plan("--detailed-exitcode", code=2)
    assert seen.states["service.jobserver"] == "stale"
    assert seen.states["tunnel.database"] == "misrouted"
    assert {verb for verb, _ in seen.verbs} == {
        "close_tunnel", "save_log", "stop", "remove_state", "clear", "launch", "open_tunnel",
    }  # fmt: skip


@pytest.mark.parametrize("words", LOOKS, ids=[" ".join(words) for words in LOOKS])
def test_looking_changes_nothing(lab, user, site, words):
    host = lab.host("plain")
    before = {**tree(host.home, logs=True), **tree(user.home, logs=True)}
    alive = processes(site, user)
    user.sr(*words)
    after = {**tree(host.home, logs=True), **tree(user.home, logs=True)}
    assert after == before
    assert processes(site, user) == alive


def test_a_handshake_leaves_a_line_in_a_log_and_nothing_else(lab, user, site):
    host = lab.host("plain")
    before = {**tree(host.home, logs=False), **tree(user.home, logs=True)}
    logs = {path: path.read_bytes() for path in host.home.rglob("*.log")}
    alive = processes(site, user)
    user.sr("plan")
    assert {**tree(host.home, logs=False), **tree(user.home, logs=True)} == before
    news = [path.read_bytes().removeprefix(log) for path, log in logs.items() if path.read_bytes() != log]
    assert len(news) == 1
    assert news[0].count(b"\n") == news[0].count(b"GET /healthcheck") == 1
    assert processes(site, user) == alive
    assert all(psutil.pid_exists(pid) for pid in alive)
