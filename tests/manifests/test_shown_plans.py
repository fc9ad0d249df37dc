"""The plans that the documents show are plans that the program makes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from seamless_reconcile.desired import Desired
from seamless_reconcile.manifest import load
from seamless_reconcile.plan import Plan
from seamless_reconcile.report.screen import rendered
from seamless_reconcile.report.text import plan_text
from seamless_reconcile.resolver import resolve
from simulated.bench import Bench
from world import World, truth

HOST = "workstation.example.org"
BOTH_COLD = """version: 1
defaults: {cluster: workstation, project: myproject}
services:
  hashserver: {state: running, cache: cold}
  database: {state: running, cache: cold}
"""

Resolve = Callable[[str], Desired]


@pytest.fixture
def with_clusters(root: Path, tmp_path: Path) -> Resolve:
    """Resolve a manifest on the cluster of ssh-with-tunnel.yaml."""
    clusters = (root / "manifests/ssh-with-tunnel.yaml").read_text().partition("\nclusters:")[2]

    def read(body: str) -> Desired:
        path = tmp_path / "m.yaml"
        path.write_text(f"{body}clusters:{clusters}")
        values = {"HOME": str(tmp_path)}
        return resolve(load([path], values), environ=values)

    return read


def workstation() -> World:
    world = World()
    world.add_host(HOST, home="/home/me", conda=b"{}", conda_envs=frozenset({"seamless"}))
    return world


def plan_after(before: Desired, now: Desired, *used: str) -> Plan:
    """Bring services up, have a computation use some of them, and plan."""
    first = Bench(workstation(), *before.services.values())
    assert first.apply().converged
    for name in used:
        truth.use(first.world, HOST, before.services[name].key)
    return Bench(first.world, *now.services.values(), memory=first.memory).plan()


def timeless(text: str) -> str:
    return re.sub(r"port \d+", "port N", re.sub(r"\d{4}-\d\d-\d\dT[\d:]{8}", "T", text))


def shown(page: Path, opening: str) -> str:
    """Give the block of a page that begins so."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if block.lstrip().startswith(opening))
    return str(found)


def test_readme_shows_a_warm_database_made_cold(root: Path, with_clusters: Resolve) -> None:
    desired = with_clusters(BOTH_COLD)
    text = rendered(plan_text(plan_after(desired, desired, "database")), width=100)
    assert timeless(shown(root / "README.md", HOST)) == timeless(text)


def test_lifecycle_shows_the_actions_of_its_manifest(root: Path, with_clusters: Resolve) -> None:
    page = (root / "docs/lifecycle.md").read_text()
    body = page.partition("```yaml\n")[2].partition("```")[0]
    yesterday = with_clusters(body.replace(", cache: cold", ""))
    text = rendered(
        plan_text(plan_after(yesterday, with_clusters(body), "hashserver", "database")), width=110
    )
    actions = text.partition("brackets:\n")[2].partition("\n\n")[0]
    assert shown(root / "docs/lifecycle.md", "1 close_tunnel") == actions + "\n"
