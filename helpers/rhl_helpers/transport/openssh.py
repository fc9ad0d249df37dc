"""Run helpers on a host by the `ssh` binary: what needs GSSAPI, one-time passwords or certificates.

One master connection a host carries all calls. It is started on purpose before the first of them, so
that a problem with the connection is never mistaken for one of the helper.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from rhl_helpers.errors import CallTimeout, HelperError, ProtocolError, Unreachable
from rhl_helpers.transport.base import MAX_OUTPUT, Answer, Reply
from rhl_helpers.transport.output import Output, remote_command
from rhl_helpers.transport.process import DeadlineExceeded, run_process
from rhl_helpers.transport.slots import Slots
from rhl_helpers.transport.ssh_config import check_alias
from rhl_helpers.transport.ssh_errors import OWN_WORDS, connection_error, is_drop

_SSH_FAILED = 255
_PERSIST_SECONDS = 60
_CONNECT_SECONDS = 20.0
_CLOSE_SECONDS = 5.0
# sun_path holds 104 bytes on some systems, and ssh adds a random ending of 17 while it makes the socket.
_MAX_FOLDER = 60
_ATTEMPTS = 5
_FIRST_PAUSE = 0.2

_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    # ssh would write further keys of the host into known_hosts: what only reads must not (S6).
    "UpdateHostKeys=no",
    # What the user set for interactive logins must not reach a helper's session.
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "ServerAliveInterval=15",
)


class OpenSshTransport:
    """The ssh binary with a master connection of its own, or the user's where that one is up.

    Args:
        host: the alias or name, as in the user's ssh configuration.
        config_file: the configuration file to use instead of the user's.
        shared: use the master connection that the user's own configuration names (ControlPath).
        bare: leave the login's PATH as it is, without the conda bases.
    """

    def __init__(
        self, host: str, *, config_file: str | None = None, shared: bool = False, bare: bool = False
    ) -> None:
        check_alias(host)
        self.host = host
        self._bare = bare
        self._program = ["ssh", *(("-F", config_file) if config_file else ())]
        for option in _OPTIONS:
            self._program += ["-o", option]
        self._shared = shared
        self._folder: str | None = None
        self._lock = threading.Lock()
        self._slots = Slots()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run one helper; see `Transport.run`."""
        deadline = time.monotonic() + timeout
        control = self._control(deadline)
        output = Output(max_output, stdout_to)
        if not self._slots.take(deadline):
            raise CallTimeout(self.host, "all sessions of the connection are in use; nothing was run")
        try:
            # The banner would stand before the helper's own words on stderr.
            line = [
                *self._program,
                "-o",
                "LogLevel=ERROR",
                *control,
                "-T",
                "--",
                self.host,
                remote_command(argv, bare=self._bare),
            ]
            code = run_process(line, output, deadline=deadline)
        except DeadlineExceeded:
            raise CallTimeout(self.host, "the helper did not end in time") from None
        finally:
            self._slots.give_back()
        if code == _SSH_FAILED:
            raise self._failure(output)
        return output.reply(self.host, code)

    def _failure(self, output: Output) -> HelperError:
        """Tell what ended a call: once the master is up, mostly a cut connection or a killed session.

        Nothing was run only where ssh itself says so: a helper's own words may sound the same.
        """
        own = b"\n".join(line for line in output.stderr.splitlines() if OWN_WORDS.match(line))
        error = connection_error(self.host, own)
        if error is not None and not output.started and not is_drop(own):
            return error
        words = error.detail if error is not None else "the session was killed before the helper finished"
        return ProtocolError(self.host, words)

    def _control(self, deadline: float) -> list[str]:
        """Give the options that lead through the master connection, which is up afterwards."""
        if self._shared:
            return []
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise CallTimeout(self.host, "no connection within the time allowed; nothing was run")
        try:
            socket = self._socket()
            if not socket.exists():
                self._start_master(socket, deadline)
        finally:
            self._lock.release()
        return ["-o", f"ControlPath={socket}", "-o", "ControlMaster=no"]

    def _socket(self) -> Path:
        if self._folder is None:
            long = len(tempfile.gettempdir()) > _MAX_FOLDER
            # Readable by this user only: whoever can open the socket can run commands on the host.
            self._folder = tempfile.mkdtemp(prefix="rhl-", dir="/tmp" if long else None)  # noqa: S108
        return Path(self._folder) / "master"

    def _start_master(self, socket: Path, deadline: float) -> None:
        """Log in; a host that drops the connection is tried again after a pause.

        Raises:
            Unreachable, AuthenticationFailed, HostKeyProblem, CallTimeout.
        """
        if shutil.which("ssh") is None:
            raise Unreachable(self.host, "there is no ssh on this machine", hint="use `--ssh paramiko`")
        pause = _FIRST_PAUSE
        for attempt in range(_ATTEMPTS):
            stderr, code = self._try_master(socket, deadline)
            if code == 0:
                return
            error = connection_error(self.host, stderr)
            last = attempt == _ATTEMPTS - 1 or time.monotonic() + pause > deadline
            if last or not is_drop(stderr):
                raise error or Unreachable(self.host, "ssh could not log in, and did not say why")
            time.sleep(pause)
            pause *= 2

    def _try_master(self, socket: Path, deadline: float) -> tuple[bytes, int]:
        left = max(1.0, min(_CONNECT_SECONDS, deadline - time.monotonic()))
        line = [
            *self._program,
            *("-o", f"ControlPath={socket}", "-o", "ControlMaster=yes"),
            *("-o", f"ControlPersist={_PERSIST_SECONDS}", "-o", f"ConnectTimeout={int(left)}"),
            # At this level ssh says that it was on the way to the host that a connection ended.
            *("-o", "LogLevel=INFO", "-f", "-N", "-T", "--", self.host),
        ]
        output = Output(0, None)
        try:
            code = run_process(line, output, deadline=deadline)
        except DeadlineExceeded:
            raise CallTimeout(self.host, "no connection within the time allowed; nothing was run") from None
        return output.stderr, code

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:  # noqa: ARG002
        """Give None: a helper on the host has to ask."""
        return None

    def close(self) -> None:
        """End the master connection, if it is this transport's own."""
        self._slots.stop()
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is None:
            return
        socket = Path(folder) / "master"
        if socket.exists():
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    [*self._program, "-o", f"ControlPath={socket}", "-O", "exit", "--", self.host],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=_CLOSE_SECONDS,
                    check=False,
                )
        shutil.rmtree(folder, ignore_errors=True)
