"""A transport through which nothing can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from rhl_helpers.errors import MutationRefused
from rhl_helpers.text import safe
from rhl_helpers.transport.base import MAX_OUTPUT, Answer, Reply, Transport

READING = frozenset(
    {
        "rhl-conda-info",
        "rhl-handshake",
        "rhl-inspect",
        "rhl-logs",
        "rhl-pid-alive",
        "rhl-ps",
        "rhl-ps-persistent",
        "rhl-verify-port",
    }
)
"""The helpers that only look. Whatever is not named here is refused: also a helper that is new."""


class ReadOnlyTransport:
    """Let only reading helpers through (S6).

    Args:
        transport: what reaches the host.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.host = transport.host

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run a reading helper; see `Transport.run`.

        Raises:
            MutationRefused: anything else was asked for.
        """
        if not argv or argv[0] not in READING:
            what = safe(argv[0]) if argv else "nothing"
            raise MutationRefused(self.host, f"{what} is not one of the helpers that only read")
        return self._transport.run(argv, timeout=timeout, max_output=max_output, stdout_to=stdout_to)

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:
        """Ask a port; a handshake counts as use and changes nothing else."""
        return self._transport.probe(host, port, path, timeout=timeout)

    def close(self) -> None:
        """Close the transport below."""
        self._transport.close()
