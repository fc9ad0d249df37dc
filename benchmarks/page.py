"""docs/performance.md, from one run."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.measure import Figures
from benchmarks.peers import Peers
from benchmarks.scenarios import Planned, Setting, Table

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_TOLD = (
    "paramiko", "pydantic", "pyyaml", "networkx", "deepdiff", "rich",
    "remote-http-launcher", "seamless-config", "hashserver", "seamless-database",
)  # fmt: skip

_HEAD = """\
# How fast it is

Written by `python -m benchmarks --write`; do not edit. Every table comes from one run on one machine,
its commands in turn, so what counts are the ratios in it. Seconds are wall time: the median, then the
quickest and the slowest run. Hosts are real sshd servers on loopback ports of the same machine, so their
share of the work is in every figure.

How to measure anew: on a machine that does nothing else, `make bench`, or
`python -m benchmarks --repeats 9 --write`. `python -m benchmarks --help` tells of the parts.

The *floor* is libssh2 in a tight loop that makes the same helper calls over one connection a host, and
looks at nothing: what is left is what sshd and the helpers take.
"""

_SETTINGS = """\
## How the others were set up

- *ssh, call by call*: `ssh HOST HELPER`, one after the other, as one types it.
- *seamless-service-ps*: `--persistent`, with `--cluster` for one host and `--all-clusters` for many.
- *pyinfra*: one `server.shell` with all of a host's calls, `--parallel` for all hosts at once.
- *ansible*: the `raw` module (no Python on the host), pipelining, forks for all hosts at once, its own
  ControlPersist.
- *parallel-ssh*: its libssh2 client, a pool for all hosts, one round for each call.
- *at the helpers' limit*: only what has to be done, all services at once over connections that are
  there: `rhl-stop`, `rhl-clear`, `rhl-rm`, `rhl-launch-service`, `rhl-inspect` every 0.1 s, a plain
  `ssh -N -L`, a request through it. No plan, no saved log, no look before an act.
- *by hand, as the guide says*: `seamless-service-stop`, `-clear` and `-rm` of both, an end to the old
  forwards, then `seamless-init`, which launches both and opens their tunnels. Nobody reads or types in
  between.
"""


def page(
    setting: Setting, tables: Sequence[Table], planned: Sequence[Planned], profiles: dict[str, str]
) -> str:
    """Give the whole page."""
    parts = [_HEAD, _machine(setting.peers), *(_table(table) for table in tables)]
    parts += [_planning(planned)] if planned else []
    parts += [_SETTINGS]
    parts += [f"## Where the time goes: {title}\n\n```\n{text}\n```\n" for title, text in profiles.items()]
    return "\n".join(parts)


def _machine(peers: Peers | None) -> str:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _TOLD]
    theirs = [f"{name} {version}" for name, version in (peers.versions if peers else {}).items()]
    load, system = os.getloadavg()[0], platform.system()
    lines = [
        f"- {_processor()}, {os.cpu_count()} cores, {system}; load at the end of the run {load:.1f}",
        f"- Python {platform.python_version()}; {', '.join(versions)}",
        f"- the others: {', '.join(theirs) or 'none could be installed'}",
    ]
    return "## The machine\n\n" + "\n".join(lines) + "\n"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _table(table: Table) -> str:
    base = table.figures.get(table.base)
    rows = [_row(name, figures, base) for name, figures in sorted(table.figures.items(), key=_by_median)]
    head = ["", "seconds", "quickest to slowest", f"times {table.base}" if base else "", "MiB"]
    return f"## {table.title}\n\n{_grid([head, *rows])}\n" + "".join(f"\n{note}\n" for note in table.notes)


def _by_median(item: tuple[str, Figures]) -> float:
    return item[1].median


def _row(name: str, figures: Figures, base: Figures | None) -> list[str]:
    low, high = figures.spread
    ratio = f"{figures.median / base.median:.2f}" if base else ""
    memory = f"{figures.memory:.0f}" if figures.memory else ""
    runs = "" if len(figures.runs) > 1 else " (one run)"
    return [name, f"{figures.median:.3f}{runs}", f"{low:.3f} to {high:.3f}", ratio, memory]


def _planning(planned: Sequence[Planned]) -> str:
    stages = list(planned[0].seconds)
    head = ["entries", "resources", "actions", *stages, "conclude + plan", "MiB"]
    rows = [
        [
            f"{one.entries:,}", f"{one.resources:,}", f"{one.actions:,}",
            *(f"{one.seconds[stage]:.3f}" for stage in stages),
            f"{one.seconds['conclude'] + one.seconds['plan']:.3f}", str(one.memory),
        ]
        for one in planned
    ]  # fmt: skip
    text = (
        "CPU seconds of each stage, without a network: the manifest goes through the real reader (`load`)\n"
        "and the real resolver (`resolve`: mostly seamless-config's own work); what hosts would say is made\n"
        "up, decoded (`decode`), judged (`conclude`) and planned (`plan`). First nothing changes, then\n"
        "every tenth project, then every second one.\n"
    )
    return f"## Planning alone\n\n{text}\n{_grid([head, *rows])}\n"


def _grid(rows: Iterable[Sequence[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rest]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(text: str) -> None:
    """Write the page."""
    PAGE.write_text(text, encoding="utf-8")
    print(f"written: {PAGE}", file=sys.stderr)
