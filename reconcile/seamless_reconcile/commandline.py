"""Command lines as text, split into words."""

from __future__ import annotations

import shlex

_SHELL_SYNTAX = frozenset("'\"\\")


def split(command: str) -> list[str]:
    """Split as `shlex.split` does; at once where there is nothing to unquote, which is nearly always.

    Raises:
        ValueError: a quotation has no end.
    """
    if command.isascii() and command.isprintable() and not _SHELL_SYNTAX.intersection(command):
        return command.split()
    return shlex.split(command)
