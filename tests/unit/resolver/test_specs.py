"""Every field of a resolved service."""

from __future__ import annotations

import pytest

from seamless_reconcile.declared import CacheState, Location, ServiceState, TunnelState
from seamless_reconcile.desired import CacheWish, Handshake, Upstream

SERVER = "~/.remote-http-launcher/server"
FAR = "cluster: far, project: p"


def test_a_hashserver_behind_ssh(place):
    spec = place.service(f"type: hashserver, {FAR}, stage: s, cache: cold")
    key = "hashserver-far-rw-p--STAGE-s"
    argv = "hashserver --port-range 7000 7100 --status-file {0}/{1}.json --host 10.0.0.1 --timeout 600 "
    argv += "~/b/p/STAGE-s --writable"
    assert (spec.name, spec.type, spec.key) == ("x", "hashserver", key)
    assert (spec.host, spec.hostname, spec.tunnelled) == ("front", "node1", True)
    assert (spec.workdir, spec.argv) == ("~/b/p/STAGE-s", tuple(argv.format(SERVER, key).split()))
    assert (spec.state, spec.tunnel) == (ServiceState.RUNNING, TunnelState.OPEN)
    assert (spec.network_interface, spec.conda_env, spec.parameters) == ("10.0.0.1", None, None)
    assert spec.handshake == Handshake("healthcheck")
    assert spec.cache == CacheWish("~/b/p/STAGE-s", CacheState.COLD, ".HASHSERVER_PREFIX", root="~/b")
    assert (spec.protect, spec.dependencies, spec.upstream, spec.start_window) == (False, (), (), 60.0)
    assert spec.at == Location(str(place.folder / "m.yaml"), 3, 3)
    assert spec.identity == {
        "cluster": "far",
        "project": "p",
        "subproject": None,
        "stage": "s",
        "substage": None,
        "mode": "rw",
        "queue": None,
        "frontend": None,
    }
    assert spec.meta == {
        "service": "hashserver",
        "cluster": "far",
        "mode": "rw",
        "project": "p",
        "subproject": None,
        "stage": "s",
        "substage": None,
        "queue": None,
    }


def test_a_database_on_this_machine(place):
    spec = place.service(
        "type: database, cluster: here, project: p, mode: ro, subproject: a/b, protect: true"
    )
    assert (spec.host, spec.hostname, spec.tunnelled, spec.network_interface) == (
        "local",
        None,
        False,
        "localhost",
    )
    assert spec.key == "database-here-ro-p--a--b"
    assert spec.workdir == "~/databases/p/a/b"
    assert spec.cache == CacheWish(
        "~/databases/p/a/b", CacheState.KEEP, "seamless.db", file="seamless.db", root="~/databases"
    )
    assert "--writable" not in spec.argv
    assert spec.protect


def test_a_jobserver_is_wired_to_the_storage_of_its_deployment(place):
    spec = place.service("type: jobserver, cluster: far, project: p, stage: s, substage: t, mode: ro")
    assert (spec.key, spec.workdir, spec.cache) == ("jobserver-far-rw-p--STAGE-sSUBSTAGE-t", "/tmp", None)
    assert (spec.host, spec.conda_env) == ("front2", "js")
    assert spec.parameters == {"database": [], "buffer": [], "record": False}
    assert spec.upstream == (
        Upstream("database", "database-far-rw-p--STAGE-s", "front2", "node2", "/other/d/p/STAGE-s"),
        Upstream("buffer", "hashserver-far-rw-p--STAGE-s", "front", "node1", "~/b/p/STAGE-s"),
    )


def test_a_local_jobservers_upstream_has_no_hostname(place):
    spec = place.service("type: jobserver, cluster: here, project: p")
    assert [(one.host, one.hostname) for one in spec.upstream] == [("local", None)] * 2


