"""Disks that are full or may not be written, here and on the host: nothing unrecorded is done.

A full disk is a limit on the size of files; root too is held to permissions (`faults.tampering`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from faults import tampering
from faults.witness import injected
from lab.host import PROGRAMS

pytestmark = [pytest.mark.ssh, pytest.mark.services]

WEAK = f'exec {sys.executable} {Path(tampering.__file__)} {PROGRAMS}/${{0##*/}} "$@"'


@pytest.fixture
def key(scene):
    """Give a running database that stored something, so that it should be made cold again."""
    found = scene.up("database")["database"]
    scene.dirty("database")
    return found


@pytest.fixture
def read_only():
    """Take the right to write from folders, for whom permissions count."""
    taken = []

    def take(folder):
        folder.mkdir(parents=True, exist_ok=True)
        taken.append((folder, folder.stat().st_mode))
        folder.chmod(0o555)

    yield take
    for folder, mode in taken:
        folder.chmod(mode)


def test_no_room_here(client, scene, key):
    before, said = scene.site.footprint(key), scene.site.log(key)
    with injected("client full") as saw:
        with client.tampered(room=0):
            done = client.start("seamless-reconcile", "apply", "--yes").end()
        saw(f"`apply`: exit {done.returncode}")
        assert scene.site.footprint(key) == before
        saw("nothing was done")
        # Room for the plan and the first events, not for what follows.
        with client.tampered(room=16_000):
            done = client.start("seamless-reconcile", "apply", "--yes", "--events", "/dev/full").end()
        assert "Traceback" not in done.stderr
        client.converge()
        assert scene.one_each()
        assert said in client.kept_logs()
        saw(f"with room again: exit {client.exit}, the log was saved")


def test_a_state_folder_that_may_not_be_written(client, scene, key, read_only):
    before = scene.site.footprint(key)
    with injected("state read-only") as saw, client.tampered(weak=True):
        read_only(client.home / "read-only")
        env = {"SEAMLESS_RECONCILE_STATE_DIR": str(client.home / "read-only" / "state")}
        client.sr("plan", env=env, code=None)
        saw(f"`plan`: exit {client.exit}")
        done = client.sr("apply", "--yes", env=env, code=None)
        assert "read-only" in done.stderr
        saw(f"`apply`: exit {client.exit}, the reason names the folder")
        assert scene.site.footprint(key) == before
        saw("nothing was done")


def test_client_files_that_may_not_be_written(client, scene, key, read_only):
    with injected("client files read-only") as saw, client.tampered(weak=True):
        read_only(client.client_files)
        applied = client.apply(code=None)
        closed, stopped = (
            applied.results["close_tunnel", "tunnel.database"],
            applied.results["stop", "service.database"],
        )
        saw(f"`apply`: exit {client.exit}, close_tunnel: {closed}, stop: {stopped}")
        client.client_files.chmod(0o755)
        client.converge()
        saw(f"with the right to write: exit {client.exit}")


def test_records_that_may_not_be_written(client, scene, key, read_only):
    before = scene.site.footprint(key)
    with injected("records read-only") as saw, client.tampered(weak=True):
        read_only(client.state / "runs")
        done = client.sr("apply", "--yes", code=None)
        assert "nothing was done" in done.stderr
        saw(f"`apply`: exit {client.exit}: nothing was done")
        assert scene.site.footprint(key) == before


def test_no_room_on_the_host(client, scene, key):
    with injected("host full") as saw:
        with (
            scene.shims.misbehave("rhl-launch-service", 'ulimit -f 0; real "$@"'),
            client.tampered(hurry={"launch.ORPHAN_SECONDS": 3.0}),
        ):
            applied = client.apply(code=None)
        saw(f"`apply`: exit {client.exit}, launch: {applied.results['launch', 'service.database']}")
        client.converge()
        assert scene.one_each()
        saw(f"with room again: exit {client.exit}, one process")


def test_a_host_folder_that_may_not_be_written(client, scene, key, read_only):
    with injected("host state read-only") as saw:
        with (
            scene.shims.misbehave("rhl-rm", WEAK),
            scene.shims.misbehave("rhl-launch-service", WEAK),
        ):
            read_only(scene.host.server_dir)
            applied = client.apply(code=None)
        removed, launched = (applied.results[verb, "service.database"] for verb in ("remove_state", "launch"))
        saw(f"`apply`: exit {client.exit}, remove_state: {removed}, launch: {launched}")
        scene.host.server_dir.chmod(0o755)
        client.converge()
        assert scene.one_each()
        saw(f"with the right to write: exit {client.exit}")


def test_a_cache_that_may_not_be_written(client, scene, key, read_only):
    folder = scene.host.data / "database" / "demo"
    with injected("cache read-only") as saw:
        with scene.shims.misbehave("rhl-clear", WEAK):
            read_only(folder)
            applied = client.apply(code=None)
        saw(f"`apply`: exit {client.exit}, clear: {applied.results['clear', 'cache.database']}")
        assert applied.results["launch", "service.database"] == "skipped"
        saw("nothing was launched on it")
        folder.chmod(0o755)
        client.converge()
        saw(f"with the right to write: exit {client.exit}")
