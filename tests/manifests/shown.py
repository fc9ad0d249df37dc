"""The plans that the documents show, made by the program itself on the simulated world.

`PYTHONPATH=tests python tests/manifests/shown.py` writes them into the documents anew; a test keeps
them fresh.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from seamless_reconcile.desired import Desired
from seamless_reconcile.manifest import load
from seamless_reconcile.plan import Plan
from seamless_reconcile.report.screen import rendered
from seamless_reconcile.report.text import plan_text
from seamless_reconcile.resolver import resolve
from simulated.bench import Bench
from world import World, truth

ROOT = Path(__file__).resolve().parents[2]
README, LIFECYCLE = ROOT / "README.md", ROOT / "docs/lifecycle.md"
HOST, HOME = "workstation.example.org", "/home/me"
BOTH_COLD = """version: 1
defaults: {cluster: workstation, project: myproject}
services:
  hashserver: {state: running, cache: cold}
  database: {state: running, cache: cold}
"""
_FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> Mapping[Path, tuple[str, str]]:
    """Give for each document how the block begins, and what it should be."""
    return {README: (HOST, _readme()), LIFECYCLE: ("1 close_tunnel", _lifecycle())}


def block_of(page: Path, opening: str) -> str:
    """Give the block of a page that begins so."""
    (found,) = (block for block in _FENCED.findall(page.read_text()) if block.lstrip().startswith(opening))
    return str(found)


def _readme() -> str:
    desired = _resolved(BOTH_COLD)
    return rendered(plan_text(_after(desired, desired, "database")), width=100)


def _lifecycle() -> str:
    body = LIFECYCLE.read_text().partition("```yaml\n")[2].partition("```")[0]
    yesterday = _resolved(body.replace(", cache: cold", ""))
    plan = _after(yesterday, _resolved(body), "hashserver", "database")
    text = rendered(plan_text(plan), width=100)
    return text.partition("brackets:\n")[2].partition("\n\n")[0] + "\n"


def _resolved(body: str) -> Desired:
    """Resolve a manifest on the cluster of ssh-with-tunnel.yaml."""
    clusters = (ROOT / "manifests/ssh-with-tunnel.yaml").read_text().partition("\nclusters:")[2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.yaml"
        path.write_text(f"{body}clusters:{clusters}")
        values = {"HOME": folder}
        return resolve(load([path], values), environ=values)


def _after(before: Desired, now: Desired, *used: str) -> Plan:
    """Bring services up, have a computation use some of them, and plan."""
    world = World()
    world.add_host(HOST, home=HOME, conda=b"{}", conda_envs=frozenset({"seamless"}))
    first = Bench(world, *before.services.values())
    if not first.apply().converged:
        raise RuntimeError("what the documents tell of does not converge")
    for name in used:
        truth.use(world, HOST, before.services[name].key)
    return Bench(world, *now.services.values(), memory=first.memory).plan()


if __name__ == "__main__":
    for document, (beginning, wanted) in blocks().items():
        document.write_text(document.read_text().replace(block_of(document, beginning), wanted))
