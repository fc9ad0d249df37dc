"""The JSON forms: the contract's shape, read back whole, and nothing untrusted believed."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.samples import ALL, ENDS, cold_restart, first_start
from seamless_reconcile import events as ev
from seamless_reconcile.declared import Location, Problem
from seamless_reconcile.exits import Exit
from seamless_reconcile.outcomes import Outcome, Result
from seamless_reconcile.plan import Action, Blocked, Change, Plan, Resource, Verb, Verdict, Warned
from seamless_reconcile.report import wire
from seamless_reconcile.report.json_ import (
    applied_to_dict,
    dumps,
    error_to_dict,
    event_to_dict,
    plain,
    plan_from_dict,
    plan_to_dict,
    problem_to_dict,
)

# --- the contract's shape ------------------------------------------------------------------


def test_a_plan_has_the_contracts_shape():
    shape = plan_to_dict(cold_restart())
    names = ["format_version", "in_sync", "resources", "actions", "blocked", "warnings", "untrusted"]
    assert list(shape) == names
    assert (shape["format_version"], shape["in_sync"]) == (1, False)
    cache = next(r for r in shape["resources"] if r["address"] == "cache.hashserver")
    assert {"address", "kind", "name", "host", "key", "desired", "observed", "verdict", "changes"} <= set(
        cache
    )
    assert cache["verdict"] == "drift"
    assert cache["changes"] == [{"path": "state", "observed": "populated", "desired": "cold"}]
    clear = shape["actions"][4]
    assert clear["verb"] == "clear"
    assert clear["requires"] == [2]
    assert clear["destructive"] is True
    assert clear["expects"] == {"path": "/data/hashserver/myproject"}
    assert {"id", "verb", "resource", "host", "cause", "requires", "destructive"} <= set(clear)


def test_what_is_blocked_and_warned_of_has_the_contracts_shape():
    shape = plan_to_dict(ALL["blocked"]())
    assert shape["blocked"][1] == {
        "resource": "service.hashserver", "reason": "requires cache.hashserver, which is blocked", "hint": "",
    }  # fmt: skip
    assert set(shape["warnings"][0]) == {"resource", "message"}


@pytest.mark.parametrize("name", ALL)
def test_the_same_plan_is_always_written_the_same_and_in_ascii(name):
    one, other = dumps(plan_to_dict(ALL[name]())), dumps(plan_to_dict(ALL[name]()))
    assert one == other
    assert one.isascii()
    assert "\x1b" not in one


@pytest.mark.parametrize(
    ("name", "code"),
    [("complete", 0), ("partial", 1), ("interrupted", 130), ("nothing_to_do", 0), ("hostile_end", 1)],
)
def test_an_end_has_one_object_with_its_exit_code(name, code):
    shape = json.loads(dumps(applied_to_dict(ENDS[name]())))
    assert shape["format_version"] == 1
    assert shape["exit_code"] == code
    assert shape["converged"] is (code == 0)
    assert len(shape["outcomes"]) == len(shape["plan"]["actions"]) or name == "nothing_to_do"


def test_an_outcome_says_what_was_done_and_seen():
    shape = applied_to_dict(ENDS["complete"]())
    assert shape["outcomes"][0] == {
        "action": 1, "verb": "launch", "resource": "service.hashserver", "host": "frontend", "result": "done",
        "detail": "", "hint": "", "seconds": 1.234, "facts": {"port": 50001},
    }  # fmt: skip
    assert shape["after"]["in_sync"] is True
    assert shape["record"].endswith("/runs/1")


def test_a_failure_and_a_problem_are_objects_too():
    assert error_to_dict("locked", "locked: x", ["a"], Exit.LOCKED) == {
        "format_version": 1,
        "error": {"kind": "locked", "message": "locked: x", "details": ["a"]},
        "exit_code": 75,
        "untrusted": ["$.error.message", "$.error.details"],
    }
    assert problem_to_dict(Problem(Location("m.yaml", 3, 5), "no such field", "did you mean state?")) == {
        "file": "m.yaml", "line": 3, "column": 5, "message": "no such field", "hint": "did you mean state?",
    }  # fmt: skip
    assert problem_to_dict(Problem(None, "x"))["line"] is None


@pytest.mark.parametrize(
    ("event", "shape"),
    [
        (ev.Reading(("a", "b")), {"event": "reading", "hosts": ["a", "b"]}),
        (ev.HostRead("a", 0.12345), {"event": "host_read", "host": "a", "seconds": 0.123, "problem": ""}),
        (ev.Waiting("service.x", "starts"), {"event": "waiting", "resource": "service.x", "what": "starts"}),
        (ev.Planned(Plan(())), {"event": "planned", "plan": plan_to_dict(Plan(()))}),
        (
            ev.Progress(cold_restart().actions[4], "pass 2"),
            {"event": "progress", "action": 5, "what": "pass 2"},
        ),
        (ev.Stopping(2), {"event": "stopping", "in_hand": 2}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_events(event, shape):
    assert event_to_dict(event) == shape


def test_events_of_actions_carry_the_action():
    action = first_start().actions[2]
    assert event_to_dict(ev.Started(action))["action"]["requires"] == [1]
    ended = event_to_dict(ev.Ended(Outcome(action, Result.FAILED, "no")))
    assert (ended["outcome"]["result"], ended["outcome"]["detail"]) == ("failed", "no")


# --- values --------------------------------------------------------------------------------


def test_what_json_cannot_say_is_text():
    deep: object = "core"
    for _ in range(50):
        deep = [deep]
    value = plain({1: math.nan, "t": (1, 2), "v": Verb.STOP, "o": {3}, "s": "\udcff", "deep": deep})
    assert value["1"] == "nan"
    assert value["t"] == [1, 2]
    assert value["v"] == "stop"
    assert value["o"] == "{3}"
    assert value["s"] == "\\udcff"
    assert "core" not in dumps(value)


# --- back again ----------------------------------------------------------------------------

NAMES = st.from_regex(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", re.ASCII), fullmatch=True)
TEXT = st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FACTS = st.dictionaries(TEXT, VALUES, max_size=3)
KINDS = {
    "tunnel": [Verb.CLOSE_TUNNEL, Verb.OPEN_TUNNEL],
    "service": [Verb.SAVE_LOG, Verb.STOP, Verb.REMOVE_STATE, Verb.LAUNCH],
    "cache": [Verb.CLEAR],
}


@st.composite
def resources(draw):
    kind, name = draw(st.sampled_from(sorted(KINDS))), draw(NAMES)
    changes = draw(st.lists(st.builds(Change, TEXT, VALUES, VALUES), max_size=2))
    requires = draw(st.lists(NAMES.map("service.{}".format), max_size=2))
    return Resource(
        f"{kind}.{name}", kind, name, draw(TEXT), draw(TEXT), draw(FACTS), draw(FACTS),
        draw(st.sampled_from(Verdict)), tuple(changes), tuple(requires),
        tuple(draw(st.lists(TEXT, max_size=2))), draw(TEXT),
    )  # fmt: skip


@st.composite
def plans(draw):
    found = draw(st.lists(resources(), max_size=5, unique_by=lambda r: r.address))
    actions = []
    for number in range(1, draw(st.integers(0, 5)) + 1 if found else 1):
        on = draw(st.sampled_from(found))
        verb = draw(st.sampled_from(KINDS[on.kind]))
        earlier = draw(st.sets(st.integers(1, number - 1))) if number > 1 else set()
        actions.append(
            Action(
                number, verb, on.address, on.name, on.host, draw(TEXT), tuple(sorted(earlier)), draw(FACTS),
                draw(TEXT), verb is Verb.CLEAR or draw(st.booleans()),
            )
        )  # fmt: skip
    blocked = draw(st.lists(st.builds(Blocked, TEXT, TEXT, TEXT), max_size=2))
    warned = draw(st.lists(st.builds(Warned, TEXT, TEXT), max_size=2))
    return Plan(tuple(found), tuple(actions), tuple(blocked), tuple(warned))


@given(plans())
def test_a_plan_read_back_is_the_same_plan(plan):
    assert plan_from_dict(json.loads(dumps(plan_to_dict(plan)))) == plan


@pytest.mark.parametrize("name", [name for name in ALL if name != "hostile"])
def test_samples_are_read_back_the_same(name):
    plan = ALL[name]()
    assert plan_from_dict(plan_to_dict(plan)) == plan


def test_what_a_newer_version_adds_is_ignored():
    shape = plan_to_dict(cold_restart())
    shape["new"] = shape["resources"][0]["new"] = shape["actions"][0]["new"] = 1
    assert plan_from_dict(shape) == cold_restart()


# --- nothing untrusted is believed ---------------------------------------------------------


def deep(levels):
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def put(*path, value):
    """Change one place of a good plan."""

    def change(shape):
        target = shape
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return change


TAMPERED = {
    "another version": (put("format_version", value=2), "newer version"),
    "version true": (put("format_version", value=True), "no format_version"),
    "no resources": (put("resources", value=None), "resources"),
    "an unknown verb": (put("actions", 0, "verb", value="run"), r"actions\.0\.verb"),
    "an unknown verdict": (put("resources", 0, "verdict", value="fine"), "verdict"),
    "a text for a number": (put("actions", 0, "id", value="1"), r"actions\.0\.id"),
    "a circle": (put("actions", 0, "requires", value=[2]), "does not come before"),
    "itself": (put("actions", 3, "requires", value=[4]), "does not come before"),
    "action zero": (put("actions", 3, "requires", value=[0]), "does not come before"),
    "another order": (put("actions", 0, "id", value=2), "place 1"),
    "another host": (put("actions", 1, "host", value="evil"), "a host that the plan does not have"),
    "another resource": (put("actions", 1, "resource", value="service.evil"), "does not have"),
    "a verb for another kind": (put("actions", 1, "verb", value="clear"), "is not for service.hashserver"),
    "a harmless clear": (put("actions", 4, "destructive", value=False), "not destructive"),
    "an address that is no address": (put("resources", 0, "address", value="../x"), "address"),
    "an address that disagrees": (put("resources", 0, "name", value="other"), "disagree"),
    "an address with an escape": (put("resources", 0, "address", value="tunnel.\x1b[31m"), "address"),
    "a resource twice": (put("resources", 1, value=plan_to_dict(cold_restart())["resources"][0]), "twice"),
    "a text without end": (put("actions", 0, "cause", value="x" * 100_000), "cause"),
    "a text without end inside": (put("resources", 0, "observed", value={"a": "x" * 100_000}), "too long"),
    "a key without end": (put("resources", 0, "observed", value={"x" * 100_000: 1}), "too long"),
    "too deep": (put("resources", 0, "observed", value=deep(40)), "too deep"),
    "without bottom": (put("resources", 0, "observed", value=deep(100_000)), "too deep"),
    "too much": (put("resources", 0, "observed", value={"a": [0] * 100_000}), "too much"),
    "facts that are a list": (put("resources", 0, "observed", value=[]), "observed"),
    "too many": (put("blocked", value=[{}] * 100_001), "blocked"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_plan_is_refused_with_one_safe_line(name):
    change, said = TAMPERED[name]
    shape = plan_to_dict(cold_restart())
    change(shape)
    with pytest.raises(ValueError, match=said) as caught:
        plan_from_dict(shape)
    text = str(caught.value)
    assert "\n" not in text
    assert text.isprintable()
    assert len(text) < 400


@pytest.mark.parametrize("value", [None, [], "plan", 3, {}, {"format_version": 1}])
def test_what_is_no_plan_is_refused(value):
    with pytest.raises(ValueError, match=r".+"):
        plan_from_dict(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@given(JSON, st.data())
def test_any_damage_to_a_plan_is_either_refused_or_a_plan(value, data):
    shape = plan_to_dict(cold_restart())
    section = data.draw(st.sampled_from(["resources", "actions", "blocked", "warnings"]))
    if shape[section] and data.draw(st.booleans()):
        entry = data.draw(st.sampled_from(shape[section]))
        entry[data.draw(st.sampled_from(sorted(entry)))] = value
    else:
        shape[section] = value
    try:
        plan = wire.plan_from_dict(shape)
    except ValueError:
        return
    assert isinstance(plan, Plan)
