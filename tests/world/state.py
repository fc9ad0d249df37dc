"""State files and logs: what lies in the launcher's directory, and how a helper's JSON reader takes it."""

from __future__ import annotations

import functools
import json
from typing import Any, NamedTuple

MAX_NESTING = 900


class StateFile(NamedTuple):
    """A launcher state file, as bytes; `folder` for a directory where a file should be.

    `vanished`: listed, but not there when it is opened: removed in between, or a dangling link.
    """

    raw: bytes
    mtime: float
    folder: bool = False
    vanished: bool = False


class Log:
    """A service's log file; `version` changes with every write, `saved` is the version last read in full."""

    __slots__ = ("chunks", "saved", "version")

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.version = 0
        self.saved = 0

    def clone(self) -> Log:
        """Copy it."""
        copy = Log()
        copy.chunks = self.chunks.copy()
        copy.version, copy.saved = self.version, self.saved
        return copy

    def write(self, data: bytes) -> None:
        """Append."""
        if data:
            self.chunks.append(data)
            self.version += 1

    def truncate(self) -> None:
        """Empty it, as the launcher does before a start."""
        self.chunks.clear()
        self.version += 1

    @property
    def unread(self) -> bool:
        """Whether it holds something nobody has read in full."""
        return bool(self.chunks) and self.saved != self.version


class Decoded(NamedTuple):
    """A state file as a helper's JSON reader takes it: data, or what goes wrong."""

    data: dict[str, Any] | None
    problem: str = ""
    traceback: bool = False


@functools.lru_cache(maxsize=8192)
def decode(raw: bytes) -> Decoded:
    """Read a state file; the result is shared: never change it."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        return Decoded(None, f"UnicodeDecodeError: {exc}", traceback=True)
    if _nesting(text) > MAX_NESTING:
        kind = "array" if text.lstrip().startswith("[") else "object"
        problem = f"maximum recursion depth exceeded while decoding a JSON {kind} from a unicode string"
        return Decoded(None, f"RecursionError: {problem}", traceback=True)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as exc:
        return Decoded(None, f"malformed JSON in {{path}}: {exc}")
    if not isinstance(data, dict):
        return Decoded(None, "state file must contain a JSON object: {path}")
    return Decoded(data)


def _nesting(text: str) -> int:
    """Give how deep brackets go; the plain case is settled by counting."""
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest
