"""How text reaches a terminal or a pipe."""

from __future__ import annotations

import pytest
from rich.text import Text

from plans.samples import ENDS
from seamless_reconcile.report.applied import applied_text, last_text
from seamless_reconcile.report.screen import ASCII, UNICODE, Glyphs, Hanging, line, one_line, rendered, shown


@pytest.mark.parametrize("make", [one_line, lambda text: Hanging(Text(), one_line(text))])
def test_one_line_stays_one_however_narrow(make):
    long = "word " * 40
    alone = rendered(one_line(long), width=40)
    assert alone == long.rstrip() + "\n"


def test_the_lines_that_count_are_never_wrapped():
    end = ENDS["partial"]()
    last = rendered(last_text(end), width=40)
    assert last.count("\n") == 1
    assert rendered(applied_text(end), width=40).endswith(last)


def test_hanging_texts_wrap_under_themselves():
    text = rendered(Hanging(Text("  x "), line("one two three four five")), width=24)
    assert text == "  x one two three four\n    five\n"
    assert rendered(Hanging(Text("ab"), line("c"), 6), width=24) == "ab    c\n"
    assert rendered(Hanging(Text("ab "), line("")), width=24) == "ab\n"


def test_a_word_longer_than_the_line_is_folded_not_lost():
    text = rendered(Hanging(Text("> "), line("x" * 50)), width=22)
    assert text.replace("\n", "").replace(" ", "") == ">" + "x" * 50


@pytest.mark.parametrize(
    ("encoding", "glyphs"),
    [("utf-8", UNICODE), ("ascii", ASCII), ("latin-1", ASCII), (None, ASCII), ("no-such-encoding", ASCII)],
)
def test_glyphs_are_what_the_output_can_say(encoding, glyphs):
    assert Glyphs.for_encoding(encoding) is glyphs


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        ("", '""'),
        ("word", "word"),
        (3, "3"),
        (False, "false"),
        (["a", 1], '["a", 1]'),
        ({"b": None}, '{"b": null}'),
    ],
)
def test_values_as_people_read_them(value, text):
    assert shown(value) == text
