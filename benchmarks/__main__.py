"""Measure: `python -m benchmarks [SCENARIO …]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

# The hosts are those of the tests.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from benchmarks import page, profiles, scenarios
from benchmarks.peers import FOLDER, prepare

TABLES = {
    "start": scenarios.starting,
    "one-host": scenarios.one_host,
    "many-hosts": scenarios.many_hosts,
    "restart": scenarios.restarts,
}


def main(words: Sequence[str] | None = None) -> None:
    """Run what is asked for, and print it."""
    asked = _parser().parse_args(words)
    peers = prepare(asked.peers) if asked.peers else None
    setting = scenarios.Setting(asked.repeats, peers, asked.hosts, slow=not asked.quick)
    chosen = asked.scenario or [*TABLES, "planning", "profiles"]
    tables = list(_tables(chosen, setting))
    planned = list(_planned(setting, quick=asked.quick)) if "planning" in chosen else []
    shown = profiles.all_of() if "profiles" in chosen else {}
    text = page.page(setting, tables, planned, shown)
    if asked.write:
        page.write(text)
    else:
        print(text)


def _tables(chosen: Sequence[str], setting: scenarios.Setting) -> Iterator[scenarios.Table]:
    for name in chosen:
        if name in TABLES:
            print(f"{name} …", file=sys.stderr, flush=True)
            yield from TABLES[name](setting)


def _planned(setting: scenarios.Setting, *, quick: bool) -> Iterator[scenarios.Planned]:
    print("planning …", file=sys.stderr, flush=True)
    yield from scenarios.planning(setting, sizes=(1_000, 10_000) if quick else (1_000, 10_000, 100_000))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure how fast it is.")
    names = [*TABLES, "planning", "profiles"]
    parser.add_argument(
        "scenario", nargs="*", metavar="SCENARIO", help=f"{', '.join(names)}; all if left out"
    )
    parser.add_argument("--repeats", type=int, default=5, help="how often each command counts")
    parser.add_argument("--hosts", type=int, default=40, help="how many, in the scenario with many")
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md; do all for that")
    parser.add_argument(
        "--peers", type=Path, default=FOLDER, help="where pyinfra, Ansible and the others are installed"
    )
    parser.add_argument("--no-peers", dest="peers", action="store_const", const=None, help="leave them out")
    return parser


if __name__ == "__main__":
    main()
