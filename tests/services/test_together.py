"""Hashserver, database and jobserver on this machine: brought up, used by a real computation, taken down."""

from __future__ import annotations

import itertools

import pytest

pytestmark = pytest.mark.services

ALL = ("hashserver", "database", "jobserver")
COUNT = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def _cluster(user):
    user.clusters({"local_cluster": "here", "here": user.local()})


@pytest.fixture
def up(user):
    """All three running; gives their keys."""
    user.manifest(dict.fromkeys(ALL, "running"), cluster="here", project="demo")
    seen = user.converge().seen
    return {name: seen.key(name) for name in ALL}


def client_files(user):
    return {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in user.client_files.iterdir()}


def test_from_nothing_to_in_sync(user):
    user.manifest(dict.fromkeys(ALL, "running"), cluster="here", project="first")
    before = user.plan("--detailed-exitcode", code=2)
    assert set(before.states.values()) == {"absent", "closed"}
    assert [verb for verb, _ in before.verbs] == ["launch"] * 3 + ["open_tunnel"] * 3
    applied = user.apply()
    assert sorted(applied.done) == sorted(before.verbs)
    after = user.plan("--detailed-exitcode")
    assert after.in_sync
    assert {address: state for address, state in after.states.items() if not address.startswith("cache")} == {
        **{f"service.{name}": "running" for name in ALL},
        **{f"tunnel.{name}": "open" for name in ALL},
    }
    user.manifest(dict.fromkeys(ALL, "absent"), cluster="here", project="first")
    user.converge()


def test_on_a_converged_world_apply_does_nothing(user, up):
    before, files = user.site.footprint(*up.values()), client_files(user)
    kept = user.records()
    again = user.apply()
    assert again.raw["outcomes"] == []
    assert again.raw["record"] is None
    assert user.records() == kept
    assert user.site.footprint(*up.values()) == before
    assert client_files(user) == files


@pytest.mark.parametrize("execution", ["remote", "process"])
def test_a_real_computation_uses_what_was_brought_up(user, up, execution):
    user.project("demo", "here", execution=execution, remote="jobserver" if execution == "remote" else "")
    words = [f"word{next(COUNT)}" for _ in range(5)]
    user.write(" ".join(words) + "\n", "text.txt")
    before, files = user.site.footprint(*up.values()), client_files(user)
    logs = {key: user.site.log(key) for key in up.values()}
    done = user.run("seamless-run", "wc", "-w", "text.txt")
    assert (done.returncode, done.stdout) == (0, "5 text.txt\n"), done.stderr
    assert user.site.footprint(*up.values()) == before
    assert client_files(user) == files
    for key, log in logs.items():
        assert user.site.log(key).startswith(log), f"{key} was launched anew"
    assert '"PUT /' in user.site.log(up["hashserver"])[len(logs[up["hashserver"]]) :]
    completed = user.site.log(up["jobserver"])[len(logs[up["jobserver"]]) :].count("Completed")
    assert completed == (1 if execution == "remote" else 0)
    assert user.plan().in_sync


def test_another_port_of_the_database_replaces_the_jobserver(user, up):
    before = user.site.footprint(*up.values())
    seen = user.plan("--replace", "service.database")
    assert seen.causes["stop", "service.database"] == "asked for with --replace"
    assert seen.causes["stop", "service.jobserver"] == "service.database comes up on another port"
    assert ("stop", "service.hashserver") not in seen.verbs
    applied = user.apply("--replace", "service.database")
    assert applied.converged
    after = user.site.footprint(*up.values())
    changed = {name for name, key in up.items() if before[key] != after[key]}
    assert changed == {"database", "jobserver"}
    port = user.site.state(up["database"])["port"]
    wired = user.site.state(up["jobserver"])["parameters"]["database"]
    assert [wire["remote_url"] for wire in wired] == [f"http://127.0.0.1:{port}"]


def test_stopped_keeps_state_and_log(user, up):
    pid = user.site.pid(up["jobserver"])
    user.manifest({"jobserver": "stopped"}, cluster="here", project="demo")
    applied = user.converge()
    assert sorted(applied.done) == [("close_tunnel", "tunnel.jobserver"), ("stop", "service.jobserver")]
    assert not user.site.alive(up["jobserver"])
    assert user.site.pid(up["jobserver"]) == pid
    assert "Welcome" in user.site.log(up["jobserver"])
    assert f"{up['jobserver']}.json" not in client_files(user)


