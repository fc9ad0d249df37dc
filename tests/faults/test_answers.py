"""Helpers that answer late, badly or not at all: what could not be told is never taken for absent (S2)."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from faults.witness import injected

pytestmark = [pytest.mark.ssh, pytest.mark.services]

WAYS = ("paramiko", "openssh")
# The helper, what its shim does (see `faults.shims`), further words of the command line.
BAD = {
    "listing cut off": ("rhl-ps", 'real "$@" | head -c 60'),
    "listing interleaved": ("rhl-ps", r'real "$@" | sed "s/, /, \n[x] somebody else prints\n/3"'),
    "listing empty": ("rhl-ps", "exit 0"),
    "listing garbage": ("rhl-ps", "head -c 2000 /dev/urandom"),
    "listing of something else": ("rhl-ps", 'echo "[1, 2]"; echo 7; echo null'),
    "listing huge": ("rhl-ps", "head -c 50000000 /dev/zero"),
    "listing killed": ("rhl-ps", "kill -9 $$"),
    "listing cut": ("rhl-ps", "cut"),
    "listing slow": ("rhl-ps", 'sleep 3; real "$@"', "--timeout", "1"),
}
BAD_ONCE = {
    "listing cut off once": ("rhl-ps", 'once "$@"; real "$@" | head -c 60'),
    "listing cut once": ("rhl-ps", 'once "$@"; cut'),
    "listing glued": ("rhl-ps", 'printf "Welcome "; real "$@"'),
    "listing doubled": ("rhl-ps", 'real "$@"; real "$@"'),
}


@pytest.fixture(scope="module")
def key(scene):
    return scene.up("database")["database"]


def ways(fault):
    """Give the transports a fault is shown on: both where it is the connection that suffers."""
    return WAYS if fault in ("listing cut", "listing cut once") else WAYS[:1]


def test_a_listing_that_is_none(client, scene, key):
    before = scene.site.footprint(key)
    for fault, (helper, how, *words) in BAD.items():
        for way in ways(fault):
            with injected(fault) as saw, scene.shims.misbehave(helper, how):
                seen = client.plan("--ssh", way, *words, code=None)
                saw(f"`plan`: exit {client.exit}, the service is {seen.states['service.database']}")
                assert seen.verbs == []
                saw("nothing to do was planned")
    assert scene.site.footprint(key) == before


def test_a_listing_that_still_says_what_is(client, scene, key):
    for fault, (helper, how, *words) in BAD_ONCE.items():
        for way in ways(fault):
            with injected(fault) as saw, scene.shims.misbehave(helper, how):
                seen = client.plan("--ssh", way, *words, code=None)
                assert seen.in_sync
                saw(f"`plan`: exit {client.exit}, in sync")


def test_changing_calls_that_never_answer(client, scene, key):
    scene.dirty("database")
    helpers = ("rhl-stop", "rhl-rm", "rhl-clear", "rhl-launch-service")
    with injected("answers lost") as saw, ExitStack() as faults:
        for helper in helpers:
            faults.enter_context(scene.shims.misbehave(helper, 'once "$@"; real "$@"; cut'))
        applied = client.apply(code=None)
        lost = [helper for helper in helpers if scene.shims.used(helper)]
        saw(f"the connection was cut in answer to {', '.join(lost)}")
        saw(f"`apply`: exit {client.exit}")
        assert applied.converged
        assert scene.one_each()


@pytest.mark.parametrize(
    ("way", "fault", "helper", "verb"),
    [
        ("paramiko", "stop lost", "rhl-stop", "stop"),
        ("openssh", "removal lost", "rhl-rm", "remove_state"),
        ("openssh", "clear lost", "rhl-clear", "clear"),
        ("paramiko", "launch lost", "rhl-launch-service", "launch"),
    ],
    ids=["stop", "removal", "clear", "launch"],
)
def test_changing_calls_that_never_arrive(client, scene, key, way, fault, helper, verb):
    scene.dirty("database")
    with injected(fault) as saw:
        hurry = {"services.GONE_SECONDS": 0.5, "launch.ORPHAN_SECONDS": 1.5}
        with client.tampered(hurry=hurry), scene.shims.misbehave(helper, 'once "$@"; cut'):
            applied = client.apply("--ssh", way, code=None)
        assert scene.shims.used(helper)
        saw(f"`apply`: exit {client.exit}")
        saw(f"{verb}: {applied.results[verb, 'cache.database' if verb == 'clear' else 'service.database']}")
        client.converge("--ssh", way)
        assert scene.one_each()
        saw(f"the next: exit {client.exit}")
