"""Calls that look at an installation rather than at services. Every one of them only reads (S6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rhl_helpers.calls import Call, conda_info, ps_persistent, raise_for_exit
from rhl_helpers.errors import ProtocolError
from rhl_helpers.rows import PersistentRow
from rhl_helpers.text import safe
from rhl_helpers.transport.base import Reply
from rhl_helpers.transport.read_only import READING

HELPERS = tuple(sorted(READING))
"""The helpers that may be asked for their help text."""

HIDDEN_PATH = "/seamless-reconcile-doctor/.absent"
"""Nobody's: any guard that knows its business refuses it, for the segment that begins with a dot."""
OUTSIDE_PATH = "/seamless-reconcile-doctor/absent"
"""Nobody's: a guard lets it through only where it lets nearly everything through."""
CLOCK_PATH = "/proc/self"
"""Made the moment it is looked at, on Linux: its time is the host's clock."""

_CONDA_PATH = re.compile(rb"cache file not found: ([^\r\n]+)")


@dataclass(frozen=True, slots=True)
class HelpText:
    """What a helper says of itself.

    Attributes:
        text: its usage and description.
        noise: what stood before it on stdout: a login message.
    """

    text: str
    noise: str = ""


def help_text(helper: str) -> Call[HelpText]:
    """Ask a helper for its help text: the quickest proof that it is there and runs."""

    def parse(reply: Reply) -> HelpText:
        raise_for_exit(reply)
        text = reply.stdout.decode("utf-8", "replace")
        noise, opening, rest = text.partition(f"usage: {helper}")
        if not opening:
            raise ProtocolError(reply.host, f"{helper} does not answer as the helper does")
        return HelpText(opening + rest, noise.strip())

    return Call((helper, "--help"), mutates=False, parse=parse)


@dataclass(frozen=True, slots=True)
class CondaCache:
    """What a host remembers of its conda.

    Attributes:
        info: the cache; None where `rhl-cache-conda` was never run.
        path: where it was looked for, where the helper says so.
    """

    info: Mapping[str, Any] | None
    path: str = ""

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments' folders."""
        listed = (self.info or {}).get("envs")
        return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()

    def has(self, environment: str) -> bool:
        """Tell whether an environment is among them: by its name, its folder, or as the base."""
        base = str((self.info or {}).get("conda_base", ""))
        if environment == "base":
            return bool(base)
        wanted = environment.rstrip("/")
        return any(
            one.rstrip("/") == wanted or (one != base and one.rstrip("/").rpartition("/")[2] == wanted)
            for one in self.environments
        ) or (wanted.startswith("~/") and any(one.endswith(wanted[1:]) for one in self.environments))


def conda_cache() -> Call[CondaCache]:
    """Read the host's conda cache."""
    inner = conda_info()

    def parse(reply: Reply) -> CondaCache:
        path = _CONDA_PATH.search(reply.stderr)
        return CondaCache(inner.parse(reply), safe(path[1]) if path else "")

    return Call(inner.argv, mutates=False, parse=parse)


def look_at(path: str) -> Call[PersistentRow]:
    """Look at one directory, or learn why the guard or the host will not let this login."""
    inner = ps_persistent(path)

    def parse(reply: Reply) -> PersistentRow:
        rows = inner.parse(reply)
        if len(rows) != 1:
            raise ProtocolError(reply.host, "rhl-ps-persistent did not print one row")
        return rows[0]

    return Call(inner.argv, mutates=False, parse=parse)
