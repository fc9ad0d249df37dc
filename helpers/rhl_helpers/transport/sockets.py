"""The byte streams that an ssh connection runs over: TCP tuned for small packets, or a command."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
from typing import IO

from rhl_helpers.errors import Unreachable
from rhl_helpers.text import safe

_LINGER_SECONDS = 2.0
_MAX_COMPLAINT = 65536
# Linux only. Elsewhere TCP_NODELAY alone has to do.
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


class QuickSocket(socket.socket):
    """A TCP socket that never lets Nagle's algorithm meet a delayed acknowledgement.

    ssh exchanges small packets: each such meeting costs 40 ms. The kernel falls back to delaying by
    itself, so the option is set again after every read.
    """

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Receive, and acknowledge at once."""
        data = super().recv(size, flags)
        self._acknowledge()
        return data

    def _acknowledge(self) -> None:
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):
                self.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def tcp(alias: str, hostname: str, port: int, *, timeout: float) -> socket.socket:
    """Connect to a port.

    Raises:
        Unreachable: with the reason.
    """
    try:
        plain = socket.create_connection((hostname, port), timeout=timeout)
    except socket.gaierror as exc:
        raise Unreachable(
            alias, f"cannot resolve {safe(hostname)}: {safe(exc.strerror or str(exc))}"
        ) from None
    except ConnectionRefusedError:
        raise Unreachable(
            alias, f"{safe(hostname)} port {port}: connection refused", hint="is sshd running there?"
        ) from None
    except TimeoutError:
        raise Unreachable(alias, f"{safe(hostname)} port {port}: no answer within {timeout:g} s") from None
    except (OSError, UnicodeError) as exc:
        raise Unreachable(alias, f"{safe(hostname)} port {port}: {safe(str(exc))}") from None
    quick = QuickSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
    quick.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return quick


class CommandSocket(socket.socket):
    """One end of a socket pair whose other end is a ProxyCommand's stdin and stdout."""

    _process: subprocess.Popen[bytes] | None = None
    _errors: IO[bytes] | None = None
    _complaint: str | None = None
    _lock: threading.Lock

    def attach(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        """Take charge of the command and of the file its stderr goes to."""
        self._process, self._errors, self._lock = process, errors, threading.Lock()

    def complaint(self) -> str | None:
        """Close, and give the last line the command wrote on stderr if it ended in failure."""
        self.close()
        return self._complaint

    def close(self) -> None:
        """Close, and see the command off."""
        super().close()
        with self._lock:
            process, self._process = self._process, None
            if process is not None and self._errors is not None:
                with self._errors:
                    self._complaint = _see_off(process, self._errors)


def _see_off(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str | None:
    try:
        # It reads end of file now; what does not end by that is told to.
        code = process.wait(_LINGER_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
    errors.seek(0)
    lines = errors.read(_MAX_COMPLAINT).decode("utf-8", "replace").strip().splitlines()
    return None if code <= 0 else safe(lines[-1] if lines else f"exit code {code}")


def command(alias: str, line: str) -> socket.socket:
    """Start the user's ProxyCommand, by the shell as ssh does, and give the stream to it.

    Raises:
        Unreachable: it could not be started.
    """
    ours, theirs = socket.socketpair()
    # A file and not a pipe: nobody reads it while the connection lives.
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the socket
    with theirs:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {line}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=errors,
                start_new_session=True,
            )
        except OSError as exc:
            ours.close()
            errors.close()
            raise Unreachable(alias, f"ProxyCommand: {safe(str(exc))}") from None
    stream = CommandSocket(ours.family, ours.type, ours.proto, fileno=ours.detach())
    stream.attach(process, errors)
    return stream
