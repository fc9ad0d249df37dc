"""The story of docs/cold.md: a test passes on yesterday's result, and is unmasked."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("cold-story")]

# What a team's test suite is, in small: it computes through Seamless and compares.
CHECK = 'test "$(seamless-run count-words words.txt)" = 3'
WORKS, BROKEN = 'wc -w < "$1"', "echo 42"


def check(prover):
    return prover.user.run("sh", "-c", CHECK, env=prover.env).returncode


def test_a_false_pass_is_unmasked(prover):
    # Monday: the tool works; on cold caches the test passes, and that pass is worth something.
    prover.tool("count-words", WORKS)
    prover.run("sh", "-c", CHECK, code=0)
    assert prover.certificate["finding"] == "genuine"
    # Tuesday: the tool is broken, and the test passes all the same: nothing is computed at all.
    prover.tool("count-words", BROKEN)
    assert check(prover) == 0
    # On cold caches it fails, and the proof says that this time it was really computed.
    prover.run("sh", "-c", CHECK, code=1)
    told = prover.certificate
    assert (told["finding"], told["holds"], told["exit_code"]) == ("genuine", True, 1)
    assert {one["resource"]: one["before"]["state"] for one in told["cleared"]} == {
        "cache.hashserver": "populated",
        "cache.database": "populated",
    }


def test_a_pass_that_never_asked_is_unmasked(prover):
    # A suite that skips what it should test passes on any caches.
    told = prover.run("sh", "-c", "true || seamless-run count-words words.txt", code=6)
    assert "proof: never touched the services\n" in told.stderr
    assert "this run proves nothing (exit 6); the command itself ended with 0\n" in told.stderr


def test_a_pass_beside_the_services_is_unmasked(prover):
    # So does one whose profile was left without the cluster: it computes, and stores nothing.
    prover.tool("count-words", WORKS)
    prover.user.write("- execution: process\n", "seamless.profile.yaml")
    prover.run("sh", "-c", CHECK, code=6)
    assert prover.certificate["finding"] == "never touched the services"
    assert prover.certificate["exit_code"] == 0
