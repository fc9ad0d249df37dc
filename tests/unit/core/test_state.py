"""What this client keeps: memory, records, locks."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from datetime import datetime
from pathlib import Path

import pytest

from seamless_reconcile.events import Ended, Planned, Reading, Started
from seamless_reconcile.facts import Receipt
from seamless_reconcile.locks import Locked, claims, host_locks
from seamless_reconcile.outcomes import Outcome, Result
from seamless_reconcile.ports import Launched
from seamless_reconcile.state import FileMemory, FolderRecord, file_name, state_folder, write_atomically
from unit.core.values import action, plan

RECEIPT = Receipt(98_304, "2023-11-14T22:13:20", 4000, "abc")
LAUNCHED = Launched(4000, 50_000, "abc", 1_700_000_000.0)


def forgetful(folder: Path) -> FileMemory:
    """Give the memory as the next run finds it."""
    return FileMemory(folder)


# --- memory ----------------------------------------------------------------------------------


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "new")
    assert memory.receipt("h", "p") is None
    assert memory.epoch("h", "p") is None
    assert memory.launched("h", "k") is None
    assert memory.ended("h", "k") is None
    assert not (tmp_path / "new").exists()


def test_what_was_noted_is_there_in_the_next_run(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path)
    memory.note_receipt("h", "~/p", RECEIPT)
    memory.note_cleared("h", "~/p", "one")
    memory.note_launched("h", "k", LAUNCHED)
    memory.note_ended("h", "other", 4001)
    again = forgetful(tmp_path)
    assert again.receipt("h", "~/p") == RECEIPT
    assert again.epoch("h", "~/p") == "one"
    assert again.launched("h", "k") == LAUNCHED
    assert again.ended("h", "other") == 4001
    assert (again.receipt("h2", "~/p"), again.epoch("h", "~/q"), again.launched("h", "k2")) == (
        None,
        None,
        None,
    )


def test_what_was_forgotten_is_gone(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path)
    memory.note_receipt("h", "p", RECEIPT)
    memory.note_cleared("h", "p", "one")
    memory.note_receipt("h", "p", None)
    memory.note_cleared("h", "p", None)
    assert (forgetful(tmp_path).receipt("h", "p"), forgetful(tmp_path).epoch("h", "p")) == (None, None)


def test_a_pid_that_was_launched_again_is_not_remembered_as_ended(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path)
    memory.note_ended("h", "k", 4000)
    memory.note_launched("h", "k", LAUNCHED)
    assert memory.ended("h", "k") is None
    memory.note_ended("h", "k", 4001)
    memory.note_launched("h", "k", LAUNCHED)
    assert memory.ended("h", "k") == 4001


def test_two_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    one, other = FileMemory(tmp_path), FileMemory(tmp_path)
    assert one.epoch("h", "a") is None
    other.note_cleared("h", "b", "two")
    one.note_cleared("h", "a", "one")
    assert (forgetful(tmp_path).epoch("h", "a"), forgetful(tmp_path).epoch("h", "b")) == ("one", "two")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"\xff", b'{"receipts": 7}', b'{"launched": {"h k": {"pid": "x"}}}', b"null"],
    ids=range(7),
)
def test_a_memory_that_is_none_is_forgotten_and_written_anew(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_bytes(data)
    memory = FileMemory(tmp_path)
    assert memory.receipt("h", "p") is None
    memory.note_cleared("h", "p", "one")
    assert forgetful(tmp_path).epoch("h", "p") == "one"


def test_fields_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text(json.dumps({"epochs": {"h p": "one"}, "more": 1}))
    assert FileMemory(tmp_path).epoch("h", "p") == "one"


def test_the_folder_is_the_users_own(tmp_path: Path) -> None:
    FileMemory(tmp_path / "state").note_ended("h", "k", 1)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "memory.json").stat().st_mode) == 0o600


def test_others_cannot_read_the_record(tmp_path: Path) -> None:
    record = FolderRecord(tmp_path / "state")
    with record.log_file("h", "k") as stream:
        stream.write(b"x")
    record.write("plan.json", {})
    record.close()
    found = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    assert len(found) == 7
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in found} == {0}


def test_where_it_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEAMLESS_RECONCILE_STATE_DIR", str(tmp_path))
    assert state_folder() == tmp_path
    monkeypatch.delenv("SEAMLESS_RECONCILE_STATE_DIR")
    assert state_folder().name == "seamless-reconcile"


def test_an_atomic_write_leaves_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("frontend", "frontend"),
        ("me@host:22", "me_host_22"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "_"),
        ("", "_"),
        ("a/b", "a_b"),
        ("x" * 500, "x" * 200),
        ("\x1b[2J", "__2J"),
    ],
)
def test_file_names(text: str, name: str) -> None:
    assert file_name(text) == name


# --- the record ------------------------------------------------------------------------------


def test_a_record_keeps_what_happened(tmp_path: Path) -> None:
    record = FolderRecord(tmp_path)
    record.write("plan.json", {"x": 1})
    for event in (
        Reading(("h",)),
        Planned(plan()),
        Started(action(1)),
        Ended(Outcome(action(1), Result.DONE)),
    ):
        record.on_event(event)
    folder = Path(record.path)
    # On disk while the run goes on.
    told = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    assert [line["event"] for line in told] == ["planned", "started", "ended"]
    assert all(datetime.fromisoformat(line["time"]).tzinfo for line in told)
    with record.log_file("host/..", "../key") as sink:
        sink.write(b"\x1b[2J")
    record.close()
    assert folder.parent == tmp_path / "runs"
    assert folder.name == record.run_id
    assert json.loads((folder / "plan.json").read_text()) == {"x": 1}
    (log,) = (folder / "logs").iterdir()
    assert log.read_bytes() == b"\x1b[2J"
    assert log.resolve().parent == folder / "logs"
    record.drop_log("host/..", "../key")
    assert list((folder / "logs").iterdir()) == []


def test_two_records_at_once(tmp_path: Path) -> None:
    one, other = FolderRecord(tmp_path), FolderRecord(tmp_path)
    assert one.path != other.path
    one.close()
    other.close()


# --- locks -----------------------------------------------------------------------------------


def test_a_host_is_held_by_one_run(tmp_path: Path) -> None:
    with host_locks(tmp_path, ["a", "b", "a"]):
        with (
            pytest.raises(
                Locked, match=f"b: another apply is at work there \\(process {os.getpid()}\\)"
            ) as caught,
            host_locks(tmp_path, ["c", "b"]),
        ):
            pass
        assert caught.value.host == "b"
        with host_locks(tmp_path, ["c"]):
            pass
    with host_locks(tmp_path, ["b"]):
        pass


def test_what_could_not_all_be_held_is_not_held_in_part(tmp_path: Path) -> None:
    with host_locks(tmp_path, ["b"]), pytest.raises(Locked), host_locks(tmp_path, ["a", "b"]):
        pass
    with host_locks(tmp_path, ["a"]):
        pass


def _hold(folder: str, ready: object, done: object) -> None:
    with host_locks(Path(folder), ["a"]):
        ready.set()  # type: ignore[attr-defined]
        done.wait(30)  # type: ignore[attr-defined]


def test_another_process_holds_it_until_it_ends(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    child = context.Process(target=_hold, args=(str(tmp_path), ready, done))
    child.start()
    try:
        assert ready.wait(60)
        with pytest.raises(Locked, match=f"process {child.pid}"), host_locks(tmp_path, ["a"]):
            pass
        child.kill()
        child.join(30)
        with host_locks(tmp_path, ["a"], wait=5.0):
            pass
    finally:
        child.kill()
        child.join(30)
        child.close()


def test_services_are_claimed_one_by_one(tmp_path: Path) -> None:
    with claims(tmp_path, [("h", "a"), ("h", "b")]):
        with claims(tmp_path, [("h", "c"), ("h2", "a")]):
            pass
        with (
            pytest.raises(Locked, match="h: another apply, or a proof, holds b"),
            claims(tmp_path, [("h", "b")]),
        ):
            pass
