"""What all simulated helpers share: results, dying, and the texts of their usage."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World

KEY = re.compile(r"[a-zA-Z0-9._-]+")
SYSTEM = frozenset(
    "/ /etc /usr /bin /sbin /lib /lib64 /boot /sys /proc /run /var /opt".split()  # noqa: SIM905 - a list of paths
)


class Result(NamedTuple):
    """How a helper ended."""

    code: int
    out: bytes = b""
    err: str = ""


class Died(Exception):
    """A helper that ends with a message; `out` is what it had printed."""

    def __init__(self, message: str, *, code: int = 1, out: bytes = b"") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.out = out


class OutOfTime(Exception):
    """A helper outlasts its caller's patience."""


Helper = Callable[["World", "SimHost", list[str]], Result]


def traceback(last: str) -> str:
    """Give a Python traceback as a helper leaves one; only its frame and its last line are told apart."""
    return f'Traceback (most recent call last):\n  File "helper", line 1, in <module>\n{last}'


def check_key(key: str) -> None:
    """Refuse what the helpers refuse as a key."""
    if not KEY.fullmatch(key):
        raise Died(f"rhl: invalid key {key!r} (only letters, digits, . _ - allowed)")


def integer_flag(args: list[str], flag: str) -> int | None:
    """Take a flag with a number out of the arguments."""
    if flag not in args:
        return None
    index = args.index(flag)
    try:
        value = int(args[index + 1])
    except (IndexError, ValueError):
        raise Died(f"rhl: {flag} requires an integer") from None
    del args[index : index + 2]
    return value


@functools.lru_cache(maxsize=4096)
def normal(path: str) -> str:
    """Write a path as pathlib does: no double slashes, no dots, no slash at the end."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/"):
        return "/".join(parts) or "."
    return ("//" if path.startswith("//") and not path.startswith("///") else "/") + "/".join(parts)


def clearable(host: SimHost, raw: str) -> str:
    """Give the path a helper would work on, as it prints it."""
    path = normal(host.expand(raw))
    if not path.startswith("/"):
        raise Died(f"rhl: path must be absolute: {path!r}")
    if host.tree.real(path) in SYSTEM or path in SYSTEM:
        raise Died(f"rhl: refusing to operate on system directory: {path!r}")
    if ".." in path.split("/"):
        raise Died(f"rhl: path must not contain '..': {path!r}")
    return path


def table(headers: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> bytes:
    """Lay out columns for people."""
    cells = [headers, *([("-" if cell in (None, "") else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = (" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return ("\n".join(lines) + "\n").encode()
