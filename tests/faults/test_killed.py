"""The reconciler is killed: nothing is lost, and the next apply comes to the same end (L2, S5).

With SEAMLESS_RECONCILE_EXHAUSTIVE=1 it is killed at every point there is, otherwise at a few.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from faults.scene import PAIR
from faults.witness import injected
from lab.user import COMMAND

pytestmark = [pytest.mark.ssh, pytest.mark.services]

EXHAUSTIVE = os.environ.get("SEAMLESS_RECONCILE_EXHAUSTIVE") == "1"
ON_THE_WAY = (
    "after end_forward",
    "after rhl-stop",
    "ended save_log service.database",
    "after rhl-rm",
    "after rhl-clear",
    "after rhl-launch-service",
    "before note_launched",
    "after open_forward",
    "after write_file",
)


def test_killed_again_and_again(client, scene):
    with injected("killed on the way") as saw:
        scene.up(*PAIR, cluster="far")
        scene.dirty(*PAIR)
        said = [scene.site.log(key) for key in scene.keys.values()]
        died = [client.killed(point).returncode for point in ON_THE_WAY]
        saw(f"{died.count(-signal.SIGKILL)} applies in a row died")
        client.converge()
        saw(f"the next: exit {client.exit}")
        assert scene.one_each()
        assert len(client.forwards()) == 2
        assert not (scene.host.data / "buffers" / "demo" / "0123").exists()
        saw("one process of each service, one tunnel each, both caches cold")
        assert all(log in client.kept_logs() for log in said)
        saw("both logs are in the records")


class Cold:
    """Two services with tunnels, whose caches hold something and should not."""

    end = "one process of each service, one tunnel each, both caches cold, both logs saved"

    def arrange(self, client, scene):
        scene.up(*PAIR, cluster="far")
        scene.dirty(*PAIR)

    def check(self, client, scene):
        assert scene.one_each()
        assert len(client.forwards()) == 2
        assert not (scene.host.data / "buffers" / "demo" / "0123").exists()


class Down:
    """A service with a tunnel that should be gone; its cache stays."""

    end = "no process, no tunnel, no state on either side, its data there, its log saved"

    def arrange(self, client, scene):
        scene.up("hashserver", cluster="far", cache="keep")
        scene.dirty("hashserver")
        scene.declare("hashserver", cluster="far", cache="keep", state="absent")

    def check(self, client, scene):
        assert list(scene.site.processes()) == []
        assert client.forwards() == {}
        assert list(client.client_files.glob("*.json")) == []
        assert (scene.host.data / "buffers" / "demo" / "0123").exists()


class Up:
    """A dead service with a dead tunnel that should run; its cache stays."""

    end = "one process, one tunnel, its data there, its log saved"

    def arrange(self, client, scene):
        scene.up("database", cluster="far", cache="keep")
        scene.dirty("database")
        scene.site.kill(scene.keys["database"])

    def check(self, client, scene):
        assert scene.one_each()
        assert len(client.forwards()) == 1
        stored = scene.host.data / "database" / "demo" / "seamless.db"
        assert stored.stat().st_size > 98_304


def points_of(client, scene, scenario):
    """Give the points that an undisturbed apply passes."""
    trace = client.folder / "points"
    trace.unlink(missing_ok=True)
    scenario.arrange(client, scene)
    with client.tampered(trace=str(trace)):
        client.converge()
    return trace.read_text().splitlines()


def start_afresh(client, scene):
    scene.site.wipe()
    for pid in client.forwards():
        client.kill(pid)
    client.start_afresh()


SCENARIOS = [
    pytest.param("killed going down", Down(), (12,), id="down"),
    pytest.param("killed coming up", Up(), (16,), id="up"),
    # A few of its points are those of test_killed_again_and_again.
    *([pytest.param("killed at random", Cold(), (), id="cold")] if EXHAUSTIVE else []),
]


@pytest.mark.timeout(3600 if EXHAUSTIVE else 180)
@pytest.mark.parametrize(("fault", "scenario", "some"), SCENARIOS)
def test_killed_at_a_point(client, scene, record_property, fault, scenario, some):
    start_afresh(client, scene)
    points = points_of(client, scene, scenario)
    numbers = range(1, len(points) + 1) if EXHAUSTIVE else some
    for number in numbers:
        with injected(fault) as saw:
            scenario.arrange(client, scene)
            said = [scene.site.log(key) for key in scene.keys.values()]
            assert client.killed(number).returncode == -signal.SIGKILL
            client.converge()
            saw(f"the next apply: exit {client.exit}, in sync")
            scenario.check(client, scene)
            assert all(log in client.kept_logs() for log in said), points[number - 1]
            saw(scenario.end)
    record_property("points", f"{len(numbers)} of {len(points)}")
    start_afresh(client, scene)


@pytest.mark.timeout(3600 if EXHAUSTIVE else 180)
def test_killed_at_random_times(client, scene):
    scenario = Cold()
    for seed in range(40 if EXHAUSTIVE else 1):
        chance = random.Random(seed)  # noqa: S311 - a moment, not a secret
        with injected("killed at random") as saw:
            scenario.arrange(client, scene)
            said = [scene.site.log(key) for key in scene.keys.values()]
            apply = client.start(COMMAND, "apply", "--yes")
            time.sleep(chance.uniform(0, 4))
            if apply.code is None:
                apply.send(signal.SIGKILL)
            assert apply.end().returncode in (-signal.SIGKILL, 0)
            client.converge()
            saw(f"the next apply: exit {client.exit}, in sync")
            scenario.check(client, scene)
            assert all(log in client.kept_logs() for log in said)
            saw(scenario.end)
