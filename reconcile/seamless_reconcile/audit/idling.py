"""How long a service has not been used, where its log tells: a hashserver dates each request.

The log's times have no zone. The same start is dated twice, in the log and by the state file: that tells.
"""

from __future__ import annotations

import calendar
import re
import time

from rhl_helpers import calls
from rhl_helpers.errors import HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import StampedState
from seamless_reconcile.ports import Clock

_DATED = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} ", re.MULTILINE)
_HEAD = 4096
_TAIL = 20
_QUARTER = 900
_SAME_START = 60.0
"""Seconds between the first line of a log and the state file of the same start."""


def read_idle(host: Host, key: str, clock: Clock) -> float | None:
    """Give the seconds since the last request that a log tells of; None if it does not tell."""
    try:
        head = host.call(calls.log_head(key), max_output=_HEAD)
        tail = host.call(calls.logs(key, tail=_TAIL))
        state = host.call(calls.inspect_stamped(key))
    except HelperError:
        return None
    if not head or not tail or not isinstance(state, StampedState):
        return None
    last = last_use(head, tail, state.mtime)
    return None if last is None else max(0.0, clock.now() - last)


def last_use(head: bytes, tail: bytes, started: float) -> float | None:
    """Give when a log's last dated line was written, seconds since the epoch.

    Args:
        head: the log's beginning.
        tail: its end.
        started: when the state file of the same start was written, seconds since the epoch.
    """
    first, lines = _DATED.search(head), _DATED.findall(tail)
    began = _seconds(first[1]) if first else None
    ended = _seconds(lines[-1]) if lines else None
    if began is None or ended is None:
        return None
    zone = round((began - started) / _QUARTER) * _QUARTER
    if abs(began - zone - started) > _SAME_START:
        return None  # not of the same start: the state file was written anew, or the log was
    return ended - zone


def _seconds(stamp: bytes) -> float | None:
    try:
        return float(calendar.timegm(time.strptime(stamp.decode("ascii"), "%Y-%m-%d %H:%M:%S")))
    except ValueError:
        return None
