"""Guards, clocks and caches inside caches: found out by reading alone, once, and of hosts that answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamless_reconcile.audit import find
from seamless_reconcile.audit.scene import Besides, Guard
from simulated.bench import spec_of
from unit.audit.scenes import GONE, HEALTHY, RESULTS, STORE, look, one_key_twice, there
from world import Case, World, build
from world.cases import FRONTEND
from world.transport import Fault


def ids(scene):
    return [one.rule.id for one in find(scene)]


@pytest.mark.parametrize(
    ("arguments", "guard", "found"),
    [
        (None, Guard.NONE, []),
        ((), Guard.UNPOLICIED, ["R403"]),
        (("--clear-policy", "seamless"), Guard.MARKER, []),
        (("--clear-policy", "marker:.mine"), Guard.MARKER, []),
        (("--data-roots", "/home/svc"), Guard.ROOTS, []),
        (("--permissive-paths",), Guard.PERMISSIVE, ["R405"]),
    ],
)
def test_every_policy_is_told_from_the_others(arguments, guard, found):
    # No service and no cache is needed for that.
    world = World()
    world.add_host(FRONTEND)
    world.hosts[FRONTEND].guard = arguments
    scene = look(world, hosts=there())
    assert scene.besides.guards == {FRONTEND: guard}
    assert ids(scene) == found


def test_a_guard_that_refuses_for_other_reasons_is_not_judged():
    world = World()
    world.add_host(FRONTEND)
    world.faults.append(Fault("timeout", "rhl-ps-persistent", times=None))
    assert look(world, hosts=there()).besides.guards == {}


def launched(run, age):
    placed = replace(STORE, meta={**STORE.meta, "reconcile": {"run": run}})
    return look(build(replace(HEALTHY, age=age), placed), spec_of(STORE))


@pytest.mark.parametrize(
    ("run", "age", "ahead"),
    [
        ("20231114T221320-aaaaaa", 0.0, 0),  # the world's beginning
        ("20231114T221320-aaaaaa", -90.0, 90),
        ("20231114T231320-aaaaaa", 0.0, -3600),
        ("20231314T231320-aaaaaa", 0.0, 0),
        ("yesterday", 0.0, 0),
        (7, 0.0, 0),
    ],
)
def test_a_clock_is_judged_by_what_cannot_be(run, age, ahead):
    scene = launched(run, age)
    assert scene.besides.clocks[FRONTEND] == pytest.approx(ahead, abs=5)
    assert ids(scene) == (["R406"] if ahead else [])


def test_this_machine_has_one_clock_and_no_guard():
    world = build(replace(HEALTHY, age=-600.0), STORE, host="local")
    scene = look(world, spec_of(STORE, host="local"))
    assert (scene.besides.guards, scene.besides.clocks) == ({}, {})


def test_what_lies_inside_is_told_once_and_what_nobody_serves_is_named():
    world = build(HEALTHY, STORE)
    stage = replace(STORE, key="stage", workdir="~/buffers/p/STAGE-x")
    deeper = replace(STORE, key="deeper", workdir="~/buffers/p/STAGE-x/STAGE-y")
    build(HEALTHY, stage, world=world)
    build(GONE, deeper, world=world)
    scene = look(world, hosts=there())
    told = [one for one in find(scene) if one.rule.id == "R310"]
    assert [one.resource for one in told] == [f"path.{STORE.workdir}"]
    assert "STAGE-x, " in told[0].message
    assert told[0].message.endswith("nothing serves /home/svc/buffers/p/STAGE-x/STAGE-y")
    # Where not every service was seen, nothing is said of who serves what.
    build(replace(HEALTHY, state="malformed", client="absent", tunnel="none"), RESULTS, world=world)
    hidden = find(look(world, spec_of(STORE)))
    assert not any("nothing serves" in one.message for one in hidden)


def test_a_cold_cache_may_hold_only_cold_ones():
    world = build(replace(HEALTHY, cache="absent"), STORE)
    stage = replace(STORE, key="hashserver-c-rw-p--STAGE-x", workdir="~/buffers/p/STAGE-x")
    build(HEALTHY, stage, world=world)

    def found(state):
        specs = (spec_of(STORE, cache="cold"), spec_of(stage, name="stage", cache=state))
        return {one.rule.id for one in find(look(world, *specs))}

    assert "R302" in found("keep")
    assert "R302" not in found("cold")


def test_what_is_known_is_not_asked_again_until_the_host_was_away():
    world = build(HEALTHY, STORE)
    known = Besides({FRONTEND: Guard.MARKER}, {FRONTEND: 0.0}, {(FRONTEND, STORE.workdir): ()})
    seen = look(world, spec_of(STORE), besides=known)
    assert seen.besides == known
    world.faults.append(Fault("unreachable", times=None))
    assert look(world, spec_of(STORE), besides=known).besides == Besides()


def test_of_two_hosts_with_one_key_the_one_that_clients_follow_is_kept():
    (found,) = find(one_key_twice())
    assert found.host == "second"
    assert "frontend" in found.message
    assert found.commands[0].endswith(f"rhl-stop {STORE.key}")
    # A dead one is no second one.
    world = build(HEALTHY, STORE)
    build(replace(GONE, client="absent"), STORE, host="second", world=world)
    assert ids(look(world, hosts=one_key_hosts())) == ["R102"]
    # The manifest's own counts before what the client follows.
    world = build(HEALTHY, STORE)
    build(replace(HEALTHY, tunnel="none", client="absent"), STORE, host="second", world=world)
    declared = look(world, spec_of(STORE, host="second", tunnel="closed"), hosts=there())
    assert ("R116", FRONTEND) in [(one.rule.id, one.host) for one in find(declared)]


def one_key_hosts():
    return (*there(), replace(there()[0], host="second"))


def test_nothing_is_asked_besides_where_nothing_answers():
    world = build(Case(), STORE)
    world.faults.append(Fault("timeout", times=None))
    scene = look(world, spec_of(STORE))
    assert scene.besides == Besides()
    assert len(world.trace) == 1
