"""What a host's calls do where the connection breaks: once more, but not where that has used up the time."""

from __future__ import annotations

import pytest
import stamina

from rhl_helpers import calls, host
from rhl_helpers.errors import Unreachable
from rhl_helpers.transport.base import Reply


class Broken:
    """A transport that breaks the first times it is asked, each after so many seconds."""

    host = "h"

    def __init__(self, clock, takes, times):
        self.clock, self.takes, self.times, self.asked = clock, takes, times, 0

    def run(self, argv, **_):
        self.asked += 1
        self.clock[0] += self.takes
        if self.asked <= self.times:
            raise Unreachable("h", "gone")
        return Reply("h", 0, b"", b"")


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(host.time, "monotonic", lambda: now[0])
    with stamina.set_testing(testing=True, attempts=2):
        yield now


def test_a_broken_read_is_tried_again(clock):
    transport = Broken(clock, 1.0, 1)
    assert host.Host(transport, read_timeout=10.0).call(calls.ps()) == []
    assert transport.asked == 2


def test_a_read_that_used_up_its_time_is_not(clock):
    transport = Broken(clock, 9.0, 1)
    with pytest.raises(Unreachable):
        host.Host(transport, read_timeout=10.0).call(calls.ps())
    assert transport.asked == 1


def test_a_change_is_never_repeated(clock):
    transport = Broken(clock, 0.0, 1)
    with pytest.raises(Unreachable):
        host.Host(transport).call(calls.clear("/x"))
    assert transport.asked == 1
