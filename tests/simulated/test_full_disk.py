"""A full disk on this machine: nothing unrecorded is done, no unsaved log is lost, and the end is told."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from seamless_reconcile import state
from seamless_reconcile.events import Silent
from seamless_reconcile.outcomes import Applied
from seamless_reconcile.plan import Plan
from seamless_reconcile.planner import Options
from simulated.bench import Bench, MemoryRecord, agreed, results, spec_of
from world import HASHSERVER, Case, build


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class Tiny(MemoryRecord):
    """A record that has room for half a log."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: set[tuple[str, str]] = set()

    @contextmanager
    def log_file(self, host: str, key: str):  # type: ignore[no-untyped-def]
        with super().log_file(host, key) as sink:
            self.begun.add((host, key))
            sink.write(b"half")
            full()
            yield sink

    def drop_log(self, host: str, key: str) -> None:
        self.begun.discard((host, key))


def test_a_log_that_cannot_be_saved_is_not_removed_and_half_of_it_is_not_kept() -> None:
    bench = Bench(build(Case("running", "ours", "ours")), spec_of(HASHSERVER, state="absent"))
    bench.record = record = Tiny()
    ended = results(bench.apply())
    assert ended["save_log service.hashserver"] == "failed"
    assert ended["remove_state service.hashserver"] == "skipped"
    assert record.begun == set()


def apply_recorded(bench: Bench, folder: Path, during: Callable[[], None]) -> Applied:
    """Apply with a record on disk; `during` happens once the record is made."""
    record = state.FolderRecord(folder)
    bench.reporter = record

    def made(_: Plan) -> state.FolderRecord:
        during()
        return record

    try:
        return bench.loop().apply(Options(), agree=agreed, record=made, stop=Event())
    finally:
        record.close()


def test_what_cannot_be_recorded_is_not_done_and_the_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(build(Case("running", "ours", "ours")), spec_of(HASHSERVER, state="stopped"))
    pid = bench.plan().resource("service.hashserver").observed["pid"]
    applied = apply_recorded(bench, tmp_path, lambda: monkeypatch.setattr(state.os, "fsync", full))
    first = applied.outcomes[0]
    assert first.result.value == "failed"
    assert f"nothing was done: [Errno {errno.ENOSPC}]" in first.detail
    assert str(tmp_path) in first.detail
    assert not applied.converged
    monkeypatch.undo()
    bench.reporter = Silent()
    assert bench.plan().resource("service.hashserver").observed["pid"] == pid
