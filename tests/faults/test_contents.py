"""State files, logs and names that are not what they should be: nothing is done on them."""

from __future__ import annotations

import os
import time

import pytest

from faults.witness import injected

pytestmark = [pytest.mark.ssh, pytest.mark.services]

ESCAPE = "\033]0;owned\007\033[31mred\033[2J\u202e"


def fifo(path):
    os.mkfifo(path)


def loop(path):
    path.symlink_to(path.name)


CONTENTS = {
    "state cut off": lambda path: path.write_text('{"pid": 12'),
    "state huge": lambda path: path.write_text('{"pid": 1, "x": "' + "x" * 50_000_000 + '"}'),
    "state not UTF-8": lambda path: path.write_bytes(b'{"pid": \xff\xfe}'),
    "state nested": lambda path: path.write_text("[" * 200_000),
    "state empty": lambda path: path.write_text(""),
    "state a folder": lambda path: path.mkdir(),
    "state a pipe": fifo,
    "state a loop": loop,
    "state of nonsense": lambda path: path.write_text('{"pid": -1, "port": "x", "status": [], "workdir": 7}'),
}


@pytest.fixture(scope="module")
def key(scene):
    return scene.up("database", cache="keep")["database"]


@pytest.mark.parametrize("fault", CONTENTS)
def test_a_state_file_that_is_none(client, scene, key, fault):
    """While the service it stood for runs on: nothing is launched beside it."""
    file, good = scene.site.state_file(key), scene.site.state_file(key).read_bytes()
    with injected(fault) as saw:
        pid = scene.site.pid(key)
        file.unlink()
        CONTENTS[fault](file)
        began = time.monotonic()
        applied = client.apply("--timeout", "3", code=None)
        assert [process.pid for process in scene.site.processes(key)] == [pid]
        assert not [verb for verb, _ in applied.done if verb != "close_tunnel"]
        assert time.monotonic() - began < 60
        state = applied.plan.states["service.database"]
        saw(f"`apply`: exit {client.exit}, the service is {state}, its process was left alone")
        file.rmdir() if file.is_dir() else file.unlink()
        file.write_bytes(good)
        client.converge()
        assert scene.site.pid(key) == pid
        saw("the file as it was: in sync")


def test_neighbours_that_are_none(client, scene, key):
    """State files of others, in every bad way at once: they are in nobody's way."""
    with injected("bad neighbours") as saw:
        for number, (fault, make) in enumerate(CONTENTS.items()):
            # One that cannot be read to its end stops the helper, not only its listing.
            if fault not in ("state a pipe", "state huge"):
                make(scene.site.server / f"neighbour-{number}.json")
        (scene.site.server / f"{ESCAPE}.json").write_text("{")
        done = client.sr("plan", code=None)
        assert "\033" not in done.stdout + done.stderr
        saw(f"`plan`: exit {client.exit}, no escape on the terminal")
        scene.declare("database", cache="cold")
        scene.dirty("database")
        done = client.sr("plan", code=None)
        assert "\033" not in done.stdout + done.stderr
        saw(f"a clear there: exit {client.exit}")
        scene.declare("database", cache="keep")
        for path in scene.site.server.iterdir():
            if path.name.startswith(("neighbour-", ESCAPE[:2])):
                path.rmdir() if path.is_dir() else path.unlink()
        assert client.plan("--detailed-exitcode").in_sync


def test_a_log_that_means_harm(client, scene, key):
    with injected("escapes in a log") as saw:
        how = f"printf '%b' '{ESCAPE.encode('unicode_escape').decode()}\\n' >&2; exit 1"
        with (
            scene.shims.misbehave("rhl-launch-service", how),
            client.tampered(hurry={"launch.ORPHAN_SECONDS": 1.0}),
        ):
            done = client.sr("apply", "--yes", "--replace", "service.database", code=None)
        shown = client.terminal("plan")
        saw(f"`apply`: exit {client.exit}")
        assert "\033" not in done.stdout + done.stderr
        assert "\033]0" not in shown.stdout
        assert "\u202e" not in shown.stdout + done.stdout + done.stderr
        saw("no escape on the terminal")
        client.converge()
        assert scene.one_each()
