from __future__ import annotations

import time

import pytest

from seamless_reconcile.manifest.relations import cycles


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({}, []),
        ({"a": ["b"], "b": ["c"]}, []),
        ({"a": ["a"]}, []),
        ({"a": ["b"], "b": ["a"]}, [["a", "b"]]),
        ({"b": ["a"], "a": ["b"]}, [["b", "a"]]),
        ({"a": ["b"], "b": ["c"], "c": ["a"], "x": ["a"]}, [["a", "b", "c"]]),
        ({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]}, [["a", "b"], ["c", "d"]]),
        ({"a": ["c", "b"], "b": ["a"], "c": ["d"], "d": ["a"]}, [["a", "b"]]),
    ],
)
def test_one_cycle_for_each_knot(edges, found):
    assert cycles(edges) == found


def test_the_whole_circle_is_shown(written):
    text = "version: 1\nservices:\n" + "".join(
        f"  {name}: {{type: hashserver, depends_on: {need}}}\n"
        for name, need in zip("abc", "bca", strict=True)
    )
    assert written.problems(text) == [
        "m.yaml:3:37: services.a.depends_on: goes in a circle: a → b → c → a",
    ]


def test_long_chains_are_no_circles_and_take_no_time(written):
    count = 5_000
    text = "version: 1\nservices:\n" + "".join(
        f"  s{index}: {{type: hashserver, depends_on: s{index + 1}}}\n" for index in range(count)
    )
    started = time.perf_counter()
    written.load(f"{text}  s{count}: {{type: hashserver}}\n")
    (problem,) = written.problems(f"{text}  s{count}: {{type: hashserver, depends_on: s0}}\n")
    assert problem.startswith("m.yaml:3:38: services.s0.depends_on: goes in a circle: s0 → s1 → ")
    assert problem.endswith(
        f" → ({count - 49} more) → " + " → ".join(f"s{n}" for n in range(count - 24, count + 1)) + " → s0"
    )
    assert time.perf_counter() - started < 20


def test_many_unknown_names_take_no_time(written):
    count = 5_000
    text = "version: 1\nservices:\n" + "".join(
        f"  t{index}: {{type: hashserver, depends_on: t{index}-x}}\n" for index in range(count)
    )
    started = time.perf_counter()
    problems = written.problems(text)
    assert len(problems) == count
    assert problems[0].endswith("no service is named `t0-x` (did you mean `t0`?)")
    assert time.perf_counter() - started < 20