def test_absent_removes_the_state_and_keeps_the_log_in_the_record(user, up):
    said = user.site.log(up["jobserver"])
    user.manifest({"jobserver": "absent"}, cluster="here", project="demo")
    applied = user.converge()
    assert not user.site.state_file(up["jobserver"]).exists()
    assert f"{up['jobserver']}.json" not in client_files(user)
    logs = list((user.records()[-1] / "logs").iterdir())
    assert [log.read_text() for log in logs] == [said]
    assert applied.raw["record"] == str(user.records()[-1])


def test_nothing_that_is_not_named_is_touched(user, up):
    before = user.site.footprint(*up.values())
    user.manifest({"database": {"state": "running"}}, cluster="here", project="other")
    user.converge()
    user.manifest({"database": {"state": "absent"}}, cluster="here", project="other")
    user.converge()
    assert user.site.footprint(*up.values()) == before


def test_what_is_protected_stays(user, up):
    user.manifest({"database": {"state": "absent", "protect": True}}, cluster="here", project="demo")
    seen = user.plan(code=5)
    assert seen.verdicts["service.database"] == "blocked"
    assert "protected" in seen.blocked["service.database"]
    before = user.site.footprint(up["database"])
    assert user.apply(code=5).done == [("close_tunnel", "tunnel.database")]
    assert user.site.footprint(up["database"]) == before
    assert user.site.alive(up["database"])


def test_another_command_line_is_drift(user, up):
    user.manifest({"database": {"state": "running", "idle_timeout": "3h"}}, cluster="here", project="demo")
    seen = user.plan()
    assert seen.causes["stop", "service.database"] == "was launched with another command line"
    assert user.apply().converged
    assert "--timeout 10800" in user.site.state(up["database"])["command"]
    # The jobserver that was not named is wired to the old port: that was to be known before.
    assert any("jobserver" in warning["message"] for warning in seen.raw["warnings"])


def test_a_jobserver_wired_to_a_port_that_is_gone_is_replaced(user, up):
    user.manifest({"hashserver": "running"}, cluster="here", project="demo")
    assert user.apply("--replace", "service.hashserver").converged
    user.manifest(dict.fromkeys(ALL, "running"), cluster="here", project="demo")
    seen = user.plan()
    assert seen.states["service.jobserver"] == "miswired"
    assert sorted(seen.verbs) == [
        ("close_tunnel", "tunnel.jobserver"),
        ("launch", "service.jobserver"),
        ("open_tunnel", "tunnel.jobserver"),
        ("remove_state", "service.jobserver"),
        ("save_log", "service.jobserver"),
        ("stop", "service.jobserver"),
    ]
    user.converge()


def test_only_the_target_is_brought_up(user):
    user.manifest(dict.fromkeys(ALL, "running"), cluster="here", project="parts")
    applied = user.apply("--target", "service.database")
    assert applied.done == [("launch", "service.database"), ("open_tunnel", "tunnel.database")]
    assert applied.converged
    assert user.plan().states["service.hashserver"] == "absent"


def test_stages_and_modes_are_services_of_their_own(user):
    services = {
        "top": {"type": "hashserver"},
        "old": {"type": "hashserver", "stage": "old"},
        "reader": {"type": "hashserver", "stage": "old", "mode": "ro"},
        "jobs": {"type": "jobserver", "stage": "old", "substage": "er", "state": "absent"},
    }
    user.manifest(services, cluster="here", project="stages")
    seen = user.converge().seen
    keys = {name: seen.key(name) for name in services}
    assert keys == {
        "top": "hashserver-here-rw-stages",
        "old": "hashserver-here-rw-stages--STAGE-old",
        "reader": "hashserver-here-ro-stages--STAGE-old",
        "jobs": "jobserver-here-rw-stages--STAGE-oldSUBSTAGE-er",
    }
    assert all(user.site.alive(keys[name]) for name in ("top", "old", "reader"))
    # ro and rw share their directory, so they are one cache.
    assert seen.resources["cache.old"]["names"] == ["old", "reader"]
    assert "cache.reader" not in seen.resources
    path = seen.observed("cache.top")["path"]
    assert seen.observed("cache.old")["path"] == f"{path}/STAGE-old"
    user.manifest({name: dict(service, state="absent") for name, service in services.items()},
                  cluster="here", project="stages")  # fmt: skip
    user.converge()
