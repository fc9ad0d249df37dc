"""The folder of the demo: its own HOME, running commands there, and leaving nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from seamless_reconcile.demo.files import HOME_FILES, WORK_FILES

NEEDED = ("seamless-reconcile", "rhl-ps", "hashserver", "seamless-database", "seamless-run")
COMMAND_SECONDS = 120.0

# What would lead out of the folder, or between a service and its own machine's ports.
_LEADING_OUT = ("SEAMLESS_", "REMOTE_HTTP_LAUNCHER", "XDG_")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


class DemoFailed(Exception):
    """Something was not as the story says; the message says what."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended.

    Attributes:
        out: what it wrote to stdout, where that was kept.
    """

    code: int
    out: str = ""


def search_path() -> str:
    """Give the PATH of the demo: what was installed with this program comes first."""
    # Not resolved: in a virtual environment the interpreter is a link, its commands lie beside the link.
    beside = os.path.dirname(os.path.abspath(sys.executable))  # noqa: PTH100, PTH120
    return os.pathsep.join([beside, os.environ.get("PATH", os.defpath)])


def missing_commands() -> list[str]:
    """Name the needed commands that are not installed."""
    path = search_path()
    return [name for name in NEEDED if shutil.which(name, path=path) is None]


def environment(home: Path) -> dict[str, str]:
    """Give the environment of every command of the demo: nothing in it leads out of the folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_LEADING_OUT) and name.lower() not in _PROXIES
    }
    return {**kept, "HOME": str(home), "PATH": search_path()}


class Stage:
    """A throw-away folder with a HOME and a working folder.

    Args:
        folder: made by `stage`.
        quiet: keep the output of commands back.
    """

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self.folder = folder
        self.home, self.work = folder / "home", folder / "work"
        self.environ = environment(self.home)
        self._quiet = quiet
        for root, files in ((self.home, HOME_FILES), (self.work, WORK_FILES)):
            _write(root, files)

    def run(self, argv: Sequence[str]) -> Ran:
        """Run a command for the reader to see, on the terminal itself."""
        nowhere = subprocess.DEVNULL if self._quiet else None
        return self._run(argv, stdout=nowhere, stderr=nowhere)

    def ask(self, argv: Sequence[str]) -> Ran:
        """Run a command for its output."""
        return self._run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _run(self, argv: Sequence[str], *, alone: bool = False, **streams: Any) -> Ran:
        program = shutil.which(argv[0], path=self.environ["PATH"]) or argv[0]
        with subprocess.Popen(
            [program, *argv[1:]],
            cwd=self.work,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=alone,
            **streams,
        ) as process:
            try:
                out, _ = process.communicate(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise DemoFailed(f"{argv[0]} did not end within {COMMAND_SECONDS:.0f} s") from None
            except KeyboardInterrupt:
                # The terminal told the command too: it finishes what it has in hand.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=COMMAND_SECONDS)
                raise
        return Ran(process.returncode, out or "")

    def plan(self, *more: str) -> dict[str, Any]:
        """Give the plan as programs see it."""
        ran = self.ask(["seamless-reconcile", "plan", "--json", *more])
        try:
            shape: dict[str, Any] = json.loads(ran.out)
        except ValueError:
            raise DemoFailed(f"`plan --json` gave no JSON (exit code {ran.code})") from None
        if "error" in shape:
            raise DemoFailed(f"`plan --json` failed: {shape['error']}")
        return shape

    # --- leaving nothing behind --------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """List what runs in the folder: services carry its path on their command lines."""
        sign = str(self.folder)
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and any(sign in word for word in process.cmdline()):
                    found.append(process)
        return [process for process in found if process.pid != os.getpid()]

    def take_down(self) -> None:
        """End whatever still runs: first as a user would, then by force. Ctrl-C does not reach it."""
        if self.processes():
            with contextlib.suppress(DemoFailed, OSError):
                self._run(
                    ["seamless-reconcile", "apply", "--yes", "-f", "down.yaml"],
                    alone=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        left = self.processes()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=5)


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def stage(*, keep: bool, quiet: bool) -> Iterator[Stage]:
    """Set a stage and strike it again, whatever happens on it."""
    folder = Path(tempfile.mkdtemp(prefix="seamless-reconcile-demo-")).resolve()
    before = signal.signal(signal.SIGTERM, _interrupt)
    made: Stage | None = None
    try:
        made = Stage(folder, quiet=quiet)
        yield made
    finally:
        with _undisturbed():
            if made is not None:
                made.take_down()
            if not keep:
                _remove(folder)
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Clean up to the end: a second Ctrl-C must not leave services running."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _remove(folder: Path) -> None:
    until = time.monotonic() + 5.0
    while folder.exists() and time.monotonic() < until:
        # A log written at the last moment makes a directory look full: try again.
        shutil.rmtree(folder, ignore_errors=True)
