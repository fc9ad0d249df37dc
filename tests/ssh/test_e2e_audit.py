"""`audit` of real hosts: what is wrong there is found, what helps is said, and nothing is touched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import signal
import socket
import stat
import time

import psutil
import pytest

from lab import HostSpec
from lab.host import ADDRESS
from lab.user import Site, wait_for
from seamless_reconcile.audit.idling import read_idle
from seamless_reconcile.reaching import SystemClock

pytestmark = [pytest.mark.ssh, pytest.mark.services]

PAIR = ("hashserver", "database")
GUARDS = {"rooted": [], "marked": [], "unpolicied": ["R403"], "lax": ["R405"], "bare": ["R402"], "conda": []}


@pytest.fixture(scope="module")
def host(lab):
    """A host of this module's own: its sshd is stopped and started."""
    return lab.add(HostSpec("audited"))


@pytest.fixture(scope="module")
def site(user, lab, host):
    user.clusters({"hpc": lab.cluster("audited")})
    found = Site(host.home)
    yield found
    found.wipe()


@pytest.fixture
def keys(user, site):
    """Hashserver and database up, with their tunnels; gives their keys."""
    user.manifest(dict.fromkeys(PAIR, "running"), cluster="hpc", project="demo")
    seen = user.converge().seen
    return {name: seen.key(name) for name in PAIR}


@contextlib.contextmanager
def alone(user):
    """Leave the manifest away for a while."""
    manifest = user.folder / "seamless.reconcile.yaml"
    manifest.rename(user.folder / "away.yaml")
    try:
        yield
    finally:
        (user.folder / "away.yaml").rename(manifest)


def findings(user, *words, code=0):
    return json.loads(user.sr("audit", "--json", *words, code=code).stdout)["findings"]


def ids(found):
    return [(one["id"], one["resource"]) for one in found]


def heal(user, found):
    """Do what a finding says, to the letter."""
    assert found["commands"], found
    for command in found["commands"]:
        words = f"{command} --yes" if command.startswith("seamless-reconcile apply") else command
        done = user.run("bash", "-c", words)
        assert done.returncode in (0, 2), (command, done)
        assert "not found" not in done.stderr, (command, done)


# --- what is found -------------------------------------------------------------------------


def test_a_healthy_host_has_no_findings(user, host, keys):
    assert findings(user) == []
    with alone(user):
        assert findings(user, "--cluster", "hpc", "--ssh", "openssh") == []
        assert findings(user, "--host", "audited") == []


def test_an_undeclared_service_is_found(user, keys):
    user.manifest({"hashserver": "running"}, cluster="hpc", project="demo")
    assert ids(findings(user)) == [("R110", f"key.{keys['database']}")]


@pytest.mark.parametrize("name", GUARDS)
def test_every_kind_of_guard_is_told(lab, user, host, keys, name):
    if name == "lax":
        lab.add(HostSpec("lax", guard="permissive"))
    lab.host(name)
    with alone(user):
        found = findings(user, "--host", name, code=3 if name == "bare" else 0)
    assert [one["id"] for one in found] == GUARDS[name]


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "undeclared"])
def test_a_killed_service_is_found_and_its_remedy_helps(user, site, keys, declared):
    site.kill(keys["hashserver"])
    with contextlib.nullcontext() if declared else alone(user):
        words = () if declared else ("--cluster", "hpc")
        (found,) = findings(user, *words, "--fail-on", "error", code=2)
        assert found["id"] == "R102"
        assert "ends by itself after 600 s" in found["message"]
        heal(user, found)
        # Without its state file the client's own file leads nowhere; with a manifest all is set right.
        assert "R102" not in {one["id"] for one in findings(user, *words)}


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "undeclared"])
def test_a_tunnel_that_leads_astray_is_found_and_its_remedy_helps(user, keys, declared):
    file = user.client_files / f"{keys['database']}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "tunneled-port": 1}))
    with contextlib.nullcontext() if declared else alone(user):
        words = () if declared else ("--cluster", "hpc")
        (found,) = findings(user, *words)
        assert found["id"] == "R202"
        heal(user, found)
        assert "R202" not in {one["id"] for one in findings(user, *words)}


def test_a_lost_forward_is_found_and_its_remedy_helps(user, keys):
    pids = user.forwards()
    local = json.loads((user.client_files / f"{keys['database']}.json").read_text())["port"]
    user.kill(next(pid for pid, line in pids.items() if f"-L {local}:" in line))
    (found,) = findings(user)
    assert ids([found]) == [("R201", "tunnel.database")]
    heal(user, found)
    assert findings(user) == []


