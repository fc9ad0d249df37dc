"""The command line of a `type: launcher` service: words and simple placeholders, nothing evaluated.

The launcher itself evaluates its templates as Python. Here a placeholder is a known name in
braces; `{{` and `}}` are braces. Words are split first, so no value can become two of them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

PLACEHOLDERS = ("status_file", "workdir", "key", "hostname", "network_interface", "timeout")
MAX_COMMAND = 10_000
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def command_fault(command: str, *, timeout: bool) -> str | None:
    """Say what is wrong with a command template; None if nothing.

    Args:
        command: the template.
        timeout: whether an `idle_timeout` is given that the command must pass on.
    """
    if len(command) > MAX_COMMAND or not command.isprintable():
        return "must be one line of printable text"
    try:
        words = shlex.split(command)
    except ValueError as exc:
        return f"cannot be split into words: {exc}"
    if not words or "{" in words[0] or words[0].startswith("-"):
        return "must begin with the program's name"
    return _placeholder_fault(words, timeout=timeout)


def _placeholder_fault(words: list[str], *, timeout: bool) -> str | None:
    used: set[str] = set()
    for word in words:
        for found in _BRACES.finditer(word):
            if found.group() in ("{{", "}}"):
                continue
            if found.group(1) not in PLACEHOLDERS:
                known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                return f"has {found.group()[:40]}, which is none of {known} (write {{{{ and }}}} for braces)"
            used.add(found.group(1))
    if "status_file" not in used:
        return "must pass {status_file} on to the service"
    if timeout and "timeout" not in used:
        return "does not use {timeout}, so `idle_timeout` would have no effect"
    return None


def expand(command: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Give the words of a checked command with its placeholders filled in."""

    def value(found: re.Match[str]) -> str:
        return found.group()[0] if found.group(1) is None else values[found.group(1)]

    return tuple(_BRACES.sub(value, word) for word in shlex.split(command))
