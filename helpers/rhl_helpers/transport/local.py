"""Run helpers on this machine, without ssh."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from rhl_helpers.errors import CallTimeout, Unreachable
from rhl_helpers.probe import probe
from rhl_helpers.text import safe
from rhl_helpers.transport.base import LOCAL, MAX_OUTPUT, Answer, Reply
from rhl_helpers.transport.output import CONDA_BASES, Output
from rhl_helpers.transport.process import DeadlineExceeded, run_process

_NOT_FOUND = 127


class LocalTransport:
    """Run helpers as processes of this machine.

    They are looked for beside this Python first, so that a virtual environment works without being
    activated; then on PATH, then in conda's base environments. Services they launch see the same PATH.
    """

    host = LOCAL

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run one helper; see `Transport.run`."""
        path = search_path()
        program = shutil.which(argv[0], path=path)
        output = Output(max_output, stdout_to)
        if program is None:
            output.err(f"{argv[0]}: command not found".encode())
            return output.reply(self.host, _NOT_FOUND)
        try:
            code = run_process(
                [program, *argv[1:]],
                output,
                deadline=time.monotonic() + timeout,
                env={**os.environ, "PATH": path},
            )
        except DeadlineExceeded:
            raise CallTimeout(self.host, f"{argv[0]} did not end within {timeout:g} s") from None
        except (PermissionError, FileNotFoundError) as exc:
            raise Unreachable(self.host, f"{safe(argv[0])} cannot be run: {safe(str(exc))}") from None
        return output.reply(self.host, code)

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:
        """Ask a port of this machine; see `Transport.probe`."""
        return probe(host, port, path, timeout=timeout)

    def close(self) -> None:
        """Do nothing: there is no connection."""


def search_path() -> str:
    """Give the PATH that helpers are looked for on, and run with."""
    home = Path.home()
    folders = [
        str(Path(sys.executable).parent),
        *os.environ.get("PATH", os.defpath).split(os.pathsep),
        *(str(home / base / "bin") for base in CONDA_BASES),
    ]
    return os.pathsep.join(dict.fromkeys(folder for folder in folders if folder))