@pytest.mark.parametrize(
    ("fields", "key", "conda", "window"),
    [
        ("type: daskserver, cluster: here, project: p", "daskserver-here-rw-p", "base", 60.0),
        ("type: daskserver, cluster: far, project: p, queue: q2", "daskserver-far-rw-p", "other", 600.0),
        ("type: daskserver, cluster: oars, project: p", "daskserver-oars-rw-p", "base", 600.0),
        ("type: pure_daskserver, cluster: oars", "pure-daskserver-oars-q1", "base", 600.0),
        ("type: pure-daskserver, cluster: direct, queue: q2", "pure-daskserver-direct-q2", "other", 60.0),
    ],
)
def test_dask_servers(place, fields, key, conda, window):
    spec = place.service(fields)
    assert (spec.key, spec.conda_env, spec.start_window) == (key, conda, window)
    assert spec.handshake == Handshake("health", "dashboard_port")
    assert spec.parameters is not None
    assert spec.parameters["walltime"] == "01:00:00"
    assert spec.workdir == "/tmp"
    assert not spec.persistent


@pytest.mark.parametrize(
    ("state", "tunnel", "settled"),
    [
        ("running", "auto", "open"),
        ("stopped", "auto", "closed"),
        ("absent", "auto", "closed"),
        ("running", "closed", "closed"),
        ("running", "open", "open"),
        ("stopped", "closed", "closed"),
    ],
)
@pytest.mark.parametrize("cluster", ["here", "direct", "far"])
def test_auto_is_settled(place, cluster, state, tunnel, settled):
    fields = f"type: hashserver, cluster: {cluster}, project: p, state: {state}, tunnel: {tunnel}"
    spec = place.service(fields)
    assert (spec.tunnel.value, spec.tunnelled) == (settled, cluster == "far")


@pytest.mark.parametrize(("idle", "word"), [("20m", "1200"), ("7", "7"), ("1.5", "1.5"), ("1h", "3600")])
@pytest.mark.parametrize("kind", ["hashserver", "database", "jobserver", "daskserver", "pure_daskserver"])
def test_an_idle_timeout_replaces_the_runtimes(place, kind, idle, word):
    argv = place.service(f"type: {kind}, cluster: here, project: p, idle_timeout: {idle}").argv
    assert argv[argv.index("--timeout") + 1] == word


@pytest.mark.parametrize(
    ("cache", "wish"),
    [
        ("{path: /x/y/}", CacheWish("/x/y", CacheState.KEEP, ".HASHSERVER_PREFIX", explicit=True)),
        (
            "{state: cold, epoch: e1, path: ~/y, marker: m}",
            CacheWish("~/y", CacheState.COLD, "m", epoch="e1", explicit=True),
        ),
        ("{state: warm, marker: m}", CacheWish("~/b/p", CacheState.WARM, "m", root="~/b")),
    ],
)
def test_what_is_said_of_a_cache(place, cache, wish):
    spec = place.service(f"type: hashserver, {FAR}, cache: {cache}")
    assert spec.cache == wish
    assert spec.workdir == "~/b/p"


def test_a_job_service_with_a_cache_of_its_own(place):
    spec = place.service(f"type: jobserver, {FAR}, cache: {{state: cold, path: /scratch/x}}")
    assert spec.cache == CacheWish("/scratch/x", CacheState.COLD, ".rhl-clearable", explicit=True)


def test_slashes_are_tidied_for_the_cache_only(place):
    place.clusters("c: {frontends: [{hostname: h, hashserver: {bufferdir: /b/}}]}\n")
    spec = place.service("type: hashserver, cluster: c, project: p")
    assert spec.workdir == "/b//p"
    assert spec.cache is not None
    assert (spec.cache.path, spec.cache.root) == ("/b/p", "/b")


def test_another_frontend(place):
    spec = place.service(f"type: hashserver, {FAR}, frontend: node2")
    assert (spec.host, spec.workdir, spec.identity["frontend"]) == ("front2", "/other/b/p", "node2")
    assert spec.cache is not None
    assert spec.cache.root == "/other/b"


