"""What goes wrong with services on this machine, seen for what it is and healed."""

from __future__ import annotations

import json
import signal
import socket

import psutil
import pytest

from lab.user import wait_for

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", autouse=True)
def _cluster(user):
    user.clusters({"local_cluster": "here", "here": user.local()})


@pytest.fixture
def database(user):
    """A running database; gives its key."""
    user.manifest({"database": "running"}, cluster="here", project="demo")
    return user.converge().seen.key("database")


@pytest.fixture
def hashserver(user):
    """A running hashserver; gives its key."""
    user.manifest({"hashserver": "running"}, cluster="here", project="demo")
    return user.converge().seen.key("hashserver")


def port_of(user, key):
    return user.site.state(key)["port"]


def test_a_killed_service_is_stale_and_healed(user, database):
    stored = (user.home / "data" / "database" / "demo" / "seamless.db").stat().st_ino
    pid = user.site.kill(database)
    seen = user.plan("--detailed-exitcode", code=2)
    assert seen.states["service.database"] == "stale"
    assert seen.states["tunnel.database"] == "broken"
    assert ("stop", "service.database") not in seen.verbs
    user.converge()
    assert user.site.pid(database) != pid
    assert user.site.alive(database)
    # Healing touches no data.
    assert (user.home / "data" / "database" / "demo" / "seamless.db").stat().st_ino == stored


def test_a_service_that_does_not_answer_is_replaced(user, database):
    pid = user.site.kill(database, signal.SIGSTOP)
    seen = user.plan("--timeout", "1")
    assert seen.states["service.database"] == "unhealthy"
    applied = user.apply("--timeout", "1")
    assert applied.converged
    assert applied.results["stop", "service.database"] == "done"
    assert not psutil.pid_exists(pid)
    assert user.site.pid(database) != pid


def test_the_log_of_what_is_replaced_is_kept(user, hashserver):
    said = user.site.log(hashserver)
    user.site.kill(hashserver)
    applied = user.converge()
    (kept,) = (user.records()[-1] / "logs").iterdir()
    assert kept.read_text().startswith(said)
    assert ("save_log", "service.hashserver") in applied.done


def test_a_malformed_neighbour_is_in_nobodys_way(user, database):
    neighbour = user.site.server / "somebody-else.json"
    neighbour.write_text("{ this is not JSON")
    try:
        assert user.plan("--detailed-exitcode").in_sync
        user.manifest({"database": "running"}, cluster="here", project="beside")
        user.converge()
        user.manifest({"database": "absent"}, cluster="here", project="beside")
        user.converge()
        assert neighbour.read_text() == "{ this is not JSON"
    finally:
        neighbour.unlink()


def test_what_a_malformed_neighbour_may_work_in_is_not_cleared(user, database):
    neighbour = user.site.server / "somebody-else.json"
    neighbour.write_text("{ this is not JSON")
    try:
        wish = {"state": "running", "cache": "cold"}
        user.manifest({"database": wish}, cluster="here", project="demo")
        seen = user.plan(code=5)
        assert "somebody-else" in seen.blocked["cache.database"]
        before = user.site.footprint(database)
        assert user.apply(code=5).raw["outcomes"] == []
        assert user.site.footprint(database) == before
    finally:
        neighbour.unlink()


def test_a_malformed_state_of_a_dead_service_is_replaced(user, database):
    user.site.kill(database)
    user.site.state_file(database).write_text('{"pid": 12')
    seen = user.plan(code=None)
    assert seen.states["service.database"] == "malformed"
    # A log is there and nothing says whose pid it was: only the user can tell that it is over.
    applied = user.apply("--replace", "service.database")
    assert applied.converged
    assert len(list(user.site.processes(database))) == 1


def test_a_service_whose_state_was_removed_is_not_launched_twice(user, hashserver):
    pid, said = user.site.pid(hashserver), user.site.state_file(hashserver).read_bytes()
    user.site.state_file(hashserver).unlink()
    seen = user.plan(code=5)
    assert str(pid) in seen.blocked["service.hashserver"]
    assert user.apply(code=5).done == []
    assert [process.pid for process in user.site.processes(hashserver)] == [pid]
    user.site.state_file(hashserver).write_bytes(said)
    assert user.plan("--detailed-exitcode").in_sync


def test_a_malformed_client_file_is_written_anew(user, database):
    file = user.client_files / f"{database}.json"
    good = file.read_bytes()
    before = user.site.footprint(database)
    file.write_text("{")
    seen = user.plan("--detailed-exitcode", code=2)
    assert seen.states["tunnel.database"] == "broken"
    assert seen.verbs == [("close_tunnel", "tunnel.database"), ("open_tunnel", "tunnel.database")]
    user.converge()
    assert json.loads(file.read_bytes()) == json.loads(good)
    assert user.site.footprint(database) == before


def test_a_client_file_that_leads_elsewhere_is_corrected(user, database):
    file = user.client_files / f"{database}.json"
    good = json.loads(file.read_text())
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        file.write_text(json.dumps({**good, "port": somebody.getsockname()[1]}))
        assert user.plan("--detailed-exitcode", code=2).states["tunnel.database"] == "misrouted"
        user.converge()
    assert json.loads(file.read_text()) == good


def test_a_port_that_somebody_else_has_taken_is_left_to_them(user, database):
    port = port_of(user, database)
    user.site.kill(database)
    with socket.create_server(("127.0.0.1", port)):
        seen = user.plan("--timeout", "1", code=None)
        assert seen.states["service.database"] == "stale"
        user.apply("--timeout", "1")
        assert port_of(user, database) != port
        assert user.plan("--detailed-exitcode").in_sync
    file = json.loads((user.client_files / f"{database}.json").read_text())
    assert file["port"] == port_of(user, database)


def test_what_seamless_launched_itself_is_as_good(user):
    user.project("own", "here", execution="process")
    user.write("launched by the runtime\n", "text.txt")
    done = user.run("seamless-run", "wc", "-w", "text.txt")
    assert (done.returncode, done.stdout) == (0, "4 text.txt\n"), done.stderr
    user.manifest(dict.fromkeys(("hashserver", "database"), "running"), cluster="here", project="own")
    seen = user.plan("--detailed-exitcode")
    assert seen.in_sync
    keys = [seen.key("hashserver"), seen.key("database")]
    assert all("reconcile" not in user.site.state(key).get("meta", {}) for key in keys)
    # And it can be taken down and made cold like any other.
    user.manifest(
        {name: {"state": "running", "cache": "cold"} for name in ("hashserver", "database")},
        cluster="here", project="own",
    )  # fmt: skip
    user.converge()
    assert all("reconcile" in user.site.state(key).get("meta", {}) for key in keys)


def test_an_init_that_is_slow_to_reap_is_coped_with(user, lab, database):
    pid = user.site.pid(database)
    with lab.slow_init(1.5):
        assert user.apply("--replace", "service.database").converged
        assert user.site.pid(database) != pid
    with lab.slow_init(60.0):
        dead = user.site.pid(database)
        psutil.Process(dead).kill()
        wait_for(lambda: psutil.Process(dead).status() == psutil.STATUS_ZOMBIE)
        # The helpers take a zombie for a live process; nobody else should.
        seen = user.plan()
        assert seen.states["service.database"] == "stale"
        assert "zombie" in seen.observed("service.database")["reason"]
        user.converge()
        assert psutil.Process(dead).status() == psutil.STATUS_ZOMBIE
    assert user.site.alive(database)
