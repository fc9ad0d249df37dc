"""Tunnels to a real host: lost, doubled, led astray; and those of others, which are left alone."""

from __future__ import annotations

import json

import psutil
import pytest

from lab import HostSpec
from lab.host import free_port
from lab.user import Site, wait_for

pytestmark = [pytest.mark.ssh, pytest.mark.services]

PAIR = ("hashserver", "database")


@pytest.fixture(scope="module")
def site(lab, user):
    user.clusters({"hpc": lab.cluster("plain2")})
    found = Site(lab.host("plain2").home)
    yield found
    found.wipe()


@pytest.fixture
def keys(user, site):
    """Hashserver and database up, with their tunnels; gives their keys."""
    user.manifest(dict.fromkeys(PAIR, "running"), cluster="hpc", project="demo")
    seen = user.converge().seen
    return {name: seen.key(name) for name in PAIR}


def file_of(user, key):
    return user.client_files / f"{key}.json"


def connection(user, key):
    return json.loads(file_of(user, key).read_text())


def forward_of(user, key):
    """Give the pid of the ssh that the client file of a service leads through."""
    local = connection(user, key)["port"]
    return next(pid for pid, line in user.forwards().items() if f"-L {local}:" in line)


def forward(user, port):
    """Open a forward by hand; gives its local port and the ssh's pid."""
    local = free_port()
    ssh = user.start(
        "ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{local}:127.0.0.1:{port}", "plain2"
    )

    def listens():
        with psutil.Process(ssh.pid).oneshot():
            return any(c.laddr.port == local for c in psutil.Process(ssh.pid).net_connections("tcp"))

    wait_for(listens, why="the forward")
    return local, ssh.pid


def test_a_lost_forward_is_opened_again_and_the_service_left_alone(user, site, keys):
    before = site.footprint(*keys.values())
    lost = forward_of(user, keys["database"])
    user.kill(lost)
    seen = user.plan("--detailed-exitcode", code=2)
    assert seen.states["tunnel.database"] == "broken"
    assert seen.states["service.database"] == "running"
    assert seen.verbs == [("close_tunnel", "tunnel.database"), ("open_tunnel", "tunnel.database")]
    user.converge()
    assert site.footprint(*keys.values()) == before
    assert len(user.forwards()) == 2
    assert lost not in user.forwards()


def test_a_forward_that_nobody_names_is_closed(user, site, keys):
    _, stray = forward(user, site.state(keys["database"])["port"])
    named = forward_of(user, keys["database"])
    seen = user.plan("--detailed-exitcode", code=2)
    assert seen.states["tunnel.database"] == "orphan"
    user.converge()
    assert not psutil.pid_exists(stray)
    assert len(user.forwards()) == 2
    assert named is not None


def test_a_forward_to_somewhere_else_is_left_alone(user, site, keys):
    local, mine = forward(user, free_port())
    # Not even where a client file of another service names it.
    other = user.client_files / "hashserver-hpc-rw-other.json"
    other.write_text(json.dumps({"hostname": "localhost", "port": local}))
    before, files = user.forwards(), other.read_bytes()
    try:
        assert user.plan("--detailed-exitcode").in_sync
        user.apply("--replace", "tunnel.database")
        assert mine in user.forwards()
        assert other.read_bytes() == files
        assert len(user.forwards()) == len(before)
    finally:
        other.unlink()
        user.kill(mine)


def test_a_client_file_that_leads_to_another_service_is_corrected(user, site, keys):
    good = connection(user, keys["database"])
    wrong = connection(user, keys["hashserver"])
    bad = {**good, "port": wrong["port"], "tunneled-port": wrong["tunneled-port"]}
    file_of(user, keys["database"]).write_text(json.dumps(bad))
    hashservers = forward_of(user, keys["hashserver"])
    assert user.plan("--detailed-exitcode", code=2).states["tunnel.database"] == "misrouted"
    applied = user.converge()
    assert ("open_tunnel", "tunnel.database") in applied.done
    now = connection(user, keys["database"])
    assert now["tunneled-port"] == site.state(keys["database"])["port"]
    # The hashserver's own forward was in the file, and is not the database's to close.
    assert hashservers in user.forwards()
    assert user.plan("--detailed-exitcode").in_sync


def test_a_restarted_service_takes_its_tunnel_along(user, site, keys):
    old = connection(user, keys["hashserver"])
    site.kill(keys["hashserver"])
    seen = user.plan("--detailed-exitcode", code=2)
    assert seen.states["service.hashserver"] == "stale"
    assert ("close_tunnel", "tunnel.hashserver") in seen.verbs
    user.converge()
    new = connection(user, keys["hashserver"])
    assert new["tunneled-port"] == site.state(keys["hashserver"])["port"] != old["tunneled-port"]
    assert len(user.forwards()) == 2


def test_a_tunnel_can_be_closed_while_its_service_runs(user, site, keys):
    before = site.footprint(*keys.values())
    services = {"hashserver": {"state": "running", "tunnel": "closed"}, "database": "running"}
    user.manifest(services, cluster="hpc", project="demo")
    assert user.converge().done == [("close_tunnel", "tunnel.hashserver")]
    assert not file_of(user, keys["hashserver"]).exists()
    assert len(user.forwards()) == 1
    assert site.footprint(*keys.values()) == before


def test_a_host_that_forbids_forwards_is_told_so_and_nothing_is_left_half_open(lab, user, site):
    host = lab.add(HostSpec("closed-ports", forwarding=False))
    user.clusters({"hpc": lab.cluster("plain2"), "shut": lab.cluster("closed-ports")})
    user.manifest({"database": "running"}, cluster="shut", project="demo")
    before = set(user.forwards())
    applied = user.apply(code=1)
    assert applied.results["launch", "service.database"] == "done"
    assert applied.results["open_tunnel", "tunnel.database"] == "failed"
    key = applied.plan.key("database")
    assert not file_of(user, key).exists()
    assert set(user.forwards()) == before
    Site(host.home).wipe()
    user.clusters({"hpc": lab.cluster("plain2")})
