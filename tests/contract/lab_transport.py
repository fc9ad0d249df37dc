"""Helpers of a real lab, run under its init: the suite depends on no transport of the product."""

from __future__ import annotations

import base64
import pathlib
import shlex
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from contract.lab import Guarded
from rhl_helpers.errors import CallTimeout
from rhl_helpers.transport.base import MAX_OUTPUT, Answer, Reply

if TYPE_CHECKING:
    from contract.real_lab import RealLab

BIN = pathlib.Path(sys.executable).parent


class LabTransport:
    """Runs helpers as processes of the lab."""

    def __init__(
        self,
        lab: RealLab,
        *,
        guard: Sequence[str] | None = None,
        prefix: bool = False,
        message: str | None = None,
    ) -> None:
        self.lab = lab
        self.message = message
        self.guard = guard
        self.prefix = prefix
        self.host = "machine"

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run one helper, behind the guard if there is one."""
        if self.guard is not None:
            return self.command("PATH=$HOME/miniforge3/bin:$PATH " + shlex.join(argv), timeout)
        env = dict(self.lab.env)
        if self.prefix:
            env["PATH"] = f"{self.lab.home}/miniforge3/bin:{env['PATH']}"
        line = list(argv)
        if self.message is not None:
            line = ["sh", "-c", 'printf %s "$0"; exec "$@"', self.message, *line]
        answer = self.lab.ask(line, seconds=timeout, env=env)
        reply = self._reply(answer, argv[0])
        out, truncated = reply.stdout[:max_output], len(reply.stdout) > max_output
        if stdout_to is not None:
            stdout_to.write(reply.stdout)
            out, truncated = b"", False
        return Reply(self.host, reply.exit_code, out, reply.stderr, truncated)

    def command(self, line: str, timeout: float) -> Reply:
        """Send a command line as sshd hands it to the guard."""
        env = {**self.lab.env, "SSH_ORIGINAL_COMMAND": line}
        guard = shutil.which("rhl-guard", path=str(BIN)) or "rhl-guard"
        answer = self.lab.ask([guard, *(self.guard or ())], seconds=timeout, env=env)
        return self._reply(answer, line)

    def _reply(self, answer: dict[str, Any], what: str) -> Reply:
        if answer["code"] is None:
            raise CallTimeout(self.host, f"{what}: no answer in time")
        out, err = (base64.b64decode(answer[name]) for name in ("stdout", "stderr"))
        return Reply(self.host, answer["code"], out, err)

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:
        """Leave it to the helper."""
        return None

    def close(self) -> None:
        """Nothing is kept open."""


class RealGuarded(Guarded):
    def __init__(self, lab: RealLab, policy: Sequence[str]) -> None:
        self.transport = LabTransport(lab, guard=policy)

    def command(self, line: str) -> Reply:
        assert isinstance(self.transport, LabTransport)
        return self.transport.command(line, 30.0)
