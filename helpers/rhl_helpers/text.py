"""Make text that comes from a host safe to show (S10).

No terminal escape, no control character, no bidirectional override reaches a terminal or a report.
"""

from __future__ import annotations

import unicodedata

from rhl_helpers.secrets import redacted

MAX_LINE = 2_000
# Cc control, Cf format (bidirectional overrides, zero-width), Cs surrogates, Co private, Cn unassigned.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def safe(text: str | bytes, *, limit: int = MAX_LINE) -> str:
    r"""Give one printable line: unsafe characters become \xNN or \uNNNN, long text is cut."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    cut = text[:limit]
    if not cut.isprintable():
        cut = "".join(_visible(char) for char in cut)
    return cut + ("…" if len(text) > limit else "")


def safe_lines(text: str | bytes, *, limit: int = MAX_LINE) -> list[str]:
    """Give the printable lines of a text, line by line, secrets hidden."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return [redacted(safe(line, limit=limit)) for line in text.replace("\r\n", "\n").split("\n")]


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE and (char.isprintable() or char == " "):
        return char
    if char == "\t":
        return " "
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
