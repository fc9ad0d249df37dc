"""`import` from real hosts: through tunnels, behind a guard, and without leaving a trace (S6)."""

from __future__ import annotations

import hashlib
import json
import stat

import pytest

from lab.user import Site, User

pytestmark = [pytest.mark.ssh, pytest.mark.services]

ALL = ("hashserver", "database", "jobserver")


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
def clusters(lab):
    """Defined once: each definition chooses ports of its own."""
    return {"hpc": lab.cluster("plain"), "guarded": lab.cluster("rooted")}


@pytest.fixture(scope="module")
def site(lab, user, clusters):
    """A deployment on one host, a hashserver on a guarded one; all but one through open tunnels."""
    user.clusters(clusters)
    services = {
        **dict.fromkeys(ALL, "running"),
        "late": {"type": "database", "stage": "late", "tunnel": "closed"},
        "kept": {"type": "hashserver", "cluster": "guarded"},
    }
    user.manifest(services, cluster="hpc", project="imported")
    user.converge()
    found = [Site(lab.host(name).home) for name in ("plain", "rooted")]
    yield found[0]
    for one in found:
        one.wipe()


def test_a_deployment_behind_tunnels_is_in_sync(user, site):
    done = user.sr("import", "--cluster", "hpc", "--cluster", "guarded", "--output", "imported.yaml")
    assert "Imported 5 services" in done.stderr
    seen = user.plan("-f", "imported.yaml", "--detailed-exitcode")
    assert seen.in_sync
    tunnels = [state for address, state in seen.states.items() if address.startswith("tunnel.")]
    assert sorted(tunnels) == ["closed", *["open"] * 4]
    assert (user.folder / "imported.yaml").read_text().count("tunnel: closed") == 1


def test_by_the_hosts_ssh_name_it_is_the_same(lab, user, site):
    """The cluster files know whose host that is."""
    told = json.loads(user.sr("import", "--host", "plain", "--json").stdout)
    assert {one["as"] for one in told["entries"]} == {"identity"}
    assert len(told["entries"]) == 4


def test_another_client_without_tunnels_says_so(lab, site, clusters):
    another = User(lab, "import-another")
    another.clusters(clusters)
    told = another.sr("import", "--cluster", "hpc", "--output", "seamless.reconcile.yaml")
    assert "Imported 4 services" in told.stderr
    assert (another.folder / "seamless.reconcile.yaml").read_text().count("tunnel: closed") == 4
    assert another.plan("--detailed-exitcode").in_sync


def test_what_could_be_there_is_absent(user, site):
    words = ("--cluster", "hpc", "--all", "--project", "imported", "--stage", "never")
    user.sr("import", *words, "--output", "all.yaml", "--force")
    seen = user.plan("-f", "all.yaml", "--detailed-exitcode")
    assert seen.in_sync
    assert list(seen.states.values()).count("absent") >= 4


def test_a_dead_host_is_said_and_the_rest_is_written(user, site, clusters):
    frontend = {"hostname": "nowhere.invalid", "hashserver": {"bufferdir": "/data"}}
    user.clusters({**clusters, "gone": {"tunnel": True, "frontends": [frontend]}})
    try:
        done = user.sr("import", "--cluster", "hpc", "--cluster", "gone", "--timeout", "10", code=3)
        assert "# nowhere.invalid could not be asked" in done.stdout
        assert "Imported 4 services" in done.stderr
    finally:
        user.clusters(clusters)


@pytest.mark.parametrize("words", [(), ("--json", "--ssh", "openssh"), ("--all", "--project", "imported")])
def test_looking_changes_nothing(lab, user, site, words):
    homes = [lab.host(name).home for name in ("plain", "rooted")] + [user.home]

    def seen(*, logs):
        return {path: told for home in homes for path, told in tree(home, logs=logs).items()}

    before, alive = seen(logs=True), set(user.forwards())
    user.sr("import", "--passive", "--cluster", "hpc", "--cluster", "guarded", *words)
    assert seen(logs=True) == before
    # A handshake is written into the service's log: that is its use, not ours.
    before = seen(logs=False)
    user.sr("import", "--cluster", "hpc", "--cluster", "guarded", *words)
    assert seen(logs=False) == before
    assert set(user.forwards()) == alive
