"""An apply that is killed, interrupted, or not alone: the next one comes to the same end."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

from lab.user import COMMAND, wait_for

pytestmark = pytest.mark.services

PAIR = ("hashserver", "database")


@pytest.fixture(scope="module")
def keys(user):
    user.clusters({"local_cluster": "here", "here": user.local()})
    declare(user)
    seen = user.converge().seen
    return {name: seen.key(name) for name in PAIR}


def declare(user):
    services = {name: {"state": "running", "cache": "cold"} for name in PAIR}
    user.manifest(services, cluster="here", project="demo")


def dirty(user, keys):
    """Make everything differ: both caches hold data, and the services run."""
    declare(user)
    user.converge()
    (user.home / "data" / "buffers" / "demo" / "0123").write_text("a buffer")
    database = user.home / "data" / "database" / "demo" / "seamless.db"
    database.write_bytes(database.read_bytes() + b"\0" * 4096)


def events(user, name):
    path = user.folder / name
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def begun(user, name):
    return [event["action"]["id"] for event in events(user, name) if event["event"] == "started"]


def one_process_each(user, keys):
    return {name: len(list(user.site.processes(key))) for name, key in keys.items()} == dict.fromkeys(keys, 1)


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_the_next_apply_converges(user, keys, seed):
    chance = random.Random(seed)  # noqa: S311 - a moment, not a secret
    dirty(user, keys)
    name = f"killed-{seed}.ndjson"
    apply = user.start(COMMAND, "apply", "--yes", "--events", name)
    # The plan has 14 actions; four seeds fall into four quarters of it.
    after = seed * 3 + chance.randrange(1, 4)
    wait_for(lambda: len(begun(user, name)) >= after or apply.code is not None, why="the action to begin")
    time.sleep(chance.uniform(0, 0.3))
    if apply.code is None:
        apply.send(signal.SIGKILL)
    assert apply.end().returncode in (-signal.SIGKILL, 0)
    user.converge()
    assert user.plan("--detailed-exitcode").in_sync
    assert one_process_each(user, keys)
    assert not (user.home / "data" / "buffers" / "demo" / "0123").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_interrupted_it_finishes_what_is_in_hand_and_says_where_it_stopped(user, keys, number):
    dirty(user, keys)
    name = f"interrupted-{number.name}.ndjson"
    apply = user.start(COMMAND, "apply", "--yes", "--json", "--events", name)
    wait_for(lambda: begun(user, name), why="an action to begin")
    apply.send(number)
    apply.send(number)
    done = apply.end()
    assert done.returncode == 130, done.stderr
    assert done.stderr.count("finishing the action in hand") == 1
    told = json.loads(done.stdout)
    assert told["interrupted"] is True
    assert told["exit_code"] == 130
    results = {outcome["action"]: outcome["result"] for outcome in told["outcomes"]}
    started = begun(user, name)
    assert all(results[action] == "done" for action in started)
    assert {result for action, result in results.items() if action not in started} == {"not_started"}
    ended = [event["outcome"]["action"] for event in events(user, name) if event["event"] == "ended"]
    assert set(started) <= set(ended)
    user.converge()
    assert one_process_each(user, keys)


def test_interrupted_while_it_reads_nothing_was_begun(user, keys):
    user.site.kill(keys["database"], signal.SIGSTOP)
    try:
        apply = user.start(COMMAND, "apply", "--yes", "--events", "early.ndjson")
        wait_for(lambda: events(user, "early.ndjson"), why="the reading to begin")
        apply.send(signal.SIGINT)
        done = apply.end()
        assert done.returncode == 130
        assert "no action was begun" in done.stderr
    finally:
        user.site.kill(keys["database"], signal.SIGCONT)
    assert begun(user, "early.ndjson") == []
    assert user.plan("--detailed-exitcode").in_sync


def test_a_second_apply_at_once_is_locked_out(user, keys):
    first = user.start(COMMAND, "apply", "--yes", "--replace", "service.database", "--events", "first.ndjson")
    wait_for(lambda: begun(user, "first.ndjson"), why="an action to begin")
    second = user.sr("apply", "--yes", "--json", "--replace", "service.database", code=75)
    assert json.loads(second.stdout)["error"]["kind"] == "locked"
    assert str(first.pid) in second.stderr
    # Reading is free all the time.
    user.plan(code=None)
    assert first.end().returncode == 0
    assert user.plan("--detailed-exitcode").in_sync
    assert one_process_each(user, keys)
