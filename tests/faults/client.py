"""A user whose commands can be given faults, and come out of a stable: see `faults.stable`."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.user import COMMAND, Running, User, wait_for

_TESTS = Path(__file__).parents[1]


class Forked(Running):
    """A command from the stable."""

    def __init__(self, user: User, pid: int, name: str) -> None:
        super().__init__(user, pid, name)
        self._code_file = user.lab.root / f"{name}.code"

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return int(self._code_file.read_text()) if self._code_file.exists() else None


class Client(User):
    """A user of the lab; `faults` is what is put into the commands that are started."""

    faults: Mapping[str, Any] = {}
    exit = 0
    _stable: Path | None = None

    @contextmanager
    def tampered(self, **faults: Any) -> Iterator[None]:
        """Put faults into all commands of a block; see `tampering.install`."""
        before, self.faults = self.faults, faults
        try:
            yield
        finally:
            self.faults = before

    def start(self, *argv: object, env: Mapping[str, str] | None = None) -> Running:
        """Start a command in the working folder."""
        if argv[0] != COMMAND:
            return super().start(*argv, env=env)
        self._started += 1
        name = f"{self.name}-{self._started}"
        request = {
            "argv": [str(word) for word in argv],
            "env": {**self.variables, **(env or {})},
            "cwd": str(self.folder),
            "faults": dict(self.faults),
            **{what: str(self.lab.root / f"{name}.{what}") for what in ("out", "err", "code")},
        }
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(self._stable or self._open_stable()))
            stream.sendall(json.dumps(request).encode() + b"\n")
            with stream.makefile("r") as reply:
                return Forked(self, int(reply.readline()), name)

    def sr(
        self, *words: object, code: int | None = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command, and remember its exit code in `exit`."""
        done = super().sr(*words, code=code, env=env)
        self.exit = done.returncode
        return done

    def _open_stable(self) -> Path:
        path = self.lab.root / f"{self.name}.stable"
        script = [sys.executable, _TESTS / "faults" / "stable.py", path]
        env = {**self.env, "PYTHONPATH": str(_TESTS)}
        self.lab.spawn([str(word) for word in script], env=env, cwd=self.folder, name=f"{self.name}-stable")
        wait_for(path.exists, seconds=60, why="the stable")
        wait_for(lambda: _takes(path), seconds=60, why="the stable")
        self._stable = path
        return path

    def killed(self, point: int | str, *words: object) -> subprocess.CompletedProcess[str]:
        """Apply, and die by SIGKILL at a point."""
        with self.tampered(kill=point):
            return self.start(COMMAND, "apply", "--yes", *words).end()

    def kept_logs(self) -> str:
        """Give all logs that the records of this user hold, one after the other."""
        logs = [path for record in self.records() for path in sorted((record / "logs").glob("*"))]
        return "\n".join(path.read_text(errors="replace") for path in logs)


def _takes(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(str(path))
            # An empty request is none.
            stream.sendall(b"null\n")
            return True
    except OSError:
        return False
