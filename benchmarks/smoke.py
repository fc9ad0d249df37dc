"""What can be counted instead of timed: logins, helper calls, imported modules. Runs in the suite."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.site import Counted, Site

HEAVY = frozenset(
    {
        "asyncio", "cryptography", "deepdiff", "filelock", "nacl", "networkx", "paramiko",
        "platformdirs", "psutil", "pydantic", "remote_http_launcher", "rich", "seamless_config",
        "stamina", "yaml",
    }
)  # fmt: skip
"""Packages that cost more than a moment to import."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one command did.

    Attributes:
        counted: what the hosts noted.
        modules: all that it imported.
    """

    counted: Counted
    modules: frozenset[str]

    @property
    def heavy(self) -> set[str]:
        """Give those packages of `HEAVY` that were imported."""
        return {name.partition(".")[0] for name in self.modules} & HEAVY


def run(site: Site, words: Sequence[str]) -> Told:
    """Run the program in a site's folder, and count."""
    before = site.counted()
    done = site.user.run("seamless-reconcile", *words, env={"PYTHONPROFILEIMPORTTIME": "1"}, seconds=120)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr[-2000:]}")
    return Told(site.counted() - before, modules_of(done.stderr))


def imported(words: Sequence[str]) -> Told:
    """Run the program where it contacts nobody, and tell what it imported."""
    argv = [sys.executable, "-X", "importtime", "-m", "seamless_reconcile", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return Told(Counted(0, 0), modules_of(done.stderr))


def modules_of(trace: str) -> frozenset[str]:
    """Read the names out of what `-X importtime` prints."""
    lines = (line.split("|") for line in trace.splitlines() if line.startswith("import time:"))
    return frozenset(parts[2].strip() for parts in lines if len(parts) == 3)
