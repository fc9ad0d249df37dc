"""Tracebacks in a text, and who raised. Pure, one pass over the lines, each looked at once.

Python's own form is known, chained ("During handling …") and in groups ("  | Traceback …") too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'[ |]{1,40}File "([^"]{1,500})", line (\d{1,9})(?:, in (.{1,200}))?')
# A name with dots, then a colon and the message, or nothing.
_RAISED = re.compile(r"([A-Za-z_][\w.]{0,199})(?:: ?(.{0,1000}))?\Z")
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
MAX_FRAMES = 500


class Kind(str, Enum):
    """Whose code a frame is."""

    SEAMLESS = "seamless"  # one of Seamless's own packages
    DEPENDENCY = "dependency"  # another installed package
    STANDARD = "standard library"
    UNKNOWN = "unknown"  # a script, or a file that tells nothing


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; all of it is untrusted text."""

    file: str
    line: int
    function: str = ""


@dataclass(frozen=True, slots=True)
class Traceback:
    """One traceback.

    Attributes:
        frames: outermost first.
        exception: the name as it stands there, `peewee.OperationalError`.
        message: what follows it.
        first, last: indexes of its first line and of the line that names the exception.
        chained: whether it goes on from the one before it.
    """

    frames: tuple[Frame, ...]
    exception: str
    message: str
    first: int
    last: int
    chained: bool = False

    @property
    def name(self) -> str:
        """The exception's bare name."""
        return self.exception.rpartition(".")[2]

    @property
    def line(self) -> str:
        """The last line: what was raised."""
        return f"{self.exception}: {self.message}" if self.message else self.exception


@dataclass(frozen=True, slots=True)
class Blame:
    """Whose code raised, and who called it.

    Attributes:
        package: the package of the deepest frame; empty where it cannot be told.
        called_by: for a dependency, the nearest of Seamless's own packages that called it.
        frame: the deepest frame.
    """

    kind: Kind
    package: str
    called_by: str
    frame: Frame


def find_tracebacks(lines: Sequence[str]) -> tuple[Traceback, ...]:
    """Find the tracebacks in a text, in order."""
    found: list[Traceback] = []
    at = 0
    while at < len(lines):
        if _HEAD not in lines[at]:
            at += 1
            continue
        one, at = _read(lines, at, chained=bool(found) and _follows(lines, found[-1].last, at))
        if one is not None:
            found.append(one)
    return tuple(found)


def _follows(lines: Sequence[str], last: int, head: int) -> bool:
    """Tell whether the traceback at `head` goes on from the one that ended at `last`."""
    between = lines[last + 1 : head] if head - last <= len(_CHAINED) + 3 else ()
    return any(said in line for line in between for said in _CHAINED)


def _read(lines: Sequence[str], head: int, *, chained: bool) -> tuple[Traceback | None, int]:
    """Read one traceback; gives it, None if it is cut off, and the index after it."""
    frames: list[Frame] = []
    at = head + 1
    while at < len(lines):
        line = lines[at]
        frame = _FRAME.match(line)
        if frame is not None:
            if len(frames) < MAX_FRAMES:
                frames.append(Frame(frame[1], int(frame[2]), frame[3] or ""))
            at += 1
            continue
        if _HEAD in line:
            return None, at
        body = line[_indent(line, lines[head]) :]
        if not body.startswith((" ", "\t")) and body.strip():
            raised = _RAISED.match(body.rstrip())
            if raised is None or not frames:
                return None, at + 1
            return Traceback(tuple(frames), raised[1], raised[2] or "", head, at, chained), at + 1
        at += 1
    return None, at


def _indent(line: str, head: str) -> int:
    """Give how far a traceback is indented (in exception groups), where the line is as far in.

    What a logger writes in front of the first line stands in front of that alone.
    """
    lead = head[: head.index(_HEAD)].removesuffix("Exception Group ")
    wide = len(lead) if not lead.strip(" |+") else 0
    return wide if not line[:wide].strip(" |+") else 0


def chains(found: Sequence[Traceback]) -> tuple[tuple[Traceback, ...], ...]:
    """Put together the tracebacks that go on from one another, in order."""
    put: list[list[Traceback]] = []
    for one in found:
        if one.chained and put:
            put[-1].append(one)
        else:
            put.append([one])
    return tuple(tuple(chain) for chain in put)


# --- whose code ----------------------------------------------------------------------------


_SITE = re.compile(r"/(?:site|dist)-packages/([A-Za-z_][\w.-]{0,99})")
_STANDARD = re.compile(r"/lib/python3\.\d{1,2}/[^\n]{1,300}")


def blame(raised: Traceback, modules: Mapping[str, str]) -> Blame:
    """Find whose code raised, and which of Seamless's packages called it.

    Frames of the standard library and of the import system are looked through: they only do what
    they were asked to.

    Args:
        raised: the traceback.
        modules: top-level module or file name -> package, for Seamless's own.
    """
    owned = [(frame, *owner(frame, modules)) for frame in reversed(raised.frames)]
    deepest = owned[0]
    frame, kind, package = next((one for one in owned if one[1] in (Kind.SEAMLESS, Kind.DEPENDENCY)), deepest)
    callers = (name for _, whose, name in owned if whose is Kind.SEAMLESS)
    called_by = next(callers, "") if kind is not Kind.SEAMLESS else ""
    return Blame(kind, package, called_by, frame)


def owner(frame: Frame, modules: Mapping[str, str]) -> tuple[Kind, str]:
    """Tell whose code a frame is, and the package's name."""
    site = _SITE.search(frame.file)
    if site is not None:
        top = site[1].removesuffix(".py")
        if top in modules:
            return Kind.SEAMLESS, modules[top]
        return Kind.DEPENDENCY, top
    if frame.file.startswith("<") or _STANDARD.search(frame.file):
        return Kind.STANDARD, ""
    # Installed as editable: the file lies in a checkout.
    for name in _names(frame.file):
        if name in modules:
            return Kind.SEAMLESS, modules[name]
    return Kind.UNKNOWN, ""


def _names(file: str) -> Iterator[str]:
    parts = file.split("/")
    if parts[-1].endswith(".py"):
        yield parts[-1].removesuffix(".py")
        yield from reversed(parts[-4:-1])


def prefixes(found: Sequence[Traceback]) -> tuple[str, ...]:
    """Give the Python environments whose site-packages the frames lie in, the last first."""
    seen: dict[str, None] = {}
    for one in reversed(found):
        for frame in reversed(one.frames):
            root, site, _ = frame.file.partition("/site-packages/")
            if site and "/lib/python3" in root:
                seen.setdefault(root.rpartition("/lib/python3")[0])
    return tuple(seen)
