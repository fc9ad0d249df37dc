"""Ctrl-C: finish the action in hand, then stop. A half-done action would be the worst of all ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from seamless_reconcile.events import Event, Started

_RELUCTANT = b"\nputting the services back; once more to leave them as they are\n"
_SAID = b"\nfinishing the action in hand, then stopping\n"


class Begun:
    """A reporter that knows whether any action was begun."""

    def __init__(self) -> None:
        self.begun = False

    def on_event(self, event: Event) -> None:
        """Note the first action."""
        if isinstance(event, Started):
            self.begun = True


@contextmanager
def stops(stop: threading.Event, begun: Begun) -> Iterator[None]:
    """While this lasts, SIGINT and SIGTERM set `stop`.

    Before any action was begun they also interrupt what is going on, as there is nothing to finish.
    The second and every further signal do no more than the first: the end is clean in any case.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        first = not stop.is_set()
        stop.set()
        if not begun.begun:
            raise KeyboardInterrupt
        if first:
            # Straight to the descriptor: a handler may run in the midst of any print.
            os.write(2, _SAID)

    with _handler(on_signal):
        yield


@contextmanager
def reluctantly(stop: threading.Event) -> Iterator[None]:
    """While this lasts, the second SIGINT or SIGTERM sets `stop`; the first is answered only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        # Noted first: the next one may come while this one is being answered.
        asked.append(number)
        if len(asked) > 1:
            stop.set()
        else:
            os.write(2, _RELUCTANT)

    with _handler(on_signal):
        yield


@contextmanager
def ended_by(stop: threading.Event) -> Iterator[None]:
    """While this lasts, SIGINT and SIGTERM set `stop` and do nothing else: they are how a watch ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handler(lambda _number, _frame: stop.set()):
        yield


@contextmanager
def _handler(on_signal: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
