"""This machine's side of the services, for real: its files, its processes, its ports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhl_helpers import client_files
from rhl_helpers.client import ConnectionFile, Forward, MalformedFile, ProcessEvidence
from rhl_helpers.probe import probe
from rhl_helpers.transport.base import Answer


class LocalClient:
    """Read and change what the Seamless client of this machine reads and changes; see `Client`.

    Args:
        folder: where its connection files are; None is where the Seamless client itself looks.
        read_timeout: seconds that a probe may take at most, where the user set them.
    """

    def __init__(self, folder: Path | None = None, *, read_timeout: float | None = None) -> None:
        self._folder = folder
        self._read_timeout = read_timeout

    @property
    def folder(self) -> Path:
        """Where the connection files are."""
        return self._folder or client_files.client_folder()

    def files(self) -> Mapping[str, ConnectionFile | MalformedFile]:
        """Read all connection files, by key."""
        return client_files.read_files(self.folder)

    def write_file(self, key: str, payload: Mapping[str, Any]) -> None:
        """Write one connection file."""
        client_files.write_file(self.folder, key, payload)

    def remove_file(self, key: str) -> None:
        """Remove one connection file; a missing one is fine."""
        client_files.remove_file(self.folder, key)

    def forwards(self) -> list[Forward]:
        """List this user's forwards."""
        from rhl_helpers.tunnels import list_forwards  # noqa: PLC0415 - psutil, only where something tunnels

        return list_forwards()

    def open_forward(self, ssh_host: str, remote_host: str, remote_port: int, remote_pid: int) -> int:
        """Open a forward; gives its local port."""
        from rhl_helpers.opening import open_forward  # noqa: PLC0415

        return open_forward(ssh_host, remote_host, remote_port, remote_pid)

    def end_forward(self, forward: Forward) -> None:
        """End a forward."""
        from rhl_helpers.tunnels import end_forward  # noqa: PLC0415

        end_forward(forward)

    def probe(self, host: str, port: int, path: str, *, timeout: float = 10.0) -> Answer:
        """Ask a port as this machine sees it."""
        return probe(host, port, path, timeout=min(timeout, self._read_timeout or timeout))

    def real_path(self, path: str) -> str:
        """Say where a directory of this machine really is, all links followed."""
        return str(Path(path).expanduser().resolve())

    def evidence(self, pid: int) -> ProcessEvidence | None:
        """Look at a pid of this machine."""
        from rhl_helpers.tunnels import evidence  # noqa: PLC0415

        return evidence(pid)
