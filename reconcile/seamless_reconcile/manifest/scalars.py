"""What a scalar means: the YAML 1.2 core rules, and no surprises.

`true`, `false`, `null`, decimal integers and floats are what they look like; everything else is
text. What YAML 1.1 readers take for something else (`no`, `22:22`, `017`, `1_000`) is refused
unless it is quoted, so a manifest means the same to every reader.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Read as a boolean, a base-60 number, an octal, hexadecimal or binary number, a number with
# underscores, by YAML 1.1 or by YAML 1.2, but not by both.
_AMBIGUOUS = re.compile(
    r"""(?: yes|Yes|YES|no|No|NO | on|On|ON|off|Off|OFF
        | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
        | [-+]?0[0-9]+ | [-+]?0o?[0-7_]+ | [-+]?0x[0-9a-fA-F_]+ | [-+]?0b[01_]+
        | [-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)? | =
        )""",
    re.VERBOSE,
)
_MAX_DIGITS = 18
# Keeps the pattern above, which can backtrack, away from long texts.
_LONGEST_LOOKED_AT = 64
# No scalar that is anything but text starts with another character: most are decided by one look.
_SUSPECTS = frozenset("0123456789+-.~tTfFnNyYoO=")


class NotPlain(ValueError):
    """A plain scalar that must be quoted or written another way."""


def resolve(text: str) -> Value:
    """Give what a plain scalar means.

    Raises:
        NotPlain: YAML readers do not agree on it, or no JSON number can hold it.
    """
    if not text:
        return None
    if text[0] not in _SUSPECTS:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= _LONGEST_LOOKED_AT and _AMBIGUOUS.fullmatch(text):
        raise NotPlain(f"YAML readers do not agree on what {text[:40]} is")
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("+-")) > _MAX_DIGITS:
            raise NotPlain("the number is too large")
        return int(text)
    if _NOT_FINITE.fullmatch(text):
        raise NotPlain(f"{text} is not a finite number")
    return _number(text) if _FLOAT.fullmatch(text) else text


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotPlain("the number is too large")
    return value
