"""Run a command so that its caller sees no difference: its streams, its signals, its exit code."""

from __future__ import annotations

import errno
import os
import select
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

NOT_EXECUTABLE = 126
NOT_FOUND = 127

_FROM_TERMINALS = (signal.SIGINT, signal.SIGQUIT)
"""A terminal sends these to everyone in its foreground group: the command has got them already."""
_FROM_ELSEWHERE = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_LONGEST_SLEEP = 1.0
"""Seconds; a command's end is seen at once, by SIGCHLD: this is for a system that loses it."""


class CannotStart(Exception):
    """A command cannot be run at all.

    Attributes:
        exit_code: what a shell would give: 127 not found, 126 not executable.
    """

    def __init__(self, word: str, why: str, exit_code: int) -> None:
        super().__init__(f"{word}: {why}")
        self.exit_code = exit_code


def check_command(words: Sequence[str]) -> None:
    """Make sure that there is such a program, before anything is done for its sake.

    Raises:
        CannotStart.
    """
    if not words or not words[0]:
        raise CannotStart("''", "no command", NOT_FOUND)
    name = words[0]
    if shutil.which(name) is not None:
        return
    if "/" in name and os.path.exists(name):  # noqa: PTH110 - as the shell looks at it
        why = "it is a directory" if os.path.isdir(name) else "it is not executable"  # noqa: PTH112
        raise CannotStart(name, why, NOT_EXECUTABLE)
    raise CannotStart(name, "command not found", NOT_FOUND)


def run_command(words: Sequence[str]) -> int:
    """Run a command with this process's own streams.

    Gives its exit code as a shell would: 128+n where signal n ended it.

    Raises:
        CannotStart.
    """
    with _signals() as hand_on:
        try:
            child = subprocess.Popen(list(words))
        except OSError as exc:
            code = NOT_FOUND if exc.errno == errno.ENOENT else NOT_EXECUTABLE
            raise CannotStart(words[0], exc.strerror or str(exc), code) from None
        code = hand_on.until_end_of(child)
    return 128 - code if code < 0 else code


class _HandOn:
    """A signal handler that makes signals the command's business; early ones wait for it.

    Args:
        wake: gives a byte for each signal. One that came right before a blocking wait would else
            be handled after it.
    """

    def __init__(self, wake: int | None = None) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._wake = wake

    def until_end_of(self, child: subprocess.Popen[bytes]) -> int:
        """Say who gets them, and wait for its end."""
        self._child = child
        for number in self._early:
            child.send_signal(number)
        if self._wake is None:
            return child.wait()
        while (code := child.poll()) is None:
            if select.select([self._wake], [], [], _LONGEST_SLEEP)[0]:
                os.read(self._wake, 512)
        return code

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Take one signal."""
        if number == signal.SIGCHLD:
            return
        if self._child is None:
            self._early.append(number)
        elif number not in _FROM_TERMINALS or not _foreground():
            self._child.send_signal(number)


@contextmanager
def _signals() -> Iterator[_HandOn]:
    """While this lasts, signals that would end this process are handed on.

    They are caught rather than ignored: what is ignored stays ignored in the command. What this
    process was started to ignore (nohup, a background job) is left so, for both.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _HandOn()
        return
    with ExitStack() as undo:
        wake, woken = os.pipe()
        undo.callback(os.close, wake)
        undo.callback(os.close, woken)
        os.set_blocking(woken, False)
        undo.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(woken, warn_on_full_buffer=False))
        hand_on = _HandOn(wake)
        for number in (signal.SIGCHLD, *_FROM_TERMINALS, *_FROM_ELSEWHERE):
            before = signal.getsignal(number)
            if before is not None and (before is not signal.SIG_IGN or number == signal.SIGCHLD):
                undo.callback(signal.signal, number, signal.signal(number, hand_on))
        yield hand_on


def _foreground() -> bool:
    """Tell whether a terminal counts this process to what it runs in the foreground."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
