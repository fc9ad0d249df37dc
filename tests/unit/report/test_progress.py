"""What is told while it happens: in a pipe, on a terminal, in a file."""

from __future__ import annotations

import io
import json
import re
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from plans.samples import first_start
from seamless_reconcile import events as ev
from seamless_reconcile.outcomes import Outcome, Result
from seamless_reconcile.plan import Plan
from seamless_reconcile.report.live import LiveProgress
from seamless_reconcile.report.ndjson import EventsFile, Several
from seamless_reconcile.report.progress import PlainProgress, event_line
from seamless_reconcile.report.screen import terminal

LAUNCH, _, OPEN, _ = first_start().actions


# --- plain lines ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ev.Started(LAUNCH), "started   launch service.hashserver on frontend (is absent)"),
        (ev.Ended(Outcome(LAUNCH, Result.DONE, "port 5", seconds=1.23)),
         "done      launch service.hashserver on frontend  1.2 s"),
        (ev.Ended(Outcome(OPEN, Result.UNNEEDED, "it is open already")),
         "unneeded  open tunnel.hashserver  0.0 s: it is open already"),
        (ev.Ended(Outcome(LAUNCH, Result.FAILED, "no disk", "free some")),
         "failed    launch service.hashserver on frontend: no disk (free some)"),
        (ev.Ended(Outcome(LAUNCH, Result.SKIPPED, "requires 1")),
         "skipped   launch service.hashserver on frontend: requires 1"),
        (ev.Progress(LAUNCH, "waits for its handshake"),
         "          launch service.hashserver on frontend: waits for its handshake"),
        (ev.Waiting("service.x", "starting"), "waiting   service.x: starting"),
        (ev.HostRead("a", 1.0, "timed out"), "unread    a: timed out"),
        (ev.HostRead("a", 1.0), ""),
        (ev.Reading(("a", "b")), ""),
        (ev.Planned(Plan(())), ""),
        (ev.Ended(Outcome(LAUNCH, Result.NOT_STARTED, "interrupted")),
         "not begun launch service.hashserver on frontend: interrupted"),
        (ev.Stopping(2), "stopping  after 2 actions in hand"),
        (ev.Stopping(0), ""),
    ],
)  # fmt: skip
def test_the_line_of_an_event(event, line):
    assert event_line(event) == line


def test_reading_is_told_on_request():
    lines: list[str] = []
    progress = PlainProgress(lines.append, verbose=True)
    for event in (ev.Reading(("a", "b")), ev.HostRead("a", 0.21), ev.Planned(Plan(()))):
        progress.on_event(event)
    assert lines == ["reading   a, b", "read      a  0.2 s"]


# --- on a terminal -------------------------------------------------------------------------

LINE_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def live():
    screen = io.StringIO()
    return screen, LiveProgress(terminal(screen, color=False))


def wait_for(screen, pattern, seconds=30.0):
    until = time.monotonic() + seconds
    while not re.search(pattern, screen.getvalue()):
        assert time.monotonic() < until, screen.getvalue()
        time.sleep(0.01)


def test_what_is_in_hand_is_shown_with_its_host_and_its_time():
    screen, progress = live()
    progress.on_event(ev.Started(LAUNCH))
    try:
        wait_for(screen, r"launch service\.hashserver on frontend  \d+ s")
        progress.on_event(ev.Progress(LAUNCH, "waits for its handshake"))
        wait_for(screen, "frontend: waits for its handshake")
        wait_for(screen, r"handshake  [1-9]\d* s")
    finally:
        progress.pause()


def test_what_ended_stays_readable_above_and_the_rest_is_wiped():
    screen, progress = live()
    progress.on_event(ev.Started(LAUNCH))
    progress.on_event(ev.Started(OPEN))
    wait_for(screen, "open tunnel.hashserver")
    progress.on_event(ev.Ended(Outcome(LAUNCH, Result.DONE, seconds=1.0)))
    progress.pause()
    assert "done      launch service.hashserver on frontend  1.0 s\n" in LINE_CONTROL.sub(
        "", screen.getvalue()
    )
    assert screen.getvalue().endswith("\x1b[2K")
    assert "\x1b[?25h" in screen.getvalue()  # the cursor is back


def test_the_screen_is_given_back_when_there_is_a_plan_to_look_at():
    screen, progress = live()
    progress.on_event(ev.Reading(("a", "b")))
    wait_for(screen, r"read a  \d+ s")
    progress.on_event(ev.HostRead("a", 0.2))
    progress.on_event(ev.Planned(Plan(())))
    assert screen.getvalue().endswith("\x1b[2K")
    length = len(screen.getvalue())
    time.sleep(0.3)
    assert len(screen.getvalue()) == length


def test_after_a_stop_it_says_what_it_still_waits_for():
    screen, progress = live()
    progress.on_event(ev.Started(LAUNCH))
    progress.on_event(ev.Stopping(1))
    try:
        wait_for(screen, r"finishing what is in hand \(1\), then stopping")
    finally:
        progress.pause()


def test_a_crowd_does_not_flood_the_terminal():
    screen, progress = live()
    progress.on_event(ev.Reading(tuple(f"host{n}" for n in range(40))))
    try:
        wait_for(screen, "and 28 more")
    finally:
        progress.pause()
    assert "host30" not in screen.getvalue()


def test_waiting_and_unread_hosts_are_shown():
    screen, progress = live()
    progress.on_event(ev.Waiting("service.x", "starting"))
    progress.on_event(ev.HostRead("b", 1.0, "timed out"))
    try:
        wait_for(screen, "wait for service.x: starting")
        assert "unread    b: timed out" in screen.getvalue()
    finally:
        progress.pause()


def test_events_from_many_threads_and_redrawing_do_not_lock_each_other_out():
    screen, progress = live()

    def work(number):
        for _ in range(50):
            progress.on_event(ev.Started(LAUNCH))
            progress.on_event(ev.Ended(Outcome(LAUNCH, Result.DONE)))

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    progress.pause()
    assert screen.getvalue().count("done ") == 200


# --- in a file -----------------------------------------------------------------------------


def test_events_are_appended_as_they_happen(tmp_path):
    path = tmp_path / "events.ndjson"
    path.write_text('{"event": "earlier"}\n')
    file = EventsFile(path)
    file.on_event(ev.Started(LAUNCH))
    rows = [json.loads(line) for line in path.read_text().splitlines()]  # before it is closed
    file.close()
    assert [row["event"] for row in rows] == ["earlier", "started"]
    assert datetime.fromisoformat(rows[1]["time"]).utcoffset() == timedelta(0)
    assert list(rows[1])[:2] == ["time", "event"]


def test_a_full_disk_ends_the_writing_not_the_run():
    file = EventsFile(Path("/dev/full"))
    file.on_event(ev.Stopping(1))
    file.on_event(ev.Stopping(1))
    file.close()
    assert "No space left" in file.problem


def test_several_reporters_are_told_in_order():
    told: list[tuple[str, ev.Event]] = []

    class Notes:
        def __init__(self, name):
            self.name = name

        def on_event(self, event):
            told.append((self.name, event))

    event = ev.Stopping(0)
    Several(Notes("a"), Notes("b")).on_event(event)
    assert told == [("a", event), ("b", event)]
