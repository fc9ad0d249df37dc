"""Run a command, again and again, and say what it cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one command.

    Attributes:
        seconds: wall time.
        cpu: of the command itself and what it waited for; not of the hosts.
        memory: MiB at most resident.
    """

    seconds: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What several runs of one command cost."""

    runs: tuple[Run, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The quickest and the slowest, in seconds."""
        return min(run.seconds for run in self.runs), max(run.seconds for run in self.runs)

    @property
    def memory(self) -> float:
        """MiB, of the largest run."""
        return max(run.memory for run in self.runs)


class Failed(Exception):
    """A command that is measured did not do what it should; carries its last words."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is measured.

    Attributes:
        argv: the command line.
        env: its environment.
        folder: where it runs.
        stdin: what it reads.
        codes: the exit codes that are right.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    stdin: str = ""
    codes: tuple[int, ...] = (0,)

    def __call__(self) -> Run:
        """Run it once.

        Raises:
            Failed: with another exit code.
        """
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
            given.write(self.stdin.encode())
            given.seek(0)
            began = time.perf_counter()
            process = subprocess.Popen(
                list(self.argv), env=dict(self.env), cwd=self.folder, stdin=given, stdout=said, stderr=said
            )
            _, status, usage = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in self.codes:
                said.seek(0)
                words = said.read().decode("utf-8", "replace")[-2000:]
                raise Failed(f"{' '.join(map(str, self.argv))[:200]}: exit {process.returncode}\n{words}")
        return Run(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def alternate(
    commands: Mapping[str, Callable[[], Run]], repeats: int, *, warm: bool = True
) -> dict[str, Figures]:
    """Run commands in turn, so that a busy moment of the machine meets them all.

    Args:
        commands: by name.
        repeats: how often each counts.
        warm: let each run once before, uncounted.
    """
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(-1 if warm else 0, repeats):
        for name, command in commands.items():
            run = command()
            if turn >= 0:
                runs[name].append(run)
    return {name: Figures(tuple(found)) for name, found in runs.items()}
