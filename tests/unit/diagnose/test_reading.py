"""What is read of services on the simulated world: all the evidence, and nothing is changed (S6)."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from rhl_helpers.host import Host
from rhl_helpers.transport.base import Answer
from rhl_helpers.transport.read_only import ReadOnlyTransport
from seamless_reconcile.desired import Desired
from seamless_reconcile.diagnose.client_error import ClientError
from seamless_reconcile.diagnose.knowledge import Health
from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.reaching import NoSuchService, Wish, check, survey
from seamless_reconcile.diagnose.reading import MAX_TAKEN
from seamless_reconcile.diagnose.verdict import diagnose
from seamless_reconcile.events import HostRead, Reading, Silent
from seamless_reconcile.ports import Reach
from simulated.bench import DictMemory, one_by_one, spec_of
from unit.audit.scenes import GONE, HEALTHY, JOBS, RESULTS, STORE
from world import build, every_case
from world.cases import FRONTEND
from world.transport import MUTATING, Fault
from world.world import LOCAL

KNOWN = knowledge()


class Noted:
    """A reporter that keeps what it was told."""

    def __init__(self):
        self.events = []

    def on_event(self, event):
        self.events.append(event)


def looked(world, *specs, wish=None, client=None, passive=False, reporter=None, probes=True):
    """Read the evidence; whatever asks for a change meanwhile is a violation (S6)."""
    reading = {n: Host(ReadOnlyTransport(world.transport(n, probes=probes))) for n in world.hosts}
    reach = Reach(reading.__getitem__, world.client, world.clock, one_by_one, DictMemory())
    with world.reading():
        return survey(
            Desired({s.name: s for s in specs}), wish or Wish(), client, reach, KNOWN,
            passive=passive, reporter=reporter or Silent(),
        )  # fmt: skip


def names(found):
    return [case.spec.name for case in found.cases]


def test_only_what_ails_is_diagnosed():
    world = build(HEALTHY, STORE)
    build(GONE, RESULTS, world=world)
    found = looked(world, spec_of(STORE), spec_of(RESULTS))
    assert (names(found), found.total) == (["database"], 2)
    assert diagnose(found.cases[0], KNOWN).symptom.id == "D118"
    assert names(looked(world, spec_of(STORE), spec_of(RESULTS), wish=Wish(all=True))) == [
        "hashserver",
        "database",
    ]
    both = looked(world, spec_of(STORE), spec_of(RESULTS), wish=Wish(("service.hashserver",)))
    assert (names(both), both.total) == (["hashserver"], 1)


def test_of_others_nothing_is_asked():
    """A handshake counts as use: a diagnosis of one service keeps no other one alive."""
    world = build(HEALTHY, STORE)
    build(HEALTHY, RESULTS, world=world)
    looked(world, spec_of(STORE), spec_of(RESULTS), wish=Wish(("hashserver",)))
    asked = json.dumps([step.argv for step in world.trace if step.argv])
    assert STORE.key in asked
    assert RESULTS.key not in asked


def test_both_handshakes_are_told_apart():
    world = build(HEALTHY, STORE)
    (well,) = looked(world, spec_of(STORE), wish=Wish(("hashserver",))).cases
    assert (well.on_host, well.through) == (Answer.OK, Answer.OK)
    cut = build(replace(HEALTHY, tunnel="none"), STORE)
    (broken,) = looked(cut, spec_of(STORE)).cases
    assert broken.on_host is Answer.OK
    assert broken.through is not Answer.OK
    assert diagnose(broken, KNOWN).symptom.id == "D140"


def test_the_log_is_read():
    world = build(GONE, STORE)
    world.hosts[FRONTEND].log(STORE.key).write(b"Killed\n")
    (case,) = looked(world, spec_of(STORE)).cases
    assert case.log.lines == ("INFO:     it ran before", "Killed")
    assert diagnose(case, KNOWN).causes[0].cause.id == "D242"
    without = build(replace(GONE, log=False), STORE)
    (silent,) = looked(without, spec_of(STORE)).cases
    assert not silent.log.present


def test_a_log_that_cannot_be_read_is_said():
    world = build(GONE, STORE)
    world.faults.append(Fault("timeout", "rhl-logs", times=None))
    (case,) = looked(world, spec_of(STORE)).cases
    found = diagnose(case, KNOWN)
    assert "log.unread" in found.signs
    assert found.symptom.id == "D118"


def test_a_key_that_no_manifest_names():
    world = build(GONE, STORE)
    (case,) = looked(world, wish=Wish(host=FRONTEND, key=STORE.key)).cases
    found = diagnose(case, KNOWN)
    assert (case.address, case.declared, found.symptom.id) == (f"key.{STORE.key}", False, "D118")
    (nothing,) = looked(world, wish=Wish(host=FRONTEND, key="hashserver-c-rw-q")).cases
    assert diagnose(nothing, KNOWN).symptom.id in ("D130", "D131")


def test_a_host_that_does_not_answer_is_not_asked_again():
    world = build(GONE, STORE)
    world.faults.append(Fault("unreachable", times=None))
    (case,) = looked(world, spec_of(STORE)).cases
    found = diagnose(case, KNOWN)
    assert (found.symptom.id, found.health, case.log) == ("D101", Health.UNTOLD, None)


def test_a_clients_error_names_what_is_looked_at():
    world = build(HEALTHY, STORE)
    build(HEALTHY, RESULTS, world=world)
    specs = spec_of(STORE), spec_of(RESULTS)
    assert names(looked(world, *specs, client=ClientError(type="database"))) == ["database"]
    port = looked(world, *specs, wish=Wish(("hashserver",))).cases[0].tunnel.local_port
    assert names(looked(world, *specs, client=ClientError(asked=(("localhost", port),)))) == ["hashserver"]
    assert names(looked(world, *specs, client=ClientError())) == []


def test_what_it_is_wired_to_is_looked_at_too():
    world = build(HEALTHY, STORE)
    build(HEALTHY, JOBS, world=world)
    jobs = replace(spec_of(JOBS), dependencies=("hashserver",))
    found = looked(world, jobs, spec_of(STORE), spec_of(RESULTS), wish=Wish(("jobserver",)))
    assert (names(found), found.total) == (["jobserver"], 2)


def test_passive_asks_no_service():
    world = build(HEALTHY, STORE)
    (case,) = looked(world, spec_of(STORE), wish=Wish(all=True), passive=True, probes=False).cases
    assert (case.on_host, case.through) == (None, None)
    assert not [step for step in world.trace if step.argv and step.argv[0] == "rhl-handshake"]
    assert diagnose(case, KNOWN).symptom.id == "D190"


def test_progress_is_told():
    reporter = Noted()
    looked(build(HEALTHY, STORE), spec_of(STORE), reporter=reporter)
    assert [type(event) for event in reporter.events] == [Reading, HostRead]
    assert reporter.events[-1].host == FRONTEND


def test_a_name_that_is_not_there_is_said():
    desired = Desired({"hashserver": spec_of(STORE)})
    check(desired, ("hashserver", "service.hashserver"))
    with pytest.raises(NoSuchService, match="did you mean hashserver"):
        check(desired, ("hashserve",))
    with pytest.raises(NoSuchService, match="it has hashserver"):
        check(desired, ("zzz",))


def test_no_more_of_a_log_is_taken_than_this_machine_can_hold():
    taken = []

    class Watching:
        def __init__(self, transport):
            self._transport, self.host = transport, transport.host

        def run(self, argv, **options):
            if argv[0] == "rhl-logs" and "--tail" in argv:
                taken.append(options["max_output"])
                for _ in range(64):
                    options["stdout_to"].write(b"x" * 1024 * 1024)
            return self._transport.run(argv, **options)

        def probe(self, *words, **options):
            return self._transport.probe(*words, **options)

    world = build(GONE, STORE)
    reach = Reach(
        lambda name: Host(Watching(world.transport(name))),
        world.client,
        world.clock,
        one_by_one,
        DictMemory(),
    )
    spec = spec_of(STORE)
    (case,) = survey(
        Desired({spec.name: spec}), Wish(), None, reach, KNOWN, passive=False, reporter=Silent()
    ).cases
    assert taken == [MAX_TAKEN]
    assert case.log.cut
    assert sum(map(len, case.log.lines)) < 2 * 1024 * 1024


# Strides that share no factor with the size of any dimension.
STRIDE = {FRONTEND: 97, LOCAL: 41}


def footprint(world):
    """Give everything that could be changed."""
    client = dict(world.local.client_files), [f.local_port for f in world.client.forwards()]
    machines = {
        name: (dict(host.state), sorted(host.processes), sorted(host.ports), repr(host.tree))
        for name, host in world.hosts.items()
    }
    return client, machines


@pytest.mark.parametrize("placed", [STORE, RESULTS], ids=lambda placed: placed.type)
@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
def test_a_diagnosis_of_any_state_changes_nothing(host, placed):
    seen = set()
    for case in itertools.islice(every_case(local=host == LOCAL), 0, None, STRIDE[host]):
        world = build(case, placed, host=host)
        before = footprint(world)
        spec = spec_of(placed, host=host)
        (found,) = looked(world, spec, wish=Wish(all=True)).cases
        (by_key,) = looked(world, wish=Wish(host=host, key=placed.key)).cases
        seen |= {diagnose(found, KNOWN).symptom.id, diagnose(by_key, KNOWN).symptom.id}
        assert footprint(world) == before, case
        assert world.violations == [], case
        assert not [step for step in world.trace if step.argv and step.argv[0] in MUTATING], case
    assert len(seen) >= 8, seen
