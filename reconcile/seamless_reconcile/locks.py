"""Locks between the runs of one user on one machine (L5); files in this client's state folder.

An apply holds the hosts it changes, and its services. A proof holds its services from before they
are made cold until it is judged, but the hosts only while it changes them: so proofs of different
services run side by side, and nobody clears a cache under a proof.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from seamless_reconcile.state import file_name


class Locked(Exception):
    """Another run of this user is at work where this one would be (exit 75)."""

    def __init__(self, host: str, holder: str, what: str = "another apply is at work there") -> None:
        super().__init__(f"{host}: {what} ({holder})")
        self.host = host
        self.holder = holder


@contextlib.contextmanager
def host_locks(folder: Path, hosts: Iterable[str], *, wait: float = 0.0) -> Iterator[None]:
    """Hold one lock a host, in one order, so that two runs never wait for each other.

    Args:
        folder: this client's state.
        hosts: as the manifest names them.
        wait: seconds to wait for all of them together.

    Raises:
        Locked: if another run holds one of them for longer than that.
    """
    named = {file_name(host): (host, "another apply is at work there") for host in hosts}
    with _locks(folder / "locks", named, wait):
        yield


@contextlib.contextmanager
def claims(folder: Path, services: Iterable[tuple[str, str]], *, wait: float = 0.0) -> Iterator[None]:
    """Hold one lock a service: an apply for as long as it acts, a proof until it is judged.

    Always taken before the locks of hosts: who holds those never waits for these.

    Args:
        folder: this client's state.
        services: host and key of each.
        wait: seconds to wait for all of them together.

    Raises:
        Locked: if another run holds one of them for longer than that.
    """
    named = {_claim(host, key): (host, f"another apply, or a proof, holds {key}") for host, key in services}
    with _locks(folder / "locks" / "services", named, wait):
        yield


def _claim(host: str, key: str) -> str:
    """Name the lock of a service: readable, short enough for any file system, and its own."""
    return f"{file_name(key)[:100]}-{hashlib.sha256(f'{host} {key}'.encode()).hexdigest()[:12]}"


@contextlib.contextmanager
def _locks(folder: Path, named: Mapping[str, tuple[str, str]], wait: float) -> Iterator[None]:
    """Hold locks: file name -> host and what to say of who holds it; in the order of their names."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only who changes something needs it

    deadline = time.monotonic() + wait
    with contextlib.ExitStack() as held:
        for name, (host, what) in sorted(named.items()):
            note = folder / f"{name}.holder"
            try:
                left = max(0.0, deadline - time.monotonic())
                held.enter_context(FileLock(folder / f"{name}.lock", timeout=left))
            except Timeout:
                raise Locked(host, _holder(note), what) from None
            note.write_text(f"process {os.getpid()}", encoding="utf-8")
        yield


def _holder(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8", errors="replace")[:100]
    except OSError:
        return "unknown process"
