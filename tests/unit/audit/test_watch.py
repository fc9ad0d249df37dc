"""A watch asks each process once, waits for no host that is away, and grows by nothing."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from dataclasses import replace

import pytest

from rhl_helpers.host import Host
from rhl_helpers.transport.read_only import ReadOnlyTransport
from seamless_reconcile.audit import find
from seamless_reconcile.audit.away import Away, in_background
from seamless_reconcile.audit.heard import ASK_AGAIN
from seamless_reconcile.audit.survey import Before, survey
from seamless_reconcile.audit.watching import watch
from seamless_reconcile.desired import Desired
from seamless_reconcile.events import HostRead, Reading
from seamless_reconcile.kinds.service import State
from seamless_reconcile.ports import Reach
from simulated.bench import DictMemory, one_by_one, spec_of, upstream_of
from simulated.test_second_process import overtaken
from unit.audit.scenes import GONE, HEALTHY, JOBS, RESULTS, STORE
from world import Case, build
from world.cases import FRONTEND
from world.transport import Fault


def at_once(task):
    """Ask hosts that are away again right then: here nothing takes time."""
    task()


class Watching:
    """Look at a world again and again."""

    def __init__(self, world, *specs, memory=None, start=at_once, passive=False):
        self.world, self.passive = world, passive
        self.before = Before(away=Away(start))
        self.desired = Desired({spec.name: spec for spec in specs})
        self.memory = memory or DictMemory()
        self.events = []
        self.violations = list(world.violations)

    def on_event(self, event):
        self.events.append(event)

    def look(self):
        reading = {n: Host(ReadOnlyTransport(self.world.transport(n))) for n in self.world.hosts}
        reach = Reach(reading.__getitem__, self.world.client, self.world.clock, one_by_one, self.memory)
        with self.world.reading():
            return survey(self.desired, (), reach, passive=self.passive, reporter=self, before=self.before)

    def ids(self):
        scene = self.look()
        assert self.world.violations == self.violations
        return [one.rule.id for one in find(scene)]

    def used(self):
        """Give when each service was last asked for anything."""
        processes = self.world.hosts[FRONTEND].processes.values()
        return {p.pid: p.service.last_request for p in processes if p.service}


def pair():
    world = build(HEALTHY, STORE)
    build(HEALTHY, RESULTS, world=world)
    return Watching(world, spec_of(STORE), spec_of(RESULTS))


# --- handshakes ----------------------------------------------------------------------------


def test_each_process_is_asked_once_and_then_left_to_idle():
    watching = pair()
    before = watching.used()
    watching.world.clock.sleep(10)
    assert watching.ids() == []
    asked = watching.used()
    assert all(asked[pid] > when for pid, when in before.items())
    for _ in range(5):
        watching.world.clock.sleep(10)
        scene = watching.look()
        assert find(scene) == ()
        # What was heard still holds.
        assert {seen.verified for seen in scene.snapshot.services.values()} == {True}
        assert {seen.verified for seen in scene.snapshot.tunnels.values()} == {True}
        assert not scene.snapshot.passive
    assert watching.used() == asked


def test_a_service_that_idles_out_under_a_watch_is_found():
    watching = pair()
    assert watching.ids() == []
    watching.world.clock.sleep(700)
    assert set(watching.ids()) == {"R102"}


def test_a_service_that_was_launched_anew_is_asked_and_others_are_not():
    watching = pair()
    watching.ids()
    world = watching.world
    asked = watching.used()
    world.clock.sleep(5)
    machine = world.hosts[FRONTEND]
    old = next(pid for pid, process in machine.processes.items() if process.key == RESULTS.key)
    build(HEALTHY, RESULTS, world=world)
    machine.processes.pop(old, None)
    world.clock.sleep(5)
    watching.ids()
    now = watching.used()
    assert {pid for pid in now if now[pid] != asked.get(pid)} == set(now) - set(asked)


def test_a_service_that_does_not_answer_is_asked_again_until_it_does():
    world = build(replace(HEALTHY, port="closed"), STORE)
    watching = Watching(world, spec_of(STORE))
    assert watching.ids() == ["R104"]
    assert watching.ids() == ["R104"]
    well = build(HEALTHY, STORE).hosts[FRONTEND]
    world.hosts[FRONTEND].ports = well.ports
    world.hosts[FRONTEND].processes = well.processes
    assert watching.ids() == []
    asked = watching.used()
    world.clock.sleep(5)
    assert watching.ids() == []
    assert watching.used() == asked


def test_a_hidden_process_is_left_to_idle_as_well():
    world = build(replace(HEALTHY, state="absent", port="ours"), STORE)
    watching = Watching(world, spec_of(STORE))
    assert watching.ids() == ["R108"]
    asked = watching.used()
    world.clock.sleep(60)
    assert watching.ids() == ["R108"]
    assert watching.used() == asked
    # It is gone by itself before it is asked the next time.
    world.clock.sleep(ASK_AGAIN)
    assert "R108" not in watching.ids()


def test_two_processes_of_one_service_stay_found():
    first = overtaken()
    watching = Watching(first.world, *first.desired.services.values(), memory=first.memory)
    assert [watching.ids() for _ in range(3)] == [["R117"]] * 3


def test_a_jobserver_whose_database_moves_is_found_miswired_without_being_asked():
    world = build(HEALTHY, RESULTS)
    urls = {"database": [{"remote_url": "http://localhost:50000"}], "buffer": []}
    build(HEALTHY, replace(JOBS, parameters=urls), world=world)
    upstream = (upstream_of(RESULTS, name="database"),)
    specs = (spec_of(RESULTS), spec_of(JOBS, dependencies=("database",), upstream=upstream))
    watching = Watching(world, *specs)
    assert "R107" not in watching.ids()
    assert watching.look().snapshot.services["jobserver"].verified
    world.hosts[FRONTEND].state.pop(RESULTS.key)
    gone = watching.look()
    assert gone.snapshot.services["jobserver"].state is State.MISWIRED


def test_a_passive_watch_asks_nobody():
    watching = pair()
    watching.passive = True
    before = watching.used()
    for _ in range(2):
        watching.world.clock.sleep(5)
        assert watching.look().snapshot.passive
    assert watching.used() == before


# --- hosts that die and come back ----------------------------------------------------------


def test_a_host_that_dies_and_comes_back():
    watching = pair()
    assert watching.ids() == []
    fault = Fault("unreachable", times=None)
    watching.world.faults.append(fault)
    assert watching.ids() == ["R401"]
    assert watching.ids() == ["R401"]
    watching.world.faults.remove(fault)
    # The question beside the looks has to succeed first.
    watching.ids()
    assert watching.ids() == []


def test_no_look_waits_for_a_host_that_is_away():
    world = build(GONE, STORE)
    build(HEALTHY, RESULTS, host="dead", world=world)
    world.faults.append(Fault("timeout", host="dead", times=None))
    later = []
    watching = Watching(world, spec_of(STORE), spec_of(RESULTS, host="dead"), start=later.append)
    assert watching.ids() == ["R102", "R401"]
    for _ in range(3):
        asked = [step for step in world.trace if step.host == "dead"]
        began = world.clock.monotonic()
        assert watching.ids() == ["R102", "R401"]
        assert [step for step in world.trace if step.host == "dead"] == asked
        assert world.clock.monotonic() - began < 5
    # One question at a time is under way, however many looks there were.
    assert len(later) == 1
    world.faults.clear()
    later.pop()()
    assert watching.ids() == ["R102"]


def test_a_question_that_breaks_leaves_the_host_away():
    away = Away(at_once)
    scene = Watching(build(HEALTHY, STORE), spec_of(STORE))
    scene.world.faults.append(Fault("unreachable", times=None))
    facts = scene.look().snapshot.hosts[FRONTEND]

    def broken():
        raise RuntimeError("the connections are closed")

    away.note(FRONTEND, facts, broken)
    assert away.facts(FRONTEND) is facts


def test_the_background_does_not_keep_the_program():
    done = threading.Event()
    kept = []

    def task():
        kept.append(threading.current_thread().daemon)
        done.set()

    in_background(task)
    assert done.wait(30)
    assert kept == [True]


# --- the loop ------------------------------------------------------------------------------


@pytest.mark.parametrize(("takes", "pauses"), [(0.0, [5.0]), (2.0, [3.0]), (7.0, [0.0])])
def test_looks_begin_at_the_interval_or_at_once_where_they_take_longer(takes, pauses):
    watching = pair()
    clock = watching.world.clock
    begins, paused, rounds = [], [], []

    def look(before):
        assert before is not None
        begins.append(clock.monotonic())
        scene = watching.look()
        clock.sleep(max(0.0, begins[-1] + takes - clock.monotonic()))
        return scene

    def pause(seconds):
        paused.append(seconds)
        clock.sleep(seconds)
        return len(paused) == 3

    watch(look, 5.0, clock=clock, pause=pause, told=lambda now, _scene, found: rounds.append((now, found)))
    assert len(begins) == 3
    assert [now.looks for now, _ in rounds] == [1, 2, 3]
    assert paused[1] == pytest.approx(pauses[0], abs=1.0)


def test_a_watch_that_is_ended_while_it_looks_tells_nothing_more():
    rounds = []
    watching = pair()
    scenes = [watching.look(), None]
    watch(
        lambda _: scenes.pop(0), 1.0, clock=watching.world.clock, pause=lambda _: False,
        told=lambda now, *_: rounds.append(now.looks),
    )  # fmt: skip
    assert rounds == [1]


def test_a_watch_does_not_grow():
    world = build(GONE, STORE)
    build(HEALTHY, RESULTS, world=world)
    build(HEALTHY, RESULTS, host="dead", world=world)
    world.faults.append(Fault("timeout", host="dead", times=None))
    watching = Watching(world, spec_of(STORE), spec_of(RESULTS, host="dead"))
    looks = 0

    def pause(_):
        nonlocal looks
        looks += 1
        # What the world remembers for its tests is not the watch's.
        world.trace.clear()
        watching.events.clear()
        if looks == 20:
            gc.collect()
            tracemalloc.start()
        return looks == 120

    try:
        watch(lambda _: watching.look(), 1.0, clock=world.clock, pause=pause, told=lambda *_: None)
        # What the collector has not got to yet is no growth.
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < 200_000


def test_each_host_is_told_of_once_a_look():
    world = build(HEALTHY, STORE)
    build(HEALTHY, RESULTS, host="dead", world=world)
    world.faults.append(Fault("unreachable", host="dead", times=None))
    watching = Watching(world, spec_of(STORE), spec_of(RESULTS, host="dead"))
    for _ in range(2):
        watching.events.clear()
        watching.look()
        first, *rest = watching.events
        assert first == Reading((FRONTEND, "dead"))
        assert [type(event) for event in rest] == [HostRead, HostRead]
        assert {event.host: bool(event.problem) for event in rest} == {FRONTEND: False, "dead": True}


def test_nothing_there_is_nothing_to_ask():
    watching = Watching(build(Case(), STORE), spec_of(STORE, state="absent"))
    assert [watching.ids() for _ in range(2)] == [[], []]
