"""The whole way on real hosts: brought up, used by a real computation, made cold, taken down."""

from __future__ import annotations

import json

import pytest

from lab.user import Site

pytestmark = [pytest.mark.ssh, pytest.mark.services]

ALL = ("hashserver", "database", "jobserver")
WAYS = [
    ("plain", "paramiko"),
    ("plain", "openssh"),
    ("rooted", "auto"),
    ("marked", "auto"),
    ("conda", "auto"),
]


def declare(user, state, cache="keep"):
    services = {name: {"state": state, "cache": cache} for name in ("hashserver", "database")}
    user.manifest({**services, "jobserver": state}, cluster="hpc", project="demo")


def compute(user, words):
    user.project("demo", "hpc", execution="remote", remote="jobserver")
    user.write(f"{words}\n", "text.txt")
    done = user.run("seamless-run", "wc", "-w", "text.txt")
    assert (done.returncode, done.stdout) == (0, f"{len(words.split())} text.txt\n"), done.stderr
    assert "ready (" not in done.stderr, "the client had to set something up itself"


@pytest.mark.parametrize(("name", "ssh"), WAYS, ids=["-".join(way) for way in WAYS])
class TestTheWholeWay:
    @pytest.fixture(autouse=True)
    def _host(self, lab, user, name):
        user.clusters({"hpc": lab.cluster(name)})
        yield
        Site(lab.host(name).home).wipe()

    def test_up_used_cold_and_down(self, lab, user, name, ssh):
        site = Site(lab.host(name).home)
        way = ("--ssh", ssh)
        declare(user, "running")
        seen = user.plan(*way, "--detailed-exitcode", code=2)
        assert [verb for verb, _ in seen.verbs] == ["launch"] * 3 + ["open_tunnel"] * 3
        keys = {service: seen.key(service) for service in ALL}
        assert user.converge(*way).done
        assert user.plan(*way, "--detailed-exitcode").in_sync

        footprint, forwards = site.footprint(*keys.values()), user.forwards()
        logs = {key: site.log(key) for key in keys.values()}
        assert len(forwards) == 3
        compute(user, f"computed on {name} by {ssh}")
        assert site.footprint(*keys.values()) == footprint
        assert all(site.log(key).startswith(log) for key, log in logs.items())
        assert user.forwards() == forwards
        assert "Completed" in site.log(keys["jobserver"])

        declare(user, "running", cache="cold")
        warm = user.plan(*way)
        assert {warm.verdicts["cache.hashserver"], warm.verdicts["cache.database"]} == {"drift"}
        applied = user.converge(*way)
        assert {("clear", "cache.hashserver"), ("clear", "cache.database")} <= set(applied.done)
        assert "service.database comes up on another port" in applied.plan.causes["stop", "service.jobserver"]
        self.assert_wired(site, keys)

        declare(user, "absent")
        user.converge(*way)
        assert list(site.processes()) == []
        assert [path.name for path in site.server.glob("*.json")] == []
        assert user.forwards() == {}
        assert list(user.client_files.glob("*.json")) == []

    def assert_wired(self, site, keys):
        """What a jobserver is launched with are the ports of this very run."""
        parameters = site.state(keys["jobserver"])["parameters"]
        for role, name in (("buffer", "hashserver"), ("database", "database")):
            port = site.state(keys[name])["port"]
            assert [wire["remote_url"] for wire in parameters[role]] == [f"http://127.0.0.1:{port}"]


def test_a_guard_without_a_policy_is_told_apart_and_nothing_is_launched(lab, user):
    host = lab.host("unpolicied")
    user.clusters({"hpc": lab.cluster("unpolicied")})
    declare(user, "running", cache="cold")
    done = user.sr("plan", code=3)
    assert "guard refused" in done.stdout
    assert "authorized_keys" in done.stdout
    applied = user.apply(code=3)
    assert applied.raw["outcomes"] == []
    assert list(Site(host.home).processes()) == []
    # Nothing has to be looked into for what should not be there.
    declare(user, "absent")
    assert user.plan("--detailed-exitcode").in_sync


def test_a_host_without_helpers_is_told_apart(lab, user):
    user.clusters({"hpc": lab.cluster("bare")})
    declare(user, "running")
    seen = user.plan(code=3)
    assert set(seen.verdicts.values()) == {"unknown"}
    assert "not installed" in seen.observed("service.database")["reason"]
    hints = json.dumps(seen.raw["blocked"])
    assert "install remote-http-launcher" in hints
    assert user.apply(code=3).raw["outcomes"] == []
    declare(user, "absent")
    assert not user.plan(code=3).in_sync
