"""S10: whatever a host or a file says, no terminal obeys it and no renderer reads it as markup."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest

from plans.samples import ALL, HOSTILE, act, hostile, hostile_end
from seamless_reconcile import events as ev
from seamless_reconcile.outcomes import Outcome, Result
from seamless_reconcile.report import graphs
from seamless_reconcile.report.applied import applied_text
from seamless_reconcile.report.live import LiveProgress
from seamless_reconcile.report.progress import PlainProgress
from seamless_reconcile.report.screen import rendered, shown, terminal
from seamless_reconcile.report.text import plan_text

OUR_OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\x1b\[1A|\x1b\[2K|\r")
"""What the program itself may send to a terminal: styles, the cursor shown or hidden, lines redrawn."""


def unsafe(text: str) -> set[str]:
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")}


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_plan_shows_hostile_text_as_text(width):
    text = rendered(plan_text(hostile(), verbose=True), width=width)
    assert not unsafe(text)
    assert "[red]markup[/red]" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_an_end_shows_hostile_text_as_text(width):
    text = rendered(applied_text(hostile_end()), width=width)
    assert not unsafe(text)
    assert "[red]markup[/red]" in text


def test_in_colour_only_our_own_escapes_reach_the_terminal():
    text = rendered(plan_text(hostile(), verbose=True), color=True)
    assert not unsafe(OUR_OWN.sub("", text))
    assert "\x1b[31mred" not in text


def hostile_events():
    action = hostile().actions[0]
    return [
        ev.Reading((HOSTILE,)),
        ev.HostRead(HOSTILE, 1.0, HOSTILE),
        ev.Waiting(HOSTILE, HOSTILE),
        ev.Started(action),
        ev.Progress(action, HOSTILE),
        ev.Ended(Outcome(action, Result.FAILED, HOSTILE, HOSTILE)),
    ]


def test_plain_progress_is_one_safe_line_an_event():
    lines: list[str] = []
    progress = PlainProgress(lines.append, verbose=True)
    for event in hostile_events():
        progress.on_event(event)
    assert len(lines) == len(hostile_events())
    assert not any(unsafe(line) or "\n" in line for line in lines)


def test_live_progress_sends_only_our_own_escapes():
    screen = io.StringIO()
    progress = LiveProgress(terminal(screen, color=True))
    for event in hostile_events():
        progress.on_event(event)
    progress.pause()
    assert "[red]markup[/red]" in screen.getvalue()
    assert not unsafe(OUR_OWN.sub("", screen.getvalue()))


def hostile_nodes():
    one = graphs.Node("service." + HOSTILE, "service", HOSTILE, HOSTILE, ("cache." + HOSTILE,))
    other = graphs.Node("cache." + HOSTILE, "cache", HOSTILE, HOSTILE)
    return {node.address: node for node in (one, other)}


@pytest.mark.parametrize("draw", [graphs.graph_text, graphs.graph_dot, graphs.graph_mermaid])
def test_graphs_are_safe(draw):
    assert not unsafe(draw(hostile_nodes()))


def test_dot_strings_cannot_be_left():
    for line in graphs.graph_dot(hostile_nodes()).splitlines():
        inside = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
        assert '"' not in inside
        assert "markup" not in inside


def test_mermaid_labels_hold_no_html_and_cannot_be_left():
    labels = re.findall(r'"([^"]*)"', graphs.graph_mermaid(hostile_nodes()))
    assert labels
    for label in labels:
        assert not set("<>`[]{}|\\&") & set(label.replace("<br/>", ""))
    assert graphs.graph_mermaid(hostile_nodes()).count('"') == 2 * len(labels)


@pytest.mark.parametrize("value", [HOSTILE, [HOSTILE], {HOSTILE: HOSTILE}, (HOSTILE,), {1, HOSTILE}, b"\x1b"])
def test_any_value_is_shown_safely(value):
    assert not unsafe(shown(value))


def test_values_without_end_are_cut():
    assert len(shown("x" * 10_000)) < 1_000
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(shown(deep)) < 1_000


def test_every_sample_is_safe_at_any_width():
    for make in ALL.values():
        for width in (40, 80, 120):
            assert not unsafe(rendered(plan_text(make()), width=width))


def test_words_that_look_like_markup_change_nothing():
    plain = act(1, hostile().actions[0].verb, "cache.x", "[bold]x[/bold]", host="[link=http://x]y[/link]")
    lines: list[str] = []
    PlainProgress(lines.append).on_event(ev.Started(plain))
    assert lines == ["started   clear cache.x on [link=http://x]y[/link] ([bold]x[/bold])"]
