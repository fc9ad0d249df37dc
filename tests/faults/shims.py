"""Helpers of a host that misbehave: what stands first on the PATH that every call is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab import LabHost
from lab.host import PROGRAMS

# Sourced by every shim. `once` leaves a fault to the first of all calls that come to it.
_SHIM = """\
#!/bin/sh
helper={programs}/${{0##*/}}
fault={folder}/${{0##*/}}
[ -f "$fault" ] || exec "$helper" "$@"
real() {{ "$helper" "$@"; }}
once() {{ mv "$fault" "$fault.used" 2>/dev/null || exec "$helper" "$@"; }}
cut() {{
  p=$$
  while [ "$p" -gt 1 ]; do
    set -- $(ps -o ppid=,comm= -p "$p")
    case "$2" in sshd*) kill -9 "$p"; exit 1;; esac
    p=$1
  done
}}
. "$fault"
"""


class Shims:
    """The misbehaviour of one host's helpers.

    Args:
        host: the host; what it is told counts from the next call on.
    """

    def __init__(self, host: LabHost) -> None:
        self.folder = host.folder / "shims"
        self._bin = host.home / "miniforge3" / "bin"
        self.folder.mkdir()
        self._bin.mkdir(parents=True, exist_ok=True)
        script = _SHIM.format(programs=PROGRAMS, folder=self.folder)
        for helper in PROGRAMS.glob("rhl-*"):
            shim = self._bin / helper.name
            shim.write_text(script)
            shim.chmod(0o755)

    @contextmanager
    def misbehave(self, helper: str, how: str) -> Iterator[None]:
        """Let a helper do something else for the length of a block.

        Args:
            helper: its name.
            how: a bit of shell: `real "$@"` runs the helper, `cut` kills the connection, `once "$@"`
                makes all further calls well-behaved.
        """
        fault = self.folder / helper
        fault.write_text(how + "\n")
        try:
            yield
        finally:
            fault.unlink(missing_ok=True)

    def used(self, helper: str) -> bool:
        """Tell whether a fault that happens once has happened; forgets it."""
        mark = self.folder / f"{helper}.used"
        found = mark.exists()
        mark.unlink(missing_ok=True)
        return found
