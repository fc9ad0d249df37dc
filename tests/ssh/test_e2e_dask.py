"""The dask services: slow to start, two ports, gone from the list before they are gone."""

from __future__ import annotations

import json
import urllib.request

import pytest

from lab.user import Site

pytestmark = [pytest.mark.ssh, pytest.mark.services]

ALL = ("hashserver", "database", "jobserver", "daskserver")


@pytest.fixture(scope="module")
def site(lab, user):
    user.clusters({"hpc": lab.cluster("plain")})
    found = Site(lab.host("plain").home)
    yield found
    found.wipe()


def connection(user, key):
    return json.loads((user.client_files / f"{key}.json").read_text())


def test_a_daskserver_beside_a_jobserver_used_and_taken_down(lab, user, site):
    user.manifest(dict.fromkeys(ALL, "running"), cluster="hpc", project="dask")
    seen = user.converge().seen
    keys = {name: seen.key(name) for name in ALL}
    state = site.state(keys["daskserver"])
    file = connection(user, keys["daskserver"])
    # Each of its ports has a forward.
    assert file["tunneled-port"] == state["port"]
    assert file["tunneled-dashboard_port"] == state["dashboard_port"]
    with urllib.request.urlopen(f"http://localhost:{file['dashboard_port']}/health", timeout=10) as answer:
        assert answer.status == 200

    footprint, forwards = site.footprint(*keys.values()), user.forwards()
    assert len(forwards) == 5
    user.project("dask", "hpc", execution="remote", remote="daskserver")
    user.write("one two three\n", "text.txt")
    done = user.run("seamless-run", "wc", "-w", "text.txt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3 text.txt"
    assert "ready (" not in done.stderr, "the client had to set something up itself"
    assert site.footprint(*keys.values()) == footprint
    assert user.forwards() == forwards

    # One of its two forwards is enough to break it.
    (pid,) = [pid for pid, line in forwards.items() if f":{state['dashboard_port']} " in line]
    user.kill(pid)
    assert user.plan("--detailed-exitcode", code=2).states["tunnel.daskserver"] == "broken"
    user.converge()
    assert site.footprint(*keys.values()) == footprint

    user.manifest(dict.fromkeys(ALL, "absent"), cluster="hpc", project="dask")
    user.converge()
    assert list(site.processes()) == []
    assert user.forwards() == {}


def test_a_pure_daskserver_stands_alone(lab, user, site):
    user.manifest({"cluster-jobs": {"type": "pure_daskserver"}}, cluster="hpc", project="pure")
    seen = user.converge().seen
    key = seen.key("cluster-jobs")
    assert key.startswith("pure-daskserver-hpc")
    assert "cache.cluster-jobs" not in seen.resources
    pid = site.kill(key)
    assert user.plan("--detailed-exitcode", code=2).states["service.cluster-jobs"] == "stale"
    user.converge()
    assert site.pid(key) != pid
    user.manifest(
        {"cluster-jobs": {"type": "pure_daskserver", "state": "stopped"}}, cluster="hpc", project="pure"
    )
    user.converge()
    assert list(site.processes()) == []