def test_an_orphan_forward_is_found_and_its_remedy_helps(user, keys):
    (user.client_files / f"{keys['database']}.json").unlink()
    with alone(user):
        (found,) = findings(user, "--cluster", "hpc")
        assert (found["id"], found["host"]) == ("R203", "audited")
        assert set(shlex.split(found["commands"][0])[2:]) == {str(pid) for pid in found["evidence"]["pids"]}
        heal(user, found)
        wait_for(lambda: not any(map(psutil.pid_exists, found["evidence"]["pids"])), why="the forward")
        assert findings(user, "--cluster", "hpc") == []


def test_a_stage_inside_a_project_that_nobody_serves_is_found(user, host, keys):
    stage = host.data / "buffers" / "demo" / "STAGE-old"
    stage.mkdir()
    (stage / ".HASHSERVER_PREFIX").touch()
    (stage / "0123").write_text("a buffer")
    try:
        (found,) = findings(user)
    finally:
        for path in (*stage.iterdir(), stage):
            path.unlink() if path.is_file() else path.rmdir()
    assert ids([found]) == [("R310", "cache.hashserver")]
    assert found["message"].endswith(f"nothing serves {stage}")


def test_a_real_log_tells_when_a_hashserver_was_last_used(reach, user, keys):
    host = reach("audited", kind="paramiko")
    first = read_idle(host, keys["hashserver"], SystemClock())
    assert first is not None
    assert 0 <= first < 60
    # Looking at a log is no use of the service; and others date nothing.
    assert read_idle(host, keys["hashserver"], SystemClock()) >= first
    assert read_idle(host, keys["database"], SystemClock()) is None


# --- hosts that do not answer --------------------------------------------------------------


@contextlib.contextmanager
def silent(lab, count):
    """Give names of hosts that take connections and say nothing."""
    names = [f"silent{number}" for number in range(count)]
    with contextlib.ExitStack() as open_:
        for name in names:
            listener = open_.enter_context(socket.create_server((ADDRESS, 0), backlog=64))
            lab.add_place(name, listener.getsockname()[1])
        yield names


@pytest.mark.parametrize("ssh", ["paramiko", "openssh"])
def test_dead_hosts_are_waited_for_at_once_and_hide_nothing(lab, user, site, keys, ssh):
    site.kill(keys["database"])
    with silent(lab, 12) as names:
        words = [word for name in names for word in ("--host", name)]
        began = time.monotonic()
        found = findings(user, *words, "--timeout", "4", "--ssh", ssh, code=3)
        took = time.monotonic() - began
    assert ids(found) == [("R102", "service.database")] + [("R401", f"host.{name}") for name in sorted(names)]
    # One after the other they take 48 s.
    assert took < 24
    assert all("time" in one["message"] for one in found[1:])


def test_who_is_asked_one_by_one_is_waited_for_one_by_one(lab, user, keys):
    with silent(lab, 3) as names, alone(user):
        words = [word for name in names for word in ("--host", name)]
        began = time.monotonic()
        findings(user, *words, "--timeout", "1", "--parallel", "1", code=3)
    assert time.monotonic() - began >= 3


# --- nothing is touched --------------------------------------------------------------------


def tree(root, *, but=".log"):
    """Give all that can be told of a folder; what a service writes into its log is its own doing."""
    found = {}
    for path in (root, *root.rglob("*")):
        told = path.lstat()
        if path.suffix != but:
            content = path.read_bytes() if stat.S_ISREG(told.st_mode) else b""
            found[str(path)] = (told.st_mode, told.st_mtime_ns, hashlib.sha256(content).hexdigest())
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("--passive",),
        ("--json",),
        ("--ssh", "openssh"),
        ("--cluster", "hpc", "--host", "local", "--format", "html", "--parallel", "1"),
        ("--watch", "0.5"),
    ],
    ids=" ".join,
)
def test_an_audit_leaves_host_and_client_as_they_were_to_the_byte(user, host, site, keys, words):
    site.kill(keys["database"])
    file = user.client_files / f"{keys['hashserver']}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "tunneled-port": 1}))
    passive = "--passive" in words
    before = {**tree(host.home, but="" if passive else ".log"), **tree(user.home)}
    alive = {process.pid for process in site.processes()} | set(user.forwards())
    if "--watch" in words:
        running = user.start("seamless-reconcile", "audit", *words, "--passive")
        wait_for(lambda: "look" in running.out, why="the first look")
        time.sleep(2)
        running.send(signal.SIGINT)
        assert running.end().returncode == 0
    else:
        user.sr("audit", *words)
    assert {**tree(host.home, but="" if passive else ".log"), **tree(user.home)} == before
    assert {process.pid for process in site.processes()} | set(user.forwards()) == alive


