"""The words all formats share, above all the summary line of the contract."""

from __future__ import annotations

import pytest

from plans.samples import ALL, DRIFT, act, cache, service, tunnel
from seamless_reconcile.plan import Blocked, Plan, Verb, Verdict
from seamless_reconcile.report.words import Doing, doings, phrase, summary

STOP, LAUNCH, REMOVE = Verb.STOP, Verb.LAUNCH, Verb.REMOVE_STATE
CLOSE, OPEN, CLEAR, SAVE = Verb.CLOSE_TUNNEL, Verb.OPEN_TUNNEL, Verb.CLEAR, Verb.SAVE_LOG


def plan_of(resource, *verbs):
    actions = tuple(act(n, verb, resource.address, "why") for n, verb in enumerate(verbs, start=1))
    return Plan((resource,), actions)


@pytest.mark.parametrize(
    ("resource", "verbs", "doing"),
    [
        (service("x"), (), Doing.NOTHING),
        (service("x", "absent", DRIFT), (LAUNCH,), Doing.START),
        (service("x", "stale", DRIFT), (SAVE, REMOVE, LAUNCH), Doing.START),
        (service("x", "running", DRIFT), (STOP, SAVE, REMOVE, LAUNCH), Doing.RESTART),
        (service("x", "running", DRIFT, wish="stopped"), (STOP,), Doing.STOP),
        (service("x", "running", DRIFT, wish="absent"), (STOP, SAVE, REMOVE), Doing.REMOVE),
        (service("x", "stale", DRIFT, wish="absent"), (SAVE, REMOVE), Doing.REMOVE),
        (cache("x", wish="cold", verdict=DRIFT), (CLEAR,), Doing.CLEAR),
        (tunnel("x", "closed", DRIFT), (OPEN,), Doing.OPEN),
        (tunnel("x", "open", DRIFT), (CLOSE, OPEN), Doing.REPLACE),
        (tunnel("x", "open", DRIFT, wish="closed"), (CLOSE,), Doing.CLOSE),
        (service("x", "unknown", Verdict.UNKNOWN), (), Doing.UNKNOWN),
        (service("x", "stale", Verdict.BLOCKED), (), Doing.BLOCKED),
        (service("x", "stale", DRIFT), (), Doing.LEFT),
        (service("x", "running", DRIFT), (SAVE,), Doing.LEFT),
    ],
)
def test_what_becomes_of_a_resource(resource, verbs, doing):
    assert doings(plan_of(resource, *verbs)).of == {resource.address: doing}


def test_what_is_refused_counts_as_blocked_whatever_its_verdict():
    plan = Plan((service("x", "stale", DRIFT),), blocked=(Blocked("service.x", "no"),))
    assert doings(plan).of["service.x"] is Doing.BLOCKED
    assert summary(plan) == "Plan: nothing to do. 1 blocked."


def test_every_doing_has_its_own_word_and_never_speaks_by_colour_alone():
    told = [(doing.symbol, doing.word) for doing in Doing]
    assert len(set(told)) == len(told)
    assert all(symbol and word for symbol, word in told[1:])


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("in_sync", "In sync: 3 services, 2 caches, 3 tunnels as declared."),
        ("first_start", "Plan: 2 to start, 2 tunnels to open."),
        ("cold_restart", "Plan: 1 to start, 1 to restart, 1 cache to clear, 2 tunnels to replace."),
        ("take_down", "Plan: 1 to stop, 2 to remove, 2 tunnels to close."),
        ("blocked", "Plan: nothing to do. 4 blocked."),
        ("unreachable", "Plan: 1 to start. 3 unknown."),
        ("targeted", "Plan: 1 to start. 2 left as it is."),
    ],
)
def test_the_summary_line(name, line):
    assert summary(ALL[name]()) == line


def test_the_summary_line_of_the_contract():
    resources = (
        service("a", "absent", DRIFT), service("b", "absent", DRIFT),
        service("c", "running", DRIFT, wish="stopped"),
        cache("a", verdict=DRIFT, wish="cold"), cache("b", verdict=DRIFT, wish="cold"),
        tunnel("a", "closed", DRIFT), service("d", "stale", Verdict.BLOCKED),
    )  # fmt: skip
    verbs = (LAUNCH, LAUNCH, STOP, CLEAR, CLEAR, OPEN)
    actions = tuple(act(n, verb, resources[n - 1].address, "") for n, verb in enumerate(verbs, start=1))
    plan = Plan(resources, actions, (Blocked("service.d", "no"),))
    assert summary(plan) == "Plan: 2 to start, 1 to stop, 2 caches to clear, 1 tunnel to open. 1 blocked."


def test_one_of_each_is_singular_and_nothing_is_said_of_none():
    assert summary(Plan((service("a"), cache("a")))) == "In sync: 1 service, 1 cache as declared."
    assert summary(Plan(())) == "In sync: nothing as declared."


def test_phrases_say_what_is_done_where():
    assert phrase(act(1, STOP, "service.x", "")) == "stop service.x on frontend"
    assert phrase(act(1, OPEN, "tunnel.x", "")) == "open tunnel.x"
