"""The catalogue of an audit as the page `docs/reference/findings.md`."""

from __future__ import annotations

from collections.abc import Iterable

from seamless_reconcile.audit.catalogue import CATALOGUE, Rule
from seamless_reconcile.audit.scene import told_of

_KINDS = {"R1": "Services", "R2": "Tunnels", "R3": "Caches", "R4": "Hosts"}

_OPENING = """# Findings

What `seamless-reconcile audit` can find. An id keeps its meaning for ever; new ones may come. This
page is made from `audit/catalogue.py`.

- **error**: something is broken, or could not be told. **warning**: it works, but will bite.
  **info**: worth knowing.
- What only follows from another finding (the tunnel of a dead service, a jobserver wired to it) is
  none of its own.
- `resource` is an address of the manifest (`service.x`, `tunnel.x`, `cache.x`); for what no manifest
  names `key.KEY`, `path.PATH` or `forward.PORT`; for a whole host `host.NAME`.
- In remedies, NAME, KEY, PATH, PIDS and HOST stand for those of the finding; `ssh HOST` falls away on
  this machine, and on another one is followed by the PATH that also finds helpers in a conda base
  environment. HINT is what the finding itself says. *Undeclared*: the remedy where no manifest names
  the resource.

Exit codes: 0 everything was looked at; 2 something at least as grave as `--fail-on` was found; 3
something could not be told (the findings marked *untold*). 2 goes before 3: with `--fail-on error`
(or a lower bar), whatever could not be told is among the findings and fails too.
"""


def catalogue_page() -> str:
    """Give the whole page."""
    parts = [_OPENING]
    for opening, kind in _KINDS.items():
        parts.append(f"\n## {kind}\n")
        parts += _table(rule for id_, rule in CATALOGUE.items() if id_.startswith(opening))
    return "\n".join(parts) + "\n"


def _table(rules: Iterable[Rule]) -> list[str]:
    rows = ["| id | severity | finding | meaning | remedy |", "|---|---|---|---|---|"]
    for rule in rules:
        untold = " *(untold)*" if rule.untold else ""
        remedy = _filled(rule.remedy) + (
            f" *Undeclared:* {_filled(rule.otherwise)}" if rule.otherwise else ""
        )
        rows.append(
            f"| {rule.id} | {rule.severity.value} | {rule.title}{untold} | {rule.meaning} | {remedy} |"
        )
    return rows


def _filled(steps: Iterable[str]) -> str:
    """Give steps in one line, commands as code."""
    names = {
        "name": "NAME", "key": "KEY", "path": "PATH", "pids": "PIDS", "hint": "HINT", "host": "HOST",
        "on": "ssh HOST ", "where": "on HOST",
    }  # fmt: skip
    filled = [step.format(**names) for step in steps]
    return told_of(f"`{step[1:]}`" if step.startswith("$") else step for step in filled)