# --- watching ------------------------------------------------------------------------------


class Watch:
    """An audit that watches, in a pipe."""

    def __init__(self, user, *words):
        events = user.folder / "events.ndjson"
        events.unlink(missing_ok=True)
        self.events_file = events
        self.running = user.start(
            "seamless-reconcile", "audit", "--watch", "0.5", "--timeout", "5", "--events", events, *words
        )

    def lines(self, word):
        return [line for line in self.running.out.splitlines() if line.split()[1:2] == [word]]

    def sees(self, word, *parts):
        wait_for(
            lambda: any(all(part in line for part in parts) for line in self.lines(word)),
            seconds=40,
            why=f"{word} {parts} in\n{self.running.out}{self.running.err}",
        )

    def looks(self, more):
        """Wait for so many further looks."""
        now = self.count()
        wait_for(lambda: self.count() >= now + more, seconds=40, why=f"{more} looks")

    def count(self):
        return len([one for one in self.events() if one["event"] == "looked"])

    def events(self):
        text = self.events_file.read_text() if self.events_file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def end(self):
        self.running.send(signal.SIGINT)
        began = time.monotonic()
        done = self.running.end()
        assert time.monotonic() - began < 10
        assert done.stderr == ""
        return done.returncode


def logins(host):
    return host.log.read_text().count("Accepted publickey")


def test_a_watch_tells_what_comes_and_goes_over_one_connection(user, host, site, keys):
    before, log = logins(host), site.log(keys["hashserver"])
    watch = Watch(user)
    watch.sees("look", "No findings")
    watch.looks(3)
    site.kill(keys["database"])
    watch.sees("new", "R102", "service.database")
    user.converge()
    watch.sees("gone", "R102", "service.database")
    watch.looks(2)
    asked = site.log(keys["hashserver"]).removeprefix(log).count("GET /healthcheck")
    # Once by the watch, and by the apply as often as that looked (S6).
    assert asked <= 4
    assert watch.end() == 0
    told = [(one["event"], one["finding"]["id"]) for one in watch.events() if "finding" in one]
    assert ("found", "R102") in told
    assert ("gone", "R102") in told
    # The apply had its own: for reading, and for the tunnel that was opened.
    assert logins(host) - before <= 4
    assert watch.running.err == ""


def test_a_watch_survives_a_host_that_dies_and_comes_back(user, host, site, keys):
    site.kill(keys["database"])
    watch = Watch(user, "--fail-on", "error")
    watch.sees("found", "R102")
    host.stop()
    watch.sees("new", "R401")
    watch.sees("doubt", "R102")
    looks = watch.count()
    watch.looks(2)
    assert watch.lines("gone") == []
    host.start()
    watch.sees("gone", "R401")
    assert watch.count() > looks
    assert [line for line in watch.lines("gone") if "R102" in line] == []
    assert watch.end() == 2


def test_a_watch_that_waits_for_a_silent_host_ends_at_once(lab, user, keys):
    with silent(lab, 1) as (name,):
        watch = Watch(user, "--host", name, "--timeout", "30")
        wait_for(watch.events, why="the first event")
        assert watch.running.code is None
        watch.running.send(signal.SIGTERM)
        began = time.monotonic()
        done = watch.running.end()
    assert time.monotonic() - began < 15
    assert (done.returncode, done.stdout) == (130, "")
    assert "before the first look" in done.stderr


def test_a_watch_keeps_its_threads_and_files_to_itself(user, host, keys):
    watch = Watch(user)
    watch.looks(3)
    process = psutil.Process(watch.running.pid)
    before = (process.num_threads(), process.num_fds())
    watch.looks(12)
    # A look in hand has some threads of its own.
    counts = []
    for _ in range(20):
        counts.append((process.num_threads(), process.num_fds()))
        time.sleep(0.05)
    assert min(threads for threads, _ in counts) <= before[0] + 2
    assert min(files for _, files in counts) <= before[1] + 2
    assert watch.end() == 0
