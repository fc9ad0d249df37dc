"""What is written is read back as what it was, by every reader of YAML, and nothing in it is filled in."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seamless_reconcile.importing.scalars import comment, flow, scalar, text, writable
from seamless_reconcile.manifest.environment import Environment
from seamless_reconcile.manifest.events import read_tree
from seamless_reconcile.manifest.values import plain_values

ODD = [
    "no", "Yes", "on", "null", "~", "", "true", "22:22", "1:30", "017", "0x1f", "1_000", "1e3", ".5", "-1",
    "+3", "=", "<<", "- x", "a: b", "a #b", "#a", "&a", "*a", "!tag", "%x", "@x", "`x", "{a}", "[a]", "?",
    "|", ">", "'", '"', "a\\b", " a", "a ", "${HOME}", "$${HOME}", "$$${X}", "a${X:-y}b", "é", "日本",
    "2026-11-23", "~/x", "/data/x y", "---", "...",
]  # fmt: skip


def read(written: str) -> Any:
    """Read one value as a manifest's reader does."""
    root, problems = read_tree(f"x: {written}\n".encode(), "m.yaml")
    assert problems == []
    values, problems = plain_values(root, Environment({"HOME": "/filled/in", "X": "filled"}), "m.yaml")  # type: ignore[arg-type]
    assert problems == []
    return values["x"]


@pytest.mark.parametrize("value", ODD)
def test_a_text_is_read_back_as_that_text(value: str) -> None:
    assert read(text(value)) == value
    assert yaml.safe_load(text(value)) == value.replace("${", "$${")


@given(st.text(max_size=40))
def test_any_text_is_one_line_of_ascii(value: str) -> None:
    written = text(value)
    assert "\n" not in written
    assert written.isascii()
    assert written.isprintable()
    if writable(value):
        assert read(written) == value


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(values)
def test_any_writable_value_is_read_back_as_it_was(value: Any) -> None:
    written = flow(value)
    assert written.isascii()
    assert "\n" not in written
    if writable(value):
        assert read(written) == value


@pytest.mark.parametrize(
    "value",
    [
        "\x00", "\x1b[31m", "a\x85b", "\ud800", float("nan"), float("inf"), 10**19, [["x"] * 3000],
        {"${HOME}": 1}, {"\x07": 1}, "x" * 100_000, object(),
    ],
    ids=lambda value: type(value).__name__ if type(value) is object else repr(value)[:20],
)  # fmt: skip
def test_what_a_manifest_refuses_is_not_written(value: Any) -> None:
    assert not writable(value)


def test_what_nests_too_deep_is_not_written() -> None:
    value: Any = "x"
    for _ in range(20):
        value = [value]
    assert not writable(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "null"), (True, "true"), (False, "false"), (3, "3"), ("x", "x"), ("no", '"no"'), ("", '""')],
)
def test_scalars(value: Any, written: str) -> None:
    assert scalar(value) == written


@given(st.text(max_size=700))
def test_a_comment_is_one_line_and_stays_one(value: str) -> None:
    line = comment(value)
    assert line.startswith("# ")
    root, problems = read_tree(f"{line}\nx: 1\n".encode(), "m.yaml")
    assert problems == []
    assert list(root.pairs) == ["x"]  # type: ignore[union-attr]
    assert len(line.splitlines()) == 1
