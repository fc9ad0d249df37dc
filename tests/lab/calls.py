"""Calls that are no helper's: a bit of shell, run where a helper would run."""

from __future__ import annotations

from rhl_helpers.calls import Call, raise_for_exit
from rhl_helpers.transport.base import Reply


def shell(script: str, *, timeout: float = 15.0, mutates: bool = True) -> Call[Reply]:
    """Run a bit of shell on a host; the same exit codes and words are errors as for a helper."""

    def parse(reply: Reply) -> Reply:
        raise_for_exit(reply)
        return reply

    return Call(("sh", "-c", script), mutates=mutates, parse=parse, timeout=timeout)
