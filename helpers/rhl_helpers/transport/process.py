"""Run one process on this machine with a deadline, taking its output as it comes."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from rhl_helpers.transport.output import Output

_CHUNK = 65536
# A process that left something behind which still holds its streams open is over all the same.
_LINGER_SECONDS = 0.5


class DeadlineExceeded(Exception):
    """The process did not end in time; it and its process group were killed."""


def run_process(
    argv: Sequence[str],
    output: Output,
    *,
    deadline: float,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a process in a session of its own; gives its exit code (negative: killed by a signal).

    Args:
        argv: the program and its arguments; no shell is involved.
        output: takes stdout and stderr.
        deadline: on the monotonic clock, seconds.
        env: the whole environment; None inherits.

    Raises:
        DeadlineExceeded, OSError (it could not be started, or the output could not be taken).
    """
    process = subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=None if env is None else dict(env),
        # Ctrl-C at the terminal ends this program in its own time, not its helpers halfway.
        start_new_session=True,
    )
    try:
        _read(process, output, deadline)
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise DeadlineExceeded from None
    finally:
        _end(process)


def _read(process: subprocess.Popen[bytes], output: Output, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        for stream, take in ((process.stdout, output.out), (process.stderr, output.err)):
            assert stream is not None  # noqa: S101 - both are pipes
            selector.register(stream, selectors.EVENT_READ, take)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlineExceeded
            ready = selector.select(min(left, _LINGER_SECONDS))
            if not ready and process.poll() is not None:
                return
            for key, _ in ready:
                data = os.read(key.fd, _CHUNK)
                key.data(data)
                if not data:
                    selector.unregister(key.fileobj)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind: neither a process of that group nor an open stream."""
    if process.poll() is None:
        kill_group(process.pid)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def kill_group(pid: int) -> None:
    """Kill the process group that a process started as a session leader leads."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
