"""How many sessions one connection carries at once, and whose turn it is to open one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

# sshd's MaxSessions is 10 unless the host says otherwise; the user's own ssh may share the connection.
MAX_SESSIONS = 8


class Slots:
    """Count the sessions in use; learn a lower limit where the host refuses one.

    A slot stays taken until the remote command has ended, so it is given back only then.
    """

    def __init__(self, limit: int = MAX_SESSIONS) -> None:
        self._limit = limit
        self._used = 0
        self._stopped = False
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        """Sessions in use now."""
        return self._used

    def take(self, deadline: float) -> bool:
        """Wait for a free slot until `deadline` (monotonic clock); tell whether one was had."""
        with self._changed:
            while self._used >= self._limit and not self._stopped:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            if self._stopped:
                return False
            self._used += 1
            return True

    def give_back(self) -> None:
        """Return a slot."""
        with self._changed:
            self._used -= 1
            self._changed.notify_all()

    def refused(self) -> bool:
        """Return a slot the host refused, and ask for fewer from now on.

        Gives False where no other session is in use: then waiting for one to end would not help.
        """
        with self._changed:
            self._used -= 1
            self._limit = max(1, min(self._limit, self._used))
            self._changed.notify_all()
            return self._used > 0

    def stop(self) -> None:
        """Give out no more slots, and send those who wait away."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class Turns:
    """Let many do a thing at once, or one alone.

    paramiko keeps the reason why a channel did not open in one place for the whole connection: a
    refusal is only known to be one's own where nobody else was opening a channel meanwhile.
    """

    def __init__(self) -> None:
        self._together = 0
        self._alone = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Do it while others do it too."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Do it while nobody else does."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: self._together == 0)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
