"""Sessions of one connection, counted; turns, taken."""

from __future__ import annotations

import threading
import time

from rhl_helpers.transport.slots import MAX_SESSIONS, Slots, Turns


def soon(seconds: float = 0.05) -> float:
    return time.monotonic() + seconds


class TestSlots:
    def test_eight_and_no_more(self):
        slots = Slots()
        assert MAX_SESSIONS == 8
        assert [slots.take(soon()) for _ in range(9)] == [True] * 8 + [False]
        slots.give_back()
        assert slots.take(soon())

    def test_a_refusal_teaches_a_lower_limit(self):
        slots = Slots()
        for _ in range(3):
            slots.take(soon())
        assert slots.refused()
        assert slots.used == 2
        assert not slots.take(soon())
        slots.give_back()
        assert slots.take(soon())

    def test_a_refusal_of_the_only_one_is_told(self):
        slots = Slots()
        slots.take(soon())
        assert not slots.refused()
        assert slots.take(soon())
        assert not slots.take(soon())

    def test_who_waits_is_woken(self):
        slots = Slots(1)
        slots.take(soon())
        threading.Timer(0.05, slots.give_back).start()
        assert slots.take(soon(5))

    def test_who_waits_is_sent_away_when_it_stops(self):
        slots = Slots(1)
        slots.take(soon())
        threading.Timer(0.05, slots.stop).start()
        began = time.monotonic()
        assert not slots.take(soon(5))
        assert time.monotonic() - began < 4
        assert not slots.take(soon())


class TestTurns:
    def test_many_together(self):
        turns = Turns()
        with turns.together(), turns.together():
            pass

    def test_one_alone_waits_for_the_others_and_holds_them_off(self):
        turns = Turns()
        order: list[str] = []
        entered = threading.Event()

        def alone():
            entered.set()
            with turns.alone():
                order.append("alone")
                time.sleep(0.05)
                order.append("alone over")

        def together():
            with turns.together():
                order.append("together again")

        with turns.together():
            first = threading.Thread(target=alone)
            first.start()
            entered.wait()
            time.sleep(0.02)
            second = threading.Thread(target=together)
            second.start()
            time.sleep(0.02)
            order.append("together over")
        first.join()
        second.join()
        assert order == ["together over", "alone", "alone over", "together again"]
