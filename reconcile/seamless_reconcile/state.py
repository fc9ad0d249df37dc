"""What this client keeps between runs: receipts and records. All in one folder of the platform's choice.

Losing it is safe: a cold database then counts as populated, and is cleared once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seamless_reconcile.events import Ended, Event, Planned, Progress, Started, Stopping
from seamless_reconcile.facts import Receipt
from seamless_reconcile.ports import Launched

STATE_DIR_ENV = "SEAMLESS_RECONCILE_STATE_DIR"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_MAX_MEMORY = 16 * 1024 * 1024
_PIECE = 64 * 1024


def state_folder() -> Path:
    """Give the folder for this client's state; `SEAMLESS_RECONCILE_STATE_DIR` overrides it."""
    named = os.environ.get(STATE_DIR_ENV)
    if named:
        return Path(named)
    import platformdirs  # noqa: PLC0415 - only where it is needed

    return platformdirs.user_state_path("seamless-reconcile")


def file_name(text: str) -> str:
    """Make one safe file name of a host or key."""
    return _UNSAFE.sub("_", text)[:200].lstrip(".") or "_"


# --- memory --------------------------------------------------------------------------------


class _Receipt(BaseModel):
    model_config = ConfigDict(extra="ignore")
    size: int | None = None
    modified: str | None = None
    pid: int | None = None
    launch_id: str | None = None


class _Launched(BaseModel):
    model_config = ConfigDict(extra="ignore")
    pid: int
    port: int | None = None
    launch_id: str | None = None
    when: float


class _Contents(BaseModel):
    model_config = ConfigDict(extra="ignore")
    receipts: dict[str, _Receipt] = Field(default_factory=dict)
    epochs: dict[str, str] = Field(default_factory=dict)
    launched: dict[str, _Launched] = Field(default_factory=dict)
    ended: dict[str, int] = Field(default_factory=dict)


class FileMemory:
    """Memory in one JSON file, replaced atomically, shared by all runs of this user."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "memory.json"
        self._lock = folder / "memory.lock"
        self._contents: _Contents | None = None

    def _read(self) -> _Contents:
        if self._contents is None:
            self._contents = self._load()
        return self._contents

    def _load(self) -> _Contents:
        try:
            with self._path.open("rb") as stream:
                return _Contents.model_validate_json(read_up_to(stream, _MAX_MEMORY))
        except (OSError, ValidationError):
            # Not there, or not ours: in doubt nothing is remembered.
            return _Contents()

    def receipt(self, host: str, path: str) -> Receipt | None:
        """Give the note that a database was cold, if there is one."""
        found = self._read().receipts.get(_place(host, path))
        return Receipt(found.size, found.modified, found.pid, found.launch_id) if found else None

    def epoch(self, host: str, path: str) -> str | None:
        """Give the epoch a cache was last cleared for by this client."""
        return self._read().epochs.get(_place(host, path))

    def launched(self, host: str, key: str) -> Launched | None:
        """Give what is remembered of a service."""
        found = self._read().launched.get(_place(host, key))
        return Launched(found.pid, found.port, found.launch_id, found.when) if found else None

    def ended(self, host: str, key: str) -> int | None:
        """Give the pid this client last ended of a service."""
        return self._read().ended.get(_place(host, key))

    def note_ended(self, host: str, key: str, pid: int) -> None:
        """Remember that a process was ended."""

        def change(contents: _Contents) -> None:
            contents.ended[_place(host, key)] = pid

        self._update(change)

    def note_receipt(self, host: str, path: str, receipt: Receipt | None) -> None:
        """Remember that a database is cold, or forget it."""

        def change(contents: _Contents) -> None:
            if receipt is None:
                contents.receipts.pop(_place(host, path), None)
            else:
                contents.receipts[_place(host, path)] = _Receipt(
                    size=receipt.size, modified=receipt.modified, pid=receipt.pid, launch_id=receipt.launch_id
                )

        self._update(change)

    def note_cleared(self, host: str, path: str, epoch: str | None) -> None:
        """Remember a clear: for an epoch, or that earlier epochs no longer tell anything."""

        def change(contents: _Contents) -> None:
            if epoch is None:
                contents.epochs.pop(_place(host, path), None)
            else:
                contents.epochs[_place(host, path)] = epoch

        self._update(change)

    def note_launched(self, host: str, key: str, launched: Launched) -> None:
        """Remember a service that answered."""

        def change(contents: _Contents) -> None:
            place = _place(host, key)
            contents.launched[place] = _Launched(
                pid=launched.pid, port=launched.port, launch_id=launched.launch_id, when=launched.when
            )
            if contents.ended.get(place) == launched.pid:
                # The same pid once more, as in a container that was started anew: no zombie any longer.
                del contents.ended[place]

        self._update(change)

    def _update(self, change: Any) -> None:
        make_private(self._path.parent)
        with FileLock(self._lock):
            contents = self._load()
            change(contents)
            write_atomically(self._path, contents.model_dump_json().encode())
            self._contents = contents


def _place(host: str, what: str) -> str:
    return f"{host} {what}"


def make_private(folder: Path) -> None:
    """Make a folder, and what is missing above it, for this user alone: hosts and paths stand in it."""
    for one in reversed([folder, *folder.parents]):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_up_to(stream: BinaryIO, limit: int) -> bytes:
    """Read a file, at most so many bytes; takes no more memory than there is to read."""
    pieces: list[bytes] = []
    while limit > 0 and (piece := stream.read(min(limit, _PIECE))):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's contents in one step, on disk before it returns.

    Raises:
        OSError: disk full, no permission; the old contents stay.
    """
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# --- the record of one run -----------------------------------------------------------------


