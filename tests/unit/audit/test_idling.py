"""When a service was last used, out of a log whose times have no zone."""

from __future__ import annotations

import calendar
import time
from dataclasses import replace

import pytest

from seamless_reconcile.audit import find
from seamless_reconcile.audit.idling import last_use
from seamless_reconcile.audit.scene import Besides
from simulated.bench import spec_of
from unit.audit.scenes import HEALTHY, RESULTS, STORE, look
from world import build
from world.cases import FRONTEND
from world.transport import Fault

LOG = b"""\
2026-11-24 00:28:49,889 INFO:     Started server process [20253]
2026-11-24 00:28:50,016 INFO:     Uvicorn running on http://127.0.0.1:57365 (Press CTRL+C to quit)
OK
2026-11-24 00:53:14,666 INFO:     127.0.0.1:51226 - "GET /healthcheck HTTP/1.1" 200 OK
"""


def utc(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


@pytest.mark.parametrize("hours", [0, 1, -5, 5.75, 13])
def test_the_zone_is_told_by_the_start(hours):
    shift = hours * 3600
    started = utc("2026-11-24 00:28:50") - shift
    assert last_use(LOG, LOG, started) == utc("2026-11-24 00:53:14") - shift


@pytest.mark.parametrize(
    ("head", "tail", "later"),
    [
        (LOG, LOG, 300),  # a state file of another start
        (b"OK\n", LOG, 0),
        (LOG, b"no dates\n", 0),
        (b"2026-13-41 00:28:49,889 INFO: x\n", LOG, 0),
        (b"", b"", 0),
    ],
)
def test_what_does_not_agree_tells_nothing(head, tail, later):
    assert last_use(head, tail, utc("2026-11-24 00:28:50") + later) is None


def found(unused, *, passive=True):
    scene = look(build(HEALTHY, STORE), spec_of(STORE), passive=passive)
    return [
        one.rule.id for one in find(replace(scene, besides=Besides(unused={(FRONTEND, STORE.key): unused})))
    ]


def test_only_the_last_two_minutes_are_worth_a_word():
    # It ends after 600 s.
    assert [found(unused) for unused in (0.0, 470.0, 490.0, 700.0)] == [[], [], ["R118"], ["R118"]]


def logs_asked(world, **more):
    specs = (spec_of(STORE), spec_of(RESULTS))
    look(world, *specs, **more)
    return [step.argv[1] for step in world.trace if step.argv and step.argv[0] == "rhl-logs"]


def both():
    world = build(HEALTHY, STORE)
    return build(HEALTHY, RESULTS, world=world)


def test_logs_are_read_only_where_nothing_was_asked_and_only_of_who_dates_requests():
    assert set(logs_asked(both(), passive=True)) == {STORE.key}
    assert logs_asked(both()) == []
    assert logs_asked(both(), passive=True, besides=Besides()) == []


def test_a_log_is_dated_by_the_host_and_judged_by_now():
    world = build(replace(HEALTHY, age=0.0), STORE)
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(world.clock.now() + 7200))
    world.faults.append(
        Fault("reply", "rhl-logs", times=None, reply=(0, f"{now},000 INFO: x\n".encode(), b""))
    )
    world.clock.sleep(500)
    scene = look(world, spec_of(STORE), passive=True)
    assert scene.besides.unused[FRONTEND, STORE.key] == pytest.approx(500, abs=5)
    assert [one.rule.id for one in find(scene)] == ["R118"]
