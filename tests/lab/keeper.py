"""The process under which a lab's hosts run: it adopts what they leave behind, and ends it all.

A service that a helper starts outlives the helper, and is handed to the nearest subreaper above: this
process, which then collects it as soon as it dies, as init does on a real host. With a delay it
behaves like an init that is slow to do so. Its standard input closing (the tests are over, or were
killed) ends everything that runs below it.

Run as a script; speaks one JSON object a line on stdin and stdout.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_TICK_SECONDS = 0.05
_END_SECONDS = 15.0


class Keeper:
    """Start processes, collect what dies below this one, answer the lab's requests."""

    def __init__(self) -> None:
        self._codes: dict[int, int] = {}
        self._started: set[int] = set()
        self._delay = 0.0
        self._seen_dead: dict[int, float] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one thing the lab asks for."""
        if request["do"] == "start":
            pid = start(request)
            # Pids are reused: what an earlier process with this number ended with is not its exit code.
            self._codes.pop(pid, None)
            self._started.add(pid)
            return {"pid": pid}
        if request["do"] == "code":
            return {"code": self._codes.get(request["pid"])}
        self._delay = float(request["after"])
        return {}

    def reap(self) -> None:
        """Collect dead children: at once, or those that have been dead for long enough.

        What this process started itself has a parent that waits for it, on any machine.
        """
        if self._delay <= 0:
            while self._collect(-1):
                pass
            return
        now = time.monotonic()
        for child in psutil.Process().children():
            if child.is_running() and child.status() == psutil.STATUS_ZOMBIE:
                since = self._seen_dead.setdefault(child.pid, now)
                if child.pid in self._started or now - since >= self._delay:
                    self._collect(child.pid)
                    del self._seen_dead[child.pid]

    def _collect(self, pid: int) -> bool:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return False
        if found:
            self._codes[found] = os.waitstatus_to_exitcode(status)
        return bool(found)

    def serve(self) -> None:
        """Answer requests until standard input closes."""
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        pending = b""
        while True:
            ready, _, _ = select.select([0, wake], [], [], _TICK_SECONDS if self._delay else 1.0)
            if wake in ready:
                os.read(wake, 4096)
            self.reap()
            if 0 not in ready:
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                sys.stdout.write(json.dumps(self.answer(json.loads(line))) + "\n")
                sys.stdout.flush()

    def end(self) -> None:
        """Kill everything below this process, until nothing is left."""
        self._delay = 0.0
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            below = psutil.Process().children(recursive=True)
            self.reap()
            if not below:
                return
            for process in below:
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.02)


def start(request: dict[str, Any]) -> int:
    """Start one process; its exit code can be asked for later."""
    with Path(request["out"]).open("ab") as out, Path(request["err"]).open("ab") as err:
        process = subprocess.Popen(
            request["argv"],
            env=request["env"],
            cwd=request["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    # This process collects all its children itself.
    process.returncode = 0
    return process.pid


def main() -> None:
    """Adopt orphans, serve, then end all."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, unlike "ignore", is not inherited by what is started here.
        signal.signal(number, lambda *_: None)
    keeper = Keeper()
    try:
        keeper.serve()
    finally:
        keeper.end()


if __name__ == "__main__":
    main()