class FolderRecord:
    """One run's folder: the plan, its events as they happen, the saved logs."""

    def __init__(self, root: Path) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        self._run_id = f"{stamp}-{secrets.token_hex(3)}"
        self._folder = root / "runs" / self._run_id
        make_private(self._folder / "logs")
        self._events = open(self._folder / "events.ndjson", "a", encoding="utf-8", opener=_private)  # noqa: SIM115 - an opener; closed by `close`

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self._folder)

    @property
    def run_id(self) -> str:
        """What names this run: its start and a few random letters."""
        return self._run_id

    def write(self, name: str, value: Any) -> None:
        """Write one JSON file into the record."""
        write_atomically(self._folder / name, (json.dumps(value, indent=2) + "\n").encode())

    def on_event(self, event: Event) -> None:
        """Append one event; what is about to be done is on disk before it is done.

        Raises:
            OSError: it is not, so it must not be done. What is over is only noted: on a full disk the
                run goes on to tell its end.
        """
        if not isinstance(event, (Planned, Started, Progress, Ended, Stopping)):
            return
        from seamless_reconcile.report.json_ import stamped_event  # noqa: PLC0415 - only apply needs it

        try:
            self._events.write(json.dumps(stamped_event(event)) + "\n")
            self._events.flush()
            os.fsync(self._events.fileno())
        except OSError as exc:
            if isinstance(event, Started):
                raise OSError(exc.errno, exc.strerror, self.path) from exc

    @contextlib.contextmanager
    def log_file(self, host: str, key: str) -> Iterator[BinaryIO]:
        """Open the file a service's log is saved to; it is complete on disk when the block ends."""
        with open(self._log(host, key), "wb", opener=_private) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())

    def drop_log(self, host: str, key: str) -> None:
        """Remove that file again: there was no log."""
        self._log(host, key).unlink(missing_ok=True)

    def _log(self, host: str, key: str) -> Path:
        return self._folder / "logs" / f"{file_name(host)}--{file_name(key)}.log"

    def close(self) -> None:
        """Close the event file; what a full disk kept out of it was told already."""
        with contextlib.suppress(OSError):
            self._events.close()
