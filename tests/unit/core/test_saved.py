"""Saved plans: what differs, and files that somebody else may have written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamless_reconcile.plan import Plan, Verb, Verdict
from seamless_reconcile.planner import Options
from seamless_reconcile.saved import MAX_BYTES, PlanFileError, SavedPlan, differences, load_saved, write_saved
from unit.core.values import action, plan, resource

STOP = action(1, verb=Verb.STOP, name="x", expects={"state": "running", "pid": 4000})
LAUNCH = action(2, 1, name="x", expects={"state": "absent"})
SHOWN = replace(resource("service.x", Verdict.DRIFT), observed={"state": "running", "pid": 4000})
PLAN = Plan((SHOWN,), (STOP, LAUNCH))
SAVED = SavedPlan(PLAN, ("/m.yaml",), Options(("service.x",), ("service.y",)), "abc")


def write(path: Path, change: Any = None) -> Path:
    """Write a plan file, and change what is in it."""
    write_saved(path, SAVED)
    if change is not None:
        body = json.loads(path.read_text())
        change(body)
        path.write_text(json.dumps(body))
    return path


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    assert load_saved(write(tmp_path / "plan")) == SAVED


def test_others_may_not_read_it(tmp_path: Path) -> None:
    assert write(tmp_path / "plan").stat().st_mode & 0o077 == 0


# --- hostile files ---------------------------------------------------------------------------

HOSTILE: dict[str, Any] = {
    "another kind": lambda b: b.update(kind="something else"),
    "a later version": lambda b: b.update(format_version=2),
    "a version that is no number": lambda b: b.update(format_version="1"),
    "a boolean version": lambda b: b.update(format_version=True),
    "one field more": lambda b: b.update(more=1),
    "one field less": lambda b: b.pop("digest"),
    "no files": lambda b: b.update(files=[]),
    "files that are no names": lambda b: b.update(files=[1]),
    "too many files": lambda b: b.update(files=["x"] * 1001),
    "a plan that is none": lambda b: b.update(plan=[]),
    "a plan without actions": lambda b: b["plan"].pop("actions"),
    "a plan of a later version": lambda b: b["plan"].update(format_version=9),
    "a verb that is none": lambda b: b["plan"]["actions"][0].update(verb="rm -rf"),
    "an id that is no number": lambda b: b["plan"]["actions"][0].update(id="1"),
    "an action that requires itself": lambda b: b["plan"]["actions"][0].update(requires=[1]),
    "an action that requires nobody": lambda b: b["plan"]["actions"][1].update(requires=[77]),
    "a verdict that is none": lambda b: b["plan"]["resources"][0].update(verdict="fine"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_is_no_plan(case: str, tmp_path: Path) -> None:
    path = write(tmp_path / "plan", HOSTILE[case])
    with pytest.raises(PlanFileError) as caught:
        load_saved(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"kind":' * 5000, b"1e999", b"NaN",
     b"\x1b[2J", b'{"kind": "\\u001b[2J"}'],
    ids=range(12),
)  # fmt: skip
def test_bytes_that_are_nothing(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan"
    path.write_bytes(data)
    with pytest.raises(PlanFileError) as caught:
        load_saved(path)
    assert str(caught.value).isprintable()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match="No such file or directory"):
        load_saved(tmp_path / "plan")


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match="Is a directory"):
        load_saved(tmp_path)


def test_a_file_too_large_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(PlanFileError, match="larger than any plan"):
        load_saved(path)


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_whatever_is_changed_in_a_file_it_is_a_plan_or_an_error(
    data: st.DataObject, tmp_path_factory
) -> None:
    path = tmp_path_factory.mktemp("saved") / "plan"
    write_saved(path, SAVED)
    body = json.loads(path.read_text())
    target: Any = body
    while isinstance(target, dict | list) and target and data.draw(st.booleans()):
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(target[key], dict | list) or data.draw(st.booleans()):
            target[key] = data.draw(anything)
            break
        target = target[key]
    path.write_text(json.dumps(body))
    told = None
    try:
        saved = load_saved(path)
    except PlanFileError as exc:
        told = str(exc)
    else:
        assert isinstance(differences(saved.plan, PLAN), list)
    assert told is None or told.isprintable()


# --- differences -----------------------------------------------------------------------------

CHANGED: dict[str, tuple[Any, list[str]]] = {
    "nothing": (plan(STOP, LAUNCH), []),
    "only their numbers": (plan(replace(STOP, id=7), replace(LAUNCH, id=9, requires=(7,))), []),
    "one less": (plan(STOP), ["launch service.x: no longer called for"]),
    "one more": (plan(STOP, LAUNCH, action(3, name="y")), ["launch service.y: was not part of the plan"]),
    "another process": (
        plan(action(1, verb=Verb.STOP, name="x", expects={"state": "running", "pid": 1}), LAUNCH),
        ["stop service.x: planned on {'state': 'running', 'pid': 4000}, now {'state': 'running', 'pid': 1}"],
    ),
    "nothing at all": (
        plan(), ["stop service.x: no longer called for", "launch service.x: no longer called for"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGED)
def test_differences(case: str) -> None:
    now, expected = CHANGED[case]
    assert differences(PLAN, now) == expected


@pytest.mark.parametrize(
    "field", [{"cause": "another"}, {"destructive": True}, {"host": "elsewhere"}], ids=str
)
def test_other_grounds_are_a_difference(field: dict[str, Any]) -> None:
    assert len(differences(PLAN, plan(replace(STOP, **field), LAUNCH))) == 1


def test_a_plan_read_back_differs_in_nothing(tmp_path: Path) -> None:
    assert differences(load_saved(write(tmp_path / "plan")).plan, PLAN) == []
