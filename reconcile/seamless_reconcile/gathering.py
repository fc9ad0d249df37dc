"""Run reads at once, in threads that nobody waits for when the program ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

from seamless_reconcile.ports import Gather

T = TypeVar("T")

AT_ONCE = 64
"""Hosts are waited for, not worked for: as many at once as anybody has."""


def gather_by(at_once: int) -> Gather:
    """Give what runs so many reads at once; so many again where one of them reads several things.

    A host that does not answer holds up none of the others, and Ctrl-C none at all: unlike a pool's,
    these threads are left behind.
    """

    def gather(thunks: Sequence[Callable[[], T]]) -> list[T]:
        if at_once == 1 or len(thunks) < 2:  # noqa: PLR2004 - nothing to run beside it
            return [thunk() for thunk in thunks]
        waiting: SimpleQueue[int] = SimpleQueue()
        for number in range(len(thunks)):
            waiting.put(number)
        results: dict[int, T] = {}
        failures: dict[int, BaseException] = {}

        def work() -> None:
            while True:
                try:
                    number = waiting.get_nowait()
                except Empty:
                    return
                try:
                    results[number] = thunks[number]()
                except BaseException as exc:  # noqa: BLE001 - raised again by whoever gathers
                    failures[number] = exc

        threads = [
            threading.Thread(target=work, name="read", daemon=True) for _ in range(min(at_once, len(thunks)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in sorted(failures):
            raise failures[number]
        return [results[number] for number in range(len(thunks))]

    return gather
