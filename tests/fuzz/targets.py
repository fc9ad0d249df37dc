"""What is fuzzed: each target takes any bytes, as a file or a host would give them, and must survive them.

A target raises only where there is a bug: for an exception that is not among the known ones, for text that
could act on a terminal, for a value outside of what the type promises.
"""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

from rhl_helpers import calls
from rhl_helpers.client import ConnectionFile
from rhl_helpers.client_files import read_file
from rhl_helpers.errors import HelperError
from rhl_helpers.rows import MAX_PID, MAX_PORT, MalformedRow, ServerRow
from rhl_helpers.text import safe_lines
from rhl_helpers.transport.base import Reply
from seamless_reconcile.declared import Manifest, ManifestError
from seamless_reconcile.kinds.service import same_command
from seamless_reconcile.manifest import load
from seamless_reconcile.report.screen import line, rendered, shown
from seamless_reconcile.saved import PlanFileError, differences, load_saved
from seamless_reconcile.state import FileMemory

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
MAX_INPUT = 100_000

Target = Callable[[bytes], None]

_folder = tempfile.TemporaryDirectory(prefix="fuzz-")


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder.name) / name
    path.write_bytes(data)
    return path


def _printable(text: str) -> None:
    assert not {char for char in text if unicodedata.category(char) in UNSAFE}, repr(text)


def manifest(data: bytes) -> None:
    """Load a manifest."""
    problems: list[str] | None = None
    try:
        assert isinstance(load([_file("m.yaml", data)], {"A": "x", "TOKEN": "\x1b[2J"}), Manifest)
    except ManifestError as exc:
        problems = [str(problem) for problem in exc.problems]
    assert problems is None or problems
    for problem in problems or ():
        _printable(problem)


def _sound(row: ServerRow | MalformedRow) -> None:
    assert row.pid is None or 1 < row.pid <= MAX_PID
    assert row.port is None or 0 < row.port <= MAX_PORT
    if isinstance(row, ServerRow):
        assert all(0 < port <= MAX_PORT for port in row.extra_ports.values())
        same_command(("hashserver",), (row.command or "").split())


def rows(data: bytes) -> None:
    """Decode what rhl-ps prints."""
    for code in (0, 1, 127):
        try:
            found = calls.ps().parse(Reply("h", code, data, data, truncated=False))
        except HelperError as exc:
            _printable(exc.detail)
        else:
            for row in found:
                _sound(row)


def inspected(data: bytes) -> None:
    """Decode what rhl-inspect prints, with and without its time."""
    for call in (calls.inspect("key"), calls.inspect_stamped("key")):
        try:
            found = call.parse(Reply("h", 0, data, b"", truncated=False))
        except HelperError as exc:
            _printable(exc.detail)
        else:
            if isinstance(found, (ServerRow, MalformedRow)):
                _sound(found)


def folders(data: bytes) -> None:
    """Decode what rhl-ps-persistent prints."""
    try:
        found = calls.ps_persistent("/data/p").parse(Reply("h", 0, data, b"", truncated=False))
    except HelperError as exc:
        _printable(exc.detail)
    else:
        assert all(row.state in ("absent", "empty", "populated") for row in found)


def words(data: bytes) -> None:
    """Read what helpers say on stderr: the word of a stop, the guard's reasons."""
    for call in (
        calls.stop("key"),
        calls.clear("/data/p"),
        calls.remove_server_state("key"),
        calls.pid_alive(5),
    ):
        for code in (0, 1):
            try:
                call.parse(Reply("h", code, data, data, truncated=False))
            except HelperError as exc:
                _printable(exc.detail)


def log(data: bytes) -> None:
    """Show a log."""
    for shown_line in safe_lines(data):
        _printable(shown_line)
    text = data.decode("utf-8", "replace")
    for part in (rendered(line(text)), shown(text)):
        _printable(part.replace("\n", ""))


def plan(data: bytes) -> None:
    """Load a saved plan."""
    try:
        saved = load_saved(_file("plan", data))
    except PlanFileError as exc:
        _printable(str(exc))
    else:
        assert differences(saved.plan, saved.plan) == []


def memory(data: bytes) -> None:
    """Read memory.json, then write it again."""
    _file("memory.json", data)
    kept = FileMemory(Path(_folder.name))
    for read in (kept.receipt, kept.epoch, kept.launched, kept.ended):
        read("h", "k")
    kept.note_ended("h", "k", 4000)
    assert FileMemory(Path(_folder.name)).ended("h", "k") == 4000


def client(data: bytes) -> None:
    """Read a connection file."""
    found = read_file(_file("key.json", data), "key")
    if isinstance(found, ConnectionFile):
        assert 0 < found.port <= MAX_PORT
        assert json.loads(data)["port"] == found.port
    elif found is not None:
        _printable(found.reason)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (manifest, rows, inspected, folders, words, log, plan, memory, client)
}
