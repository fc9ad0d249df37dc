"""What goes on for long keeps nothing of what it has seen: a client that plans and applies for ever."""

from __future__ import annotations

import gc
import tracemalloc

from simulated.bench import Bench
from simulated.deployments import new_world, trio
from world.cases import FRONTEND

ROUNDS = 1_000
EVERY = 50
"""After so many rounds everything is replaced once."""
OURS = [tracemalloc.Filter(True, f"*/{name}/*") for name in ("seamless_reconcile", "rhl_helpers")]  # noqa: FBT003
ROOM = 16 * 1024


def held(bench):
    """Give how many bytes live that this program's own lines have asked for."""
    # What the simulated world remembers for its own sake.
    bench.world.trace.clear()
    bench.record.logs.clear()
    gc.collect()
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(OURS).traces)


def test_a_thousand_rounds_hold_no_more_than_a_hundred():
    bench = Bench(new_world(FRONTEND), *trio())
    bench.converge()
    tracemalloc.start()
    try:
        for turn in range(1, ROUNDS + 1):
            if turn % EVERY == 0:
                bench.converge(replace=("service.hashserver",))
            assert bench.plan().in_sync
            bench.world.trace.clear()
            if turn == ROUNDS // 10:
                early = held(bench)
        assert held(bench) - early < ROOM
    finally:
        tracemalloc.stop()
