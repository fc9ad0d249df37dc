"""What is read of services on the simulated world: all the evidence, and nothing is changed (S6)."""

from __future__ import annotations

import itertools
import json
import sys
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
from unit.audit.scenes import GONE, HEALTHY, JOBS, RESULTS, STORE, Unreadable
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


@pytest.mark.parametrize(("process", "open_"), [("ours", True), ("dead", None)])
def test_passive_asks_the_port_instead(process, open_):
    """To connect is not to use it: no request is made, so no idle timer starts anew."""
    world = build(replace(HEALTHY, process=process, port="ours" if open_ else "closed"), STORE)
    (case,) = looked(world, spec_of(STORE), wish=Wish(all=True), passive=True).cases
    assert case.port_open is open_
    world.faults.append(Fault("timeout", "rhl-verify-port", times=None))
    assert looked(world, spec_of(STORE), wish=Wish(all=True), passive=True).cases[0].port_open is None


def answering(world, reply):
    world.faults.append(Fault("reply", "rhl-conda-info", times=None, reply=reply))
    return looked(world, spec_of(STORE, conda_env="seamless")).cases[0].conda


def test_conda_is_asked_for():
    told = json.dumps({"conda_base": "/c", "envs": ["/c", "/c/envs/x", 3]}).encode()
    conda = answering(build(GONE, STORE), (0, told, b""))
    assert (conda.declared, conda.cached, conda.base) == ("seamless", True, "/c")
    assert conda.environments == ("/c", "/c/envs/x")
    none = answering(build(GONE, STORE), (1, b"", b"rhl-conda-info: cache file not found: /x\n"))
    assert none.cached is False
    odd = answering(build(GONE, STORE), (0, b'{"envs": {}, "conda_base": 3}', b""))
    assert (odd.cached, odd.environments, odd.base) == (True, (), "")
    refused = answering(build(GONE, STORE), (1, b"", b"rhl-guard: rejected: no\n"))
    assert (refused.cached, "guard refused" in refused.problem) == (None, True)


def test_a_client_whose_files_cannot_be_read_is_no_obstacle():
    world = build(GONE, STORE)
    reading = {n: Host(ReadOnlyTransport(world.transport(n))) for n in world.hosts}
    reach = Reach(reading.__getitem__, Unreadable(world.client), world.clock, one_by_one, DictMemory())
    wish = Wish(host=FRONTEND, key=STORE.key)
    (case,) = survey(Desired({}), wish, None, reach, KNOWN, passive=False, reporter=Silent()).cases
    assert diagnose(case, KNOWN).symptom.id == "D118"


def test_on_this_machine_its_packages_are_told():
    world = build(HEALTHY, STORE, host=LOCAL)
    client = world.client

    class WithPython:
        def __getattr__(self, name):
            return getattr(client, name)

        def evidence(self, pid):
            found = client.evidence(pid)
            return found and replace(found, command=(f"{sys.prefix}/bin/python", *found.command))

    reading = {n: Host(ReadOnlyTransport(world.transport(n))) for n in world.hosts}
    reach = Reach(reading.__getitem__, WithPython(), world.clock, one_by_one, DictMemory())
    spec = spec_of(STORE, host=LOCAL)
    found = survey(
        Desired({spec.name: spec}), Wish(all=True), None, reach, KNOWN, passive=False, reporter=Silent()
    )
    assert found.cases[0].prefix == sys.prefix
    assert "hashserver" in [one.package for one in found.cases[0].installed]


def test_no_folder_that_only_a_log_names_is_looked_into(tmp_path):
    """S10: not even for a version."""
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    folder = site / "hashserver-6.6.6.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: hashserver\nVersion: 6.6.6\n")
    world = build(GONE, STORE, host=LOCAL)
    text = f'Traceback (most recent call last):\n  File "{site}/x.py", line 1, in f\nValueError: x\n'
    world.hosts[LOCAL].log(STORE.key).write(text.encode())
    (case,) = looked(world, spec_of(STORE, host=LOCAL)).cases
    assert (case.prefix, case.installed) == (str(tmp_path), ())


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
