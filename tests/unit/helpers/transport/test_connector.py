"""One connection to a host: shared, made again when it is gone, begun before anybody asks."""

from __future__ import annotations

import threading
import time

import pytest

from rhl_helpers.errors import Unreachable
from rhl_helpers.transport.connector import Connector
from rhl_helpers.transport.select import DeferredTransport


class FakeLink:
    usable = True

    def __init__(self):
        self.ended = []

    def retire(self):
        self.ended.append("retired")

    def close(self):
        self.ended.append("closed")


class Opener:
    """Open links one after another; fails while there is something in `errors`."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.opened = []
        self.tries = 0
        self.go = threading.Event()
        self.go.set()

    def __call__(self):
        self.tries += 1
        assert self.go.wait(20)
        if self.errors:
            raise self.errors.pop(0)
        self.opened.append(FakeLink())
        return self.opened[-1]


def soon():
    return time.monotonic() + 20


def ended(connector):
    """Wait until the attempt in hand is over."""
    attempt = connector._attempt
    assert attempt is None or attempt.done.wait(20)


def test_what_was_begun_is_there_for_who_asks():
    opener = Opener()
    connector = Connector(opener)
    connector.begin()
    assert connector.get(soon()) is opener.opened[0]
    connector.begin()
    assert connector.get(soon()) is opener.opened[0]
    assert opener.tries == 1


def test_who_asks_while_it_is_being_made_waits_for_the_same():
    opener = Opener()
    opener.go.clear()
    connector = Connector(opener)
    connector.begin()
    assert connector.get(time.monotonic() + 0.01) is None
    opener.go.set()
    assert connector.get(soon()) is opener.opened[0]
    assert opener.tries == 1


def test_a_failure_before_anybody_asked_is_told_once_and_then_it_is_tried_again():
    opener = Opener(Unreachable("h", "no"))
    connector = Connector(opener)
    connector.begin()
    ended(connector)
    with pytest.raises(Unreachable):
        connector.get(soon())
    assert opener.tries == 1
    deadline = soon()
    while True:
        try:
            found = connector.get(soon())
        except Unreachable:
            # Those who ask at once with the first hear of it too, and not for long.
            assert time.monotonic() < deadline
            continue
        break
    assert (found, opener.tries) == (opener.opened[0], 2)


def test_a_failure_that_somebody_waited_for_is_not_kept():
    opener = Opener(Unreachable("h", "no"))
    connector = Connector(opener)
    with pytest.raises(Unreachable):
        connector.get(soon())
    assert connector.get(soon()) is opener.opened[0]


def test_what_was_begun_and_is_closed_before_it_is_there_is_given_up():
    opener = Opener()
    opener.go.clear()
    connector = Connector(opener)
    connector.begin()
    attempt = connector._attempt
    connector.close()
    opener.go.set()
    assert attempt.done.wait(20)
    assert opener.opened[0].ended == ["retired"]
    connector.begin()
    assert opener.tries == 1


def test_a_choice_that_fails_in_the_background_is_told_by_the_first_call():
    tried = threading.Event()

    def choose():
        tried.set()
        raise Unreachable("h", "no such name")

    transport = DeferredTransport("h", choose)
    transport.begin()
    assert tried.wait(20)
    with pytest.raises(Unreachable, match="no such name"):
        transport.run(["rhl-ps"], timeout=5)


def test_a_choice_begins_to_connect():
    begun = threading.Event()

    class Chosen:
        host = "h"

        def begin(self):
            begun.set()

    DeferredTransport("h", Chosen).begin()
    assert begun.wait(20)
