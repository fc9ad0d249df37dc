"""Differences as small values: by dotted path, missing things as nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_reconcile.drift import changes
from seamless_reconcile.plan import Change

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, Any, Any]]]] = {
    "the same": ({"state": "x"}, {"state": "x"}, []),
    "more than asked for": ({"state": "x", "pid": 1}, {"state": "x"}, []),
    "another value": ({"state": "x"}, {"state": "y"}, [("state", "x", "y")]),
    "missing": ({}, {"state": "y"}, [("state", None, "y")]),
    "another type": ({"port": 1}, {"port": "1"}, [("port", 1, "1")]),
    "a word of a list": (
        {"command": ["a", "b", "c"]}, {"command": ["a", "x", "c"]}, [("command.1", "b", "x")],
    ),
    "one word more": ({"command": ["a"]}, {"command": ["a", "b"]}, [("command.1", None, "b")]),
    "one word less": ({"command": ["a", "b"]}, {"command": ["a"]}, [("command.1", "b", None)]),
    "deep inside": ({"m": {"a": {"b": 1}}}, {"m": {"a": {"b": 2}}}, [("m.a.b", 1, 2)]),
    "a list for nothing": ({"command": None}, {"command": ["a"]}, [("command", None, ["a"])]),
    "several": (
        {"state": "x", "command": ["a"], "epoch": None}, {"state": "y", "command": ["b"], "epoch": "one"},
        [("command.0", "a", "b"), ("epoch", None, "one"), ("state", "x", "y")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_changes(case: str) -> None:
    observed, desired, expected = CASES[case]
    assert changes(observed, desired) == tuple(Change(*one) for one in expected)


plain = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))


@given(st.dictionaries(st.sampled_from("abc"), plain), st.dictionaries(st.sampled_from("abc"), plain))
def test_every_field_that_differs_is_told_once(observed: dict[str, Any], desired: dict[str, Any]) -> None:
    found = changes(observed, desired)
    assert [c.path for c in found] == sorted(n for n, wish in desired.items() if observed.get(n) != wish)
    assert all((c.observed, c.desired) == (observed.get(c.path), desired[c.path]) for c in found)


def test_plain_values_need_no_library() -> None:
    code = (
        "import sys; from seamless_reconcile.drift import changes;"
        "assert changes({'a': 1}, {'a': 2}); assert 'deepdiff' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
