"""A watch as a picture and as lines: what is new, since when, and nothing of a host's own making (S10)."""

from __future__ import annotations

import io
import unicodedata
from dataclasses import replace

import pytest

from plans.samples import HOSTILE
from seamless_reconcile.audit.changes import Gone, Held, Round
from seamless_reconcile.audit.scene import finding
from seamless_reconcile.report.screen import console
from seamless_reconcile.report.watching import Picture, change_lines

NOW = 1_700_000_000.0


def held(id_, host="h", *, since=NOW - 90, doubtful=False, message="m"):
    return Held(finding(id_, "service.x", host, message), since, doubtful)


def round_of(*those, new=(), gone=(), doubted=(), looks=2, lately=()):
    placed = {(one.finding.rule.id, one.finding.host, "", 0): one for one in those}
    return Round(placed, tuple(new), tuple(gone), tuple(doubted), tuple(lately), NOW, looks)


def drawn(picture, *, width=100, height=40):
    file = io.StringIO()
    screen = console(file, width=width)
    screen.height = height
    screen.print(picture)
    return file.getvalue()


def picture(now, **more):
    return Picture(now, "Audit: 1 error; 1 service on 1 host.", 5.0, NOW + 3, **more)


# --- lines ---------------------------------------------------------------------------------


def test_the_first_look_says_what_was_found_and_how_it_stands():
    one = held("R102")
    assert list(change_lines(round_of(one, new=(one,), looks=1), "Audit: 1 error.")) == [
        "2023-11-14T22:13:20Z found R102 error   service.x on h: stale state: m",
        "2023-11-14T22:13:20Z look  Audit: 1 error.",
    ]
    assert list(change_lines(round_of(looks=1), "No findings.")) == [
        "2023-11-14T22:13:20Z look  No findings."
    ]


def test_a_look_at_which_nothing_changed_says_nothing():
    assert list(change_lines(round_of(held("R102")), "Audit: 1 error.")) == []


def test_each_change_is_a_line():
    new, doubted = held("R401"), held("R102", doubtful=True)
    gone = Gone(held("R104").finding, NOW - 60, NOW)
    lines = list(change_lines(round_of(new, doubted, new=(new,), gone=(gone,), doubted=(doubted,)), "s"))
    assert [line.split()[1:3] for line in lines] == [
        ["new", "R401"], ["doubt", "R102"], ["gone", "R104"], ["look", "s"],
    ]  # fmt: skip


def test_lines_are_safe():
    one = Held(finding("R102", f"key.{HOSTILE}", HOSTILE, HOSTILE), NOW)
    for text in change_lines(round_of(one, new=(one,)), HOSTILE):
        assert not {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")}
        assert "\n" not in text


# --- the picture ---------------------------------------------------------------------------


def test_the_picture_says_how_it_stands_what_is_there_and_since_when():
    new = held("R104", since=NOW)
    gone = Gone(held("R103").finding, NOW - 7200, NOW - 30)
    text = drawn(picture(round_of(held("R102"), new, new=(new,), lately=(gone,))))
    assert text.startswith("Audit: 1 error; 1 service on 1 host.\nlast look ")
    assert "3 s ago; every 5 s; Ctrl-C ends it" in text
    assert "R102 error   service.x on h: stale state: m (since " in text
    assert "2 min)" in text
    assert "unhealthy service: m (new since" in text
    assert "do: seamless-reconcile apply --target service.x" in text
    assert "R103 gone    service.x on h: failed service (" in text
    assert "after 2 h)" in text
    # What it means only where that was asked for.
    assert "clients that trust it fail" not in text
    assert "clients that trust it fail" in drawn(picture(round_of(held("R102")), verbose=True))


def test_what_was_there_from_the_first_look_on_is_not_new():
    one = held("R102")
    assert "(new" not in drawn(picture(round_of(one, new=(one,), looks=1)))


def test_what_is_doubtful_is_said_in_words():
    text = drawn(picture(round_of(held("R102", doubtful=True))), width=200)
    assert "its host is away: may be gone" in text


def test_before_the_first_look_it_says_who_is_looked_at():
    text = drawn(Picture(None, "", 5.0, NOW, ("one", "two")))
    assert "looks at one, two" in text


def test_while_it_looks_it_says_at_whom():
    assert "looks at slow" in drawn(picture(round_of(), looking=("slow",)))


@pytest.mark.parametrize("height", [6, 8, 12])
def test_no_more_is_drawn_than_there_is_room_for(height):
    those = [held("R102", host=f"h{number}") for number in range(20)]
    text = drawn(picture(round_of(*those)), height=height)
    assert len(text.splitlines()) <= height
    assert "more: the terminal has no room for them" in text
    # The last picture stays on the screen, whole.
    assert drawn(picture(round_of(*those), ended=True), height=height).count("R102") == 20


def test_quiet_is_how_it_stands_alone():
    assert "R102" not in drawn(picture(round_of(held("R102")), quiet=True))


def test_the_picture_is_safe():
    one = Held(finding("R102", f"key.{HOSTILE}", HOSTILE, HOSTILE), NOW)
    gone = Gone(one.finding, NOW, NOW)
    nasty = replace(picture(round_of(one, lately=(gone,))), summary=HOSTILE, looking=(HOSTILE,))
    text = drawn(nasty)
    assert not {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")}
