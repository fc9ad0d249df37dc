"""What a transport is: something that runs one helper on one host and gives its reply.

A transport knows argv, bytes and deadlines. It does not know what the helpers mean: that is
`rhl_helpers.calls`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, runtime_checkable

LOCAL = "local"

MAX_OUTPUT = 16 * 1024 * 1024
"""Bytes of stdout kept from one call when it is not streamed elsewhere."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one helper run gave back.

    Attributes:
        host: the host it ran on.
        exit_code: the helper's exit code; 127 if it is not installed.
        stdout: what it printed, cut at the cap; empty if it was streamed.
        stderr: the same for stderr.
        truncated: whether stdout was cut.
    """

    host: str
    exit_code: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False


class Answer(enum.Enum):
    """How a port answers an HTTP GET."""

    OK = "ok"  # 2xx
    NOT_OK = "not ok"  # HTTP, but another status
    SILENT = "silent"  # accepts connections; no HTTP answer in time, or a reset
    CLOSED = "closed"  # refuses connections


class Transport(Protocol):
    """Run helpers on one host. Safe to use from several threads at once."""

    host: str

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run one helper and wait for it.

        Args:
            argv: the helper's name and arguments; never passed through a shell unquoted.
            timeout: seconds until `CallTimeout`, connection set-up included.
            max_output: bytes of stdout to take; the rest is dropped and `truncated` is set.
            stdout_to: where to stream stdout instead of keeping it.

        Raises:
            Unreachable, AuthenticationFailed, HostKeyProblem, CallTimeout, ProtocolError.
        """

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:
        """Ask a port as seen from the host for `path` by HTTP, without a helper process.

        Gives None where this transport cannot (the caller then uses `rhl-handshake`).
        """

    def close(self) -> None:
        """Give back connections and processes; the transport is not usable afterwards."""


@runtime_checkable
class Connecting(Protocol):
    """A transport that can begin to connect before it is asked for anything."""

    def begin(self) -> None:
        """Begin; returns at once, and tells of nothing: the first call does."""
