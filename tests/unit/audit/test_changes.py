"""What is new and gone between two looks; what nobody could look at is neither (S2)."""

from __future__ import annotations

from dataclasses import replace

from seamless_reconcile.audit import find
from seamless_reconcile.audit.changes import LAST_GONE, Round, advance
from seamless_reconcile.observed import Unknown
from simulated.bench import spec_of
from unit.audit.scenes import GONE, HEALTHY, RESULTS, STORE, look
from world import build
from world.transport import Fault


def scene(first=HEALTHY, second=HEALTHY, *faults):
    world = build(first, STORE)
    build(second, RESULTS, host="second", world=world)
    world.faults += faults
    return look(world, spec_of(STORE), spec_of(RESULTS, host="second"))


def after(before, seen, when):
    return advance(before, seen, find(seen), when)


def told(those):
    return [(one.finding.rule.id, one.finding.host) for one in those]


def test_the_first_look_finds_everything_new():
    one = after(Round(), scene(GONE), 10.0)
    assert told(one.new) == told(one.held.values()) == [("R102", "frontend")]
    assert (one.gone, one.looks, one.when) == ((), 1, 10.0)


def test_a_finding_is_there_since_it_was_first_found_and_gone_once():
    one = after(Round(), scene(GONE), 10.0)
    two = after(one, scene(GONE), 20.0)
    assert (two.new, two.gone) == ((), ())
    assert [held.since for held in two.held.values()] == [10.0]
    three = after(two, scene(), 30.0)
    assert three.held == {}
    assert [(gone.since, gone.until) for gone in three.gone] == [(10.0, 30.0)]
    four = after(three, scene(), 40.0)
    assert four.gone == ()
    assert four.lately == three.gone


def test_a_finding_whose_words_change_is_the_same_one():
    seen = scene(GONE)
    one = after(Round(), seen, 10.0)
    again = [replace(finding, message="other words") for finding in find(seen)]
    two = advance(one, seen, again, 20.0)
    assert (two.new, two.gone) == ((), ())
    assert [(h.finding.message, h.since) for h in two.held.values()] == [("other words", 10.0)]


def test_two_findings_of_one_resource_are_two():
    seen = scene(GONE)
    (one,) = find(seen)
    first = advance(Round(), seen, [one, one], 10.0)
    assert len(first.held) == 2
    assert len(advance(first, seen, [one], 20.0).gone) == 1


def test_what_was_found_on_a_host_that_is_away_is_doubtful_not_gone():
    one = after(Round(), scene(GONE, GONE), 10.0)
    away = scene(GONE, GONE, Fault("unreachable", host="second", times=None))
    two = after(one, away, 20.0)
    assert two.gone == ()
    assert told(two.new) == [("R401", "second")]
    assert told(two.doubted) == [("R102", "second")]
    assert {(h.finding.host, h.finding.rule.id): h.doubtful for h in two.held.values()} == {
        ("frontend", "R102"): False,
        ("second", "R102"): True,
        ("second", "R401"): False,
    }
    # It stays so, and is told once.
    three = after(two, away, 30.0)
    assert (three.new, three.doubted, three.gone) == ((), (), ())
    # It comes back, and what was there still is, since it was first found.
    four = after(three, scene(GONE, GONE), 40.0)
    assert told(four.gone) == [("R401", "second")]
    assert [(h.since, h.doubtful) for h in four.held.values()] == [(10.0, False), (10.0, False)]
    # Or it is not.
    assert sorted(told(after(three, scene(GONE), 40.0).gone)) == [("R102", "second"), ("R401", "second")]


def test_connections_that_cannot_be_read_make_theirs_doubtful():
    broken = replace(HEALTHY, tunnel="none")
    one = after(Round(), scene(broken), 10.0)
    assert told(one.held.values()) == [("R201", "frontend")]
    blind = replace(scene(), client_problem=Unknown("no"))
    two = after(one, blind, 20.0)
    assert told(two.new) == [("R205", "local")]
    assert told(two.doubted) == [("R201", "frontend")]


def test_the_gravest_come_first_and_only_the_last_that_went_are_kept():
    known = Round()
    for number in range(3 * LAST_GONE):
        known = after(known, scene(GONE if number % 2 else HEALTHY, GONE), float(number))
        ranks = [held.finding.severity.rank for held in known.held.values()]
        assert ranks == sorted(ranks)
    assert len(known.lately) == LAST_GONE
    assert [gone.until for gone in known.lately] == sorted((g.until for g in known.lately), reverse=True)
