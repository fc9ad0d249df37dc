"""What is measured. Each scenario runs its commands in turn, so that a busy moment meets them all."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import restart
from benchmarks.measure import Command, Figures, Run, alternate
from benchmarks.peers import Peers, by_hand, others, reconcile, service_ps
from benchmarks.site import Site, site

OURS = "seamless-reconcile"
FLOOR = "libssh2"
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of one scenario.

    Attributes:
        title: what was done.
        figures: by command.
        base: the command that the others are held against.
        notes: what to know when reading it.
    """

    title: str
    figures: dict[str, Figures]
    base: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Setting:
    """How often, and next to whom.

    Attributes:
        repeats: how often each command counts.
        peers: the others; None for none.
        hosts: how many, in the scenario with many.
        slow: also run what takes minutes.
    """

    repeats: int
    peers: Peers | None
    hosts: int = 40
    slow: bool = True


def starting(setting: Setting) -> Iterator[Table]:
    """`--help`, next to Python doing nothing."""
    folder = Path.cwd()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    program = str(Path(sys.executable).with_name("seamless-reconcile"))
    lines = {"python -c pass": [sys.executable, "-c", "pass"], f"{OURS} --help": [program, "--help"]}
    commands = {name: Command(argv, env, folder) for name, argv in lines.items()}
    yield Table("Start-up", alternate(commands, max(5, setting.repeats)), "python -c pass")


def one_host(setting: Setting) -> Iterator[Table]:
    """One host with five converged services."""
    with site(1) as here:
        commands: dict[str, Callable[[], Run]] = {
            f"{OURS} plan --passive": reconcile(here, "plan", "--passive"),
            f"{OURS} plan": reconcile(here, "plan"),
            "ssh, call by call": by_hand(here),
            "seamless-service-ps": service_ps(here),
            **_others(here, setting),
        }
        yield Table("One host, five converged services", alternate(commands, setting.repeats), FLOOR)


def many_hosts(setting: Setting) -> Iterator[Table]:
    """Many hosts with five converged services each."""
    with site(setting.hosts) as here:
        commands: dict[str, Callable[[], Run]] = {
            f"{OURS} plan --passive": reconcile(here, "plan", "--passive"),
            f"{OURS} plan": reconcile(here, "plan"),
            **_others(here, setting),
        }
        slow = {"ssh, call by call": by_hand(here), "seamless-service-ps": service_ps(here)}
        figures = alternate(commands, setting.repeats)
        if setting.slow:
            figures |= alternate(slow, 1, warm=False)
        yield Table(f"{setting.hosts} hosts, five converged services each", figures, FLOOR)


def _others(here: Site, setting: Setting) -> dict[str, Command]:
    return others(here, setting.peers) if setting.peers else {}


def restarts(setting: Setting) -> Iterator[Table]:
    """Hashserver and database made cold behind tunnels; then twelve services on three hosts."""
    with restart.storage() as here:
        commands: dict[str, Callable[[], Run]] = {
            OURS: lambda: restart.ours(here),
            "at the helpers' limit": lambda: restart.limit(here),
        }
        if setting.slow:
            commands["by hand, as the guide says"] = lambda: restart.by_hand(here)
        figures = alternate(commands, setting.repeats)
        yield Table(
            "Cold restart of a hashserver and a database behind tunnels", figures, "at the helpers' limit"
        )
    with restart.storage(3, pairs=2) as here:
        twelve = {OURS: lambda: restart.ours(here), "at the helpers' limit": lambda: restart.limit(here)}
        figures = alternate(twelve, max(1, setting.repeats // 2))
        yield Table("The same for twelve services on three hosts", figures, "at the helpers' limit")


# --- planning alone ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Planned:
    """One size of manifest: CPU seconds of each stage (medians), and the memory at most."""

    entries: int
    resources: int
    actions: int
    seconds: dict[str, float]
    memory: int


def planning(setting: Setting, *, sizes: tuple[int, ...] = (1_000, 10_000, 100_000)) -> Iterator[Planned]:
    """Plan for manifests of any size, from what was read."""
    for cold in (0, 10, 2):
        for size in sizes:
            repeats = max(1, setting.repeats if size < sizes[-1] else setting.repeats // 3)
            yield _planned([_plan_once(size, cold) for _ in range(repeats)])


def _plan_once(size: int, cold: int) -> dict[str, object]:
    argv = [sys.executable, "-m", "benchmarks.planning", str(size), str(cold)]
    done = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def _planned(runs: list[dict[str, object]]) -> Planned:
    first = runs[0]
    stages = [run["seconds"] for run in runs]
    seconds = {name: statistics.median(one[name] for one in stages) for name in stages[0]}  # type: ignore[index,attr-defined]
    return Planned(
        int(str(first["entries"])),
        int(str(first["resources"])),
        int(str(first["actions"])),
        seconds,
        max(int(str(run["memory"])) for run in runs),
    )
