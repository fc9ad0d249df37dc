"""Keep one connection to a host, made when it is needed and again when it is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rhl_helpers.transport.link import Link

_KEPT_SECONDS = 0.05


class Connector:
    """Keep one connection to a host; make it again when it is gone.

    Attempts run in a thread of their own, so that name resolution or a silent host never holds a
    caller beyond its deadline, and callers that come at once share one attempt and its outcome.
    """

    def __init__(self, open_one: Callable[[], Link]) -> None:
        self._open_one = open_one
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._attempt: _Attempt | None = None
        self._closed = False

    def get(self, deadline: float) -> Link | None:
        """Give the connection, made anew where there is none; None if that took too long.

        Raises:
            HelperError: what stood in the way.
        """
        with self._lock:
            if self._link is not None and self._link.usable:
                return self._link
            attempt = self._attempt
            if attempt is None or not attempt.counts(time.monotonic()):
                attempt = self._start()
        if not attempt.done.wait(max(0.0, deadline - time.monotonic())):
            return None
        if attempt.error is not None:
            raise attempt.error
        return attempt.link

    def begin(self) -> None:
        """Begin to connect. If that fails before anybody asks, those who ask first hear of it."""
        with self._lock:
            if self._link is None and self._attempt is None and not self._closed:
                self._start().kept = True

    def _start(self) -> _Attempt:
        self._attempt = _Attempt()
        threading.Thread(target=self._try, args=(self._attempt,), daemon=True).start()
        return self._attempt

    def _try(self, attempt: _Attempt) -> None:
        try:
            attempt.link = self._open_one()
        except BaseException as exc:  # noqa: BLE001 - it is raised in the threads that wait
            attempt.error = exc
        with self._lock:
            old, self._link = self._link, attempt.link
            self._attempt = attempt if attempt.kept and attempt.error is not None else None
            if self._closed and attempt.link is not None:
                old = attempt.link
        if old is not None:
            old.retire()
        attempt.done.set()

    def close(self) -> None:
        """Close the connection, also one that is still being made."""
        with self._lock:
            self._closed = True
            link, self._link = self._link, None
        if link is not None:
            link.close()


class _Attempt:
    """One try to connect, shared by all who wait for it.

    Attributes:
        kept: whether its failure is kept for those who ask first: one login less where logins fail.
    """

    def __init__(self) -> None:
        self.done = threading.Event()
        self.link: Link | None = None
        self.error: BaseException | None = None
        self.kept = False
        self._heard: float | None = None

    def counts(self, now: float) -> bool:
        """Tell whether its outcome is to come, or is news to whoever asks now."""
        if not self.done.is_set():
            return True
        if self._heard is None:
            self._heard = now
        return now - self._heard < _KEPT_SECONDS
