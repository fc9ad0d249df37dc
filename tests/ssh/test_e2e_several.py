"""Several hosts in one manifest, one of them dead; several clients on one host."""

from __future__ import annotations

import json
import time

import pytest

from lab import HostSpec
from lab.user import COMMAND, Site, User, wait_for

pytestmark = [pytest.mark.ssh, pytest.mark.services]

PAIR = ("hashserver", "database")


@pytest.fixture(scope="module", autouse=True)
def _tidy(lab):
    yield
    for name in ("plain", "plain2"):
        Site(lab.host(name).home).wipe()


def two_frontends(lab):
    """Storage on one frontend, jobs on another, in one cluster."""
    storage, jobs = lab.cluster("plain"), lab.cluster("plain2")
    (first,), (second,) = storage["frontends"], jobs["frontends"]
    second["hostname"] = "localhost"
    for name in ("jobserver", "daskserver"):
        del first[name]
    for name in PAIR:
        del second[name]
    return {**storage, "frontends": [first, second]}


def test_two_frontends_of_one_cluster(lab, user):
    user.clusters({"hpc": two_frontends(lab)})
    services = {name: {"state": "running", "cache": "cold"} for name in PAIR}
    user.manifest({**services, "jobserver": "running"}, cluster="hpc", project="frontends")
    seen = user.converge().seen
    assert seen.resources["service.hashserver"]["host"] == "plain"
    assert seen.resources["service.jobserver"]["host"] == "plain2"
    first, second = (Site(lab.host(name).home) for name in ("plain", "plain2"))
    jobs = seen.key("jobserver")
    footprint = second.footprint(jobs)
    user.project("frontends", "hpc", execution="remote", remote="jobserver")
    user.write("two hosts\n", "text.txt")
    done = user.run("seamless-run", "wc", "-w", "text.txt")
    assert (done.returncode, done.stdout) == (0, "2 text.txt\n"), done.stderr
    assert second.footprint(jobs) == footprint
    assert "Completed" in second.log(jobs)

    # A restart on one host takes the jobserver on the other along.
    first.kill(seen.key("database"))
    again = user.plan()
    assert "miswired" in again.causes["stop", "service.jobserver"]
    user.converge()
    port = first.state(seen.key("database"))["port"]
    wired = second.state(jobs)["parameters"]["database"]
    assert [wire["remote_url"] for wire in wired] == [f"http://127.0.0.1:{port}"]


@pytest.mark.parametrize("dead", ["refusing", "silent"])
def test_a_dead_host_stops_nobody_else(lab, user, dead):
    other = lab.add(HostSpec(f"dead-{dead}"))
    user.clusters({"well": lab.cluster("plain2"), "ill": lab.cluster(other.name)})
    services = {
        "database": {"state": "running"},
        "far": {"type": "database", "cluster": "ill", "state": "running", "cache": "cold"},
        "gone": {"type": "hashserver", "cluster": "ill", "state": "absent"},
    }
    user.manifest(services, cluster="well", project=dead)
    (other.stop if dead == "refusing" else other.freeze)()
    try:
        seen = user.plan("--timeout", "2", code=3)
        assert seen.verdicts["service.far"] == seen.verdicts["cache.far"] == "unknown"
        # Unreachable is not absent.
        assert seen.verdicts["service.gone"] == "unknown"
        assert seen.verbs == [("launch", "service.database"), ("open_tunnel", "tunnel.database")]
        began = time.monotonic()
        events = "dead.ndjson"
        applied = user.apply("--timeout", "2", "--events", events, code=3)
        took = time.monotonic() - began
        assert applied.done == [("launch", "service.database"), ("open_tunnel", "tunnel.database")]
        assert took < 20, "two readings and a launch; each reading waits no longer than it is told to"
        told = [json.loads(line) for line in (user.folder / events).read_text().splitlines()]
        problems = {event["host"]: event["problem"] for event in told if event["event"] == "host_read"}
        assert problems[other.name]
        assert not problems["plain2"]
    finally:
        other.start() if dead == "refusing" else other.thaw()
    (user.folder / events).unlink()
    assert user.plan(code=0).verdicts["service.far"] == "drift"
    user.manifest({**services, "far": {**services["far"], "state": "absent"}}, cluster="well", project=dead)
    assert user.converge().done == []


def test_a_second_client_amid_an_apply_breaks_nothing(lab, user):
    other = User(lab, "several-other")
    for each in (user, other):
        each.clusters({"hpc": lab.cluster("plain")})
        each.manifest(dict.fromkeys(PAIR, "running"), cluster="hpc", project="shared")
        keys = [each.converge().seen.key(name) for name in PAIR]
    site = Site(lab.host("plain").home)
    replace = ("apply", "--yes", "--replace", "service.hashserver", "--replace", "service.database")
    first = user.start(COMMAND, *replace, "--events", "first.ndjson")
    begun = user.folder / "first.ndjson"
    wait_for(lambda: begun.exists() and "started" in begun.read_text(), why="the first to begin")
    second = other.start(COMMAND, *replace)
    codes = first.end().returncode, second.end().returncode
    # Whoever came second was refused what had changed meanwhile, or came when all was done.
    assert codes[0] in (0, 1), first.err
    assert codes[1] in (0, 1, 5), second.err
    assert "Traceback" not in first.err + second.err
    said = first.err + second.err
    for each in (user, other, user):
        said += each.sr("apply", "--yes", code=None).stderr
    plans = [each.plan("--detailed-exitcode") for each in (user, other)]
    assert all(plan.in_sync for plan in plans)
    said += "".join(warned["message"] for plan in plans for warned in plan.raw["warnings"])
    for key in keys:
        assert site.alive(key)
        # Both may have launched within one moment: then whoever lost says which process is too many.
        for second_process in {process.pid for process in site.processes(key)} - {site.pid(key)}:
            assert f"kill {second_process}" in said or f"{key}.json" in said, said