@pytest.mark.parametrize(
    ("base", "folder"),
    [
        ("/rhl", "/rhl/server"),
        ("~/rhl", "HOME/rhl/server"),
        ("~", "HOME/server"),
        ("/a b/'c", "/a b/'c/server"),
        ("/rhl/../x/", "/x/server"),
    ],
)
def test_where_this_machine_keeps_state(place, base, folder):
    environ = place.environ(REMOTE_HTTP_LAUNCHER_DIR=base)
    folder = folder.replace("HOME", str(place.home))
    for kind in ("hashserver", "jobserver"):
        argv = place.service(f"type: {kind}, cluster: here, project: p", environ).argv
        assert argv[argv.index("--status-file") + 1] == f"{folder}/{kind}-here-rw-p.json"
    argv = place.service("type: hashserver, cluster: far, project: p", environ).argv
    assert argv[argv.index("--status-file") + 1] == f"{SERVER}/hashserver-far-rw-p.json"


LAUNCHER = "workdir: /data/x, key: my-x, handshake: health"


def test_a_launcher_on_this_machine(place):
    command = "'x -f {status_file} -w {workdir} -i {network_interface} -h {hostname} {key} \"a b\"'"
    spec = place.service(f"type: launcher, launcher: {{{LAUNCHER}, command: {command}}}")
    assert (spec.host, spec.hostname, spec.tunnelled, spec.key) == ("local", None, False, "my-x")
    assert spec.argv == (
        *(
            "x",
            "-f",
            f"{SERVER}/my-x.json",
            "-w",
            "/data/x",
            "-i",
            "localhost",
            "-h",
            "localhost",
            "my-x",
            "a b",
        ),
    )
    assert (spec.meta, spec.identity, spec.cache, spec.parameters) == ({}, {}, None, None)
    assert (spec.handshake, spec.start_window) == (Handshake("health"), 60.0)


def test_a_launcher_elsewhere(place):
    where = "hostname: n1, ssh_hostname: f1, tunnel: true, conda: e, network_interface: 10.0.0.3"
    what = "command: 'x {status_file} --timeout {timeout} {hostname} {network_interface}', "
    what += "file_parameters: {a: 1}"
    cache = "cache: {state: cold, path: /data/x/c}"
    spec = place.service(
        f"type: launcher, idle_timeout: 2m, {cache}, launcher: {{{LAUNCHER}, {where}, {what}}}",
        place.environ(REMOTE_HTTP_LAUNCHER_DIR="/rhl"),
    )
    assert (spec.host, spec.hostname, spec.tunnelled, spec.tunnel.value) == ("f1", "n1", True, "open")
    assert spec.argv == ("x", f"{SERVER}/my-x.json", "--timeout", "120", "n1", "10.0.0.3")
    assert (spec.conda_env, spec.network_interface, spec.parameters) == ("e", "10.0.0.3", {"a": 1})
    assert spec.cache == CacheWish("/data/x/c", CacheState.COLD, ".rhl-clearable", explicit=True)


def test_a_launchers_other_defaults(place):
    spec = place.service(
        "type: launcher, launcher: {workdir: /x, key: k, hostname: n1, command: 'x {status_file} {timeout}', "
        "handshake: {path: a, port_name: b}}",
        place.environ(REMOTE_HTTP_LAUNCHER_DIR="/rhl"),
    )
    assert (spec.host, spec.hostname, spec.handshake) == ("n1", "n1", Handshake("a", "b"))
    assert spec.argv == ("x", f"{SERVER}/k.json", "600")


def test_a_local_launcher_follows_the_helpers_folder(place):
    environ = place.environ(REMOTE_HTTP_LAUNCHER_DIR="/r h")
    spec = place.service(f"type: launcher, launcher: {{{LAUNCHER}, command: 'x {{status_file}}'}}", environ)
    assert spec.argv == ("x", "/r h/server/my-x.json")


def test_hosts_in_order_of_mention(place):
    desired = place.resolve(
        "defaults: {project: p}\nservices:\n  database: {cluster: far}\n  hashserver: {cluster: far}\n"
        "  a: {type: database, cluster: here}\n  b: {type: database, cluster: direct}\n"
    )
    assert desired.hosts == ("front2", "front", "local", "node1.cluster")
    assert list(desired.services) == ["database", "hashserver", "a", "b"]
