"""A tiny init: runs commands for a lab and reaps orphans at once, as a sane machine does.

Reads one JSON request a line on stdin, writes one JSON answer a line on stdout:
`{"argv", "env", "cwd", "out"?, "seconds"?, "no_space"?}`. With `out` the command is left running and its
output goes to that file; without, it is waited for and its output given back. With `--lazy`, orphans stay
zombies. Ends, with everything it started, at the end of its stdin.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import pathlib
import resource
import select
import signal
import sys
import tempfile
import time
from typing import Any

PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
CAP_KILL = 5


def prctl(option: int, argument: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, argument, 0, 0, 0)


class Init:
    """Starts, reaps, and answers."""

    def __init__(self, *, lazy: bool) -> None:
        self.lazy = lazy
        self.ended: dict[int, int] = {}
        self.wake, write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def reap(self, waited: int | None = None) -> None:
        """Take note of whoever has ended; lazily, only of the one that is waited for."""
        if self.lazy:
            if waited is not None:
                pid, status = os.waitpid(waited, os.WNOHANG)
                if pid:
                    self.ended[pid] = status
            return
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self.ended[pid] = status

    def start(self, request: dict[str, Any], out: int, err: int) -> int:
        """Start a command in a session of its own."""
        pid = os.fork()
        if pid:
            # Pids are reused: what an earlier process with this number ended with is not how this one will.
            self.ended.pop(pid, None)
            return pid
        try:
            os.setsid()
            os.chdir(request["cwd"])
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            # Even root may not signal everybody, as on a real frontend.
            prctl(PR_CAPBSET_DROP, CAP_KILL)
            if request.get("no_space"):
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606 - the point of an init
        except FileNotFoundError:
            os.write(2, f"bash: line 1: {request['argv'][0]}: command not found\n".encode())
            os._exit(127)
        finally:
            os._exit(126)

    def wait(self, pid: int, seconds: float) -> int | None:
        """Wait for a command; gives its exit code, or None if it takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            self.reap(pid)
            if pid in self.ended:
                return os.waitstatus_to_exitcode(self.ended.pop(pid))
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            select.select([self.wake], [], [], min(left, 0.05 if self.lazy else left))
            self.drain()

    def drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 4096)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one request asks for."""
        if "out" in request:
            with pathlib.Path(request["out"]).open("wb") as out:
                return {"pid": self.start(request, out.fileno(), out.fileno())}
        # What a helper says on stderr is short, and must get through where files cannot be written.
        read, write = os.pipe()
        with tempfile.TemporaryFile() as out, os.fdopen(read, "rb") as err:
            pid = self.start(request, out.fileno(), write)
            os.close(write)
            code = self.wait(pid, request["seconds"])
            out.seek(0)
            os.set_blocking(err.fileno(), False)
            texts = [base64.b64encode(stream.read() or b"").decode() for stream in (out, err)]
            return {"code": code, "stdout": texts[0], "stderr": texts[1]}

    def serve(self) -> None:
        """Answer requests until there are no more."""
        rest = b""
        while True:
            ready, _, _ = select.select([0, self.wake], [], [])
            self.drain()
            self.reap()
            if 0 not in ready:
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                os.write(1, json.dumps(self.answer(json.loads(line))).encode() + b"\n")

    def finish(self) -> None:
        """End every process that came from here."""
        for _ in range(200):
            children = descendants(os.getpid())
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if not children:
                return
            time.sleep(0.01)


def descendants(root: int) -> list[int]:
    """Find all processes below one."""
    parents: dict[int, int] = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def main() -> None:
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    init = Init(lazy="--lazy" in sys.argv)
    try:
        init.serve()
    finally:
        init.finish()


if __name__ == "__main__":
    main()
