"""Planning alone, in a process of its own: `python -m benchmarks.planning RESOURCES`; prints JSON.

The manifest goes through the real reader and the real resolver. What the hosts would say is made up
(`scale`); from there on it is what a plan does: decode the rows, conclude, plan.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import scale
from seamless_reconcile.manifest.load import load
from seamless_reconcile.planner import make_plan
from seamless_reconcile.resolver.isolation import isolated
from seamless_reconcile.resolver.resolve import resolve

T = TypeVar("T")


def measured(resources: int, *, cold: int = 10, hosts: int = 40) -> dict[str, Any]:
    """Plan once, in stages; gives the CPU seconds of each, and the memory in MiB.

    Args:
        resources: how many addresses the plan has, about.
        cold: every how-manieth project changes; 0 for none.
        hosts: the machines they are spread over.
    """
    took: dict[str, float] = {}

    def stage(name: str, work: Callable[[], T]) -> T:
        gc.collect()
        began = time.process_time()
        result = work()
        took[name] = round(time.process_time() - began, 4)
        return result

    shape = scale.of_resources(resources, hosts=hosts, cold=cold)
    with tempfile.TemporaryDirectory() as folder:
        environ = {"HOME": folder}
        files = scale.write_manifests(Path(folder), shape)
        with isolated(folder, environ):
            pass  # imports what resolving needs
        manifest = stage("load", lambda: load(files, environ))
        desired = stage("resolve", lambda: resolve(manifest, environ=environ))
    world = scale.world_of(desired)
    rows = stage("decode", lambda: scale.decode(world.rows))
    facts = scale.facts_of(desired, world, rows)
    snapshot = stage("conclude", lambda: scale.snapshot_of(desired, facts))
    plan = stage("plan", lambda: make_plan(desired, snapshot))
    return {
        "entries": len(manifest.entries),
        "resources": len(plan.resources),
        "actions": len(plan.actions),
        "blocked": len(plan.blocked),
        "seconds": took,
        "memory": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]), cold=int(sys.argv[2]) if len(sys.argv) > 2 else 10)))
