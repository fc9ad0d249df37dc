"""This machine's side for everything that must not change anything (S6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from rhl_helpers.client import Client, ConnectionFile, Forward, MalformedFile, ProcessEvidence
from rhl_helpers.errors import MutationRefused
from rhl_helpers.transport.base import LOCAL, Answer


class ReadOnlyClient:
    """Hand reads on to another client and refuse the rest.

    Args:
        client: the one that could do more.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def files(self) -> Mapping[str, ConnectionFile | MalformedFile]:
        """Read all connection files, by key."""
        return self._client.files()

    def forwards(self) -> list[Forward]:
        """List this user's forwards."""
        return self._client.forwards()

    def probe(self, host: str, port: int, path: str, *, timeout: float = 10.0) -> Answer:
        """Ask a port as this machine sees it."""
        return self._client.probe(host, port, path, timeout=timeout)

    def real_path(self, path: str) -> str:
        """Say where a directory of this machine really is."""
        return self._client.real_path(path)

    def evidence(self, pid: int) -> ProcessEvidence | None:
        """Look at a pid of this machine."""
        return self._client.evidence(pid)

    def write_file(self, key: str, payload: Mapping[str, Any]) -> NoReturn:
        """Refuse it."""
        raise _refused(f"write the client file of {key}", payload)

    def remove_file(self, key: str) -> NoReturn:
        """Refuse it."""
        raise _refused(f"remove the client file of {key}")

    def open_forward(self, ssh_host: str, remote_host: str, remote_port: int, remote_pid: int) -> NoReturn:
        """Refuse it."""
        raise _refused(f"open a forward to {remote_host}:{remote_port} through {ssh_host}", remote_pid)

    def end_forward(self, forward: Forward) -> NoReturn:
        """Refuse it."""
        raise _refused(f"end the forward on local port {forward.local_port}")


def _refused(what: str, *_: object) -> MutationRefused:
    return MutationRefused(LOCAL, f"asked to {what} where nothing may be changed")
