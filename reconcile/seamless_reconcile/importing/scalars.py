"""YAML that says exactly what it should, whatever the text is: hostile, odd, or like a number. Pure.

Plain where every reader of YAML agrees that it is that text, else double-quoted by PyYAML with
everything escaped but printable ASCII. `${` is written `$${`: nothing from a host is ever filled in.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import yaml

from rhl_helpers.text import safe
from seamless_reconcile.manifest.scalars import NotPlain, resolve

# Letters, digits and what no reader of YAML takes for anything else between them.
_PLAIN = re.compile(r"[A-Za-z~/_][A-Za-z0-9_./~@+-]*")
# What a manifest refuses, quoted or not.
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_MAX_TEXT = 60_000
_MAX_DEPTH = 12
_MAX_VALUES = 2_000
_MAX_NUMBER = 10**18
_ENDLESS = 10**9


@functools.lru_cache(maxsize=1024)
def text(value: str) -> str:
    """Write a text as one YAML scalar, on one line."""
    escaped = value.replace("${", "$${")
    return escaped if _is_plain(escaped) else _quoted(escaped)


def _is_plain(value: str) -> bool:
    if not _PLAIN.fullmatch(value):
        return False
    try:
        ours = resolve(value)
    except NotPlain:
        return False
    return ours == value and yaml.safe_load(value) == value


def _quoted(value: str) -> str:
    written: str = yaml.safe_dump(value, default_style='"', allow_unicode=False, width=_ENDLESS)
    return written.rstrip("\n")


def scalar(value: Any) -> str:
    """Write null, a boolean, a number or a text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return text(value)


def flow(value: Any) -> str:
    """Write a value on one line, mappings and lists in flow style."""
    if isinstance(value, dict):
        # Keys are always quoted: in flow style, more of them would mean something else.
        inner = ", ".join(f"{_quoted(name)}: {flow(item)}" for name, item in value.items())
        return "{" + inner + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return _quoted(value.replace("${", "$${")) if isinstance(value, str) else scalar(value)


def writable(value: Any) -> bool:
    """Tell whether a value from a host can stand in a manifest at all."""
    return _count(value, _MAX_DEPTH) <= _MAX_VALUES


def _count(value: Any, depth: int) -> int:
    """Count values; more than there may be where one of them cannot be written."""
    never = _MAX_VALUES + 1
    if isinstance(value, dict):
        names = sum(
            0 if isinstance(name, str) and _fine(name) and "${" not in name else never for name in value
        )
        return never if depth == 0 else 1 + names + sum(_count(item, depth - 1) for item in value.values())
    if isinstance(value, list):
        return never if depth == 0 else 1 + sum(_count(item, depth - 1) for item in value)
    if isinstance(value, str):
        return 1 if _fine(value) else never
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, int):
        return 1 if abs(value) < _MAX_NUMBER else never
    return 1 if isinstance(value, float) and math.isfinite(value) else never


def _fine(value: str) -> bool:
    return len(value) <= _MAX_TEXT and not _CONTROL.search(value)


def comment(told: str) -> str:
    """Write one line of a comment, safe to show and to read, whatever it tells of (S10)."""
    return f"# {safe(told, limit=500)}"
