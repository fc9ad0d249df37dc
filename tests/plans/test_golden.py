"""The text of representative plans and ends, as a reader at 80 columns sees it."""

from __future__ import annotations

import pytest

from plans.samples import ALL, ENDS
from seamless_reconcile.report.applied import applied_text
from seamless_reconcile.report.screen import ASCII, rendered
from seamless_reconcile.report.text import plan_text


@pytest.mark.parametrize("name", ALL)
def test_plan(name, snapshot):
    assert rendered(plan_text(ALL[name]())) == snapshot


@pytest.mark.parametrize("name", ["cold_restart"])
def test_plan_with_causes(name, snapshot):
    assert rendered(plan_text(ALL[name](), verbose=True)) == snapshot


@pytest.mark.parametrize("name", ["cold_restart", "blocked"])
def test_plan_where_only_ascii_can_be_shown(name, snapshot):
    text = rendered(plan_text(ALL[name](), glyphs=ASCII))
    assert text.isascii()
    assert text == snapshot


@pytest.mark.parametrize("name", ["cold_restart"])
def test_plan_in_colour(name, snapshot):
    coloured = rendered(plan_text(ALL[name]()), color=True)
    assert "\x1b[" in coloured
    assert coloured.replace("\x1b", "␛") == snapshot


@pytest.mark.parametrize("name", ["cold_restart", "blocked"])
def test_plan_on_a_narrow_terminal(name, snapshot):
    assert rendered(plan_text(ALL[name]()), width=50) == snapshot


@pytest.mark.parametrize("name", ENDS)
def test_end(name, snapshot):
    assert rendered(applied_text(ENDS[name]())) == snapshot
