"""What stays warm around caches that are to be cold: a run that can read it can still pass falsely."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from rhl_helpers.rows import ServerRow
from seamless_reconcile.declared import CacheState
from seamless_reconcile.desired import Desired
from seamless_reconcile.kinds.cache import COLD, CacheNode
from seamless_reconcile.planner.terrain import Terrain
from seamless_reconcile.snapshot import Snapshot

STORAGE_BINARIES = frozenset({"hashserver", "seamless-database"})


@dataclass(frozen=True, slots=True)
class Above:
    """A warm cache above a cold one.

    Attributes:
        address: of the cold one.
        what: the warm one, for people.
    """

    address: str
    what: str

    @property
    def message(self) -> str:
        """Word the warning."""
        return f"cold, but {self.what}: a run that reads it too can still get cached results"


def warm_above(desired: Desired, snapshot: Snapshot, terrain: Terrain | None = None) -> tuple[Above, ...]:
    """Find, above each cold cache, the ones a run could read beside it.

    A stage has storage of its own, but a program may name further clients to read from, and its
    project's is the next at hand. Either it is in the manifest and not proven cold, or somebody
    serves it now. What nobody serves cannot be read.

    Args:
        desired: the manifest.
        snapshot: what is.
        terrain: who is near whom, where that is known already.
    """
    terrain = terrain or Terrain(desired, snapshot)
    cold = [node for node in snapshot.nodes if node.state is CacheState.COLD]
    return tuple(
        above for node in cold for above in (*_declared(node, snapshot, terrain), *_served(node, terrain))
    )


def _declared(node: CacheNode, snapshot: Snapshot, terrain: Terrain) -> Iterator[Above]:
    for other in terrain.on(node.host).above(node):
        seen = snapshot.caches[other.name]
        if other.state is not CacheState.COLD and seen.state not in COLD:
            yield Above(node.address, f"{other.address} above it is {seen.state.value}")


def _served(node: CacheNode, terrain: Terrain) -> Iterator[Above]:
    for row in terrain.on(node.host).strangers_above(node):
        if row.live and _keeps_data(row):
            yield Above(node.address, f"{row.key} serves {row.workdir} above it")


def _keeps_data(row: ServerRow) -> bool:
    program = (row.command or "").split(" ", 1)[0]
    return posixpath.basename(program) in STORAGE_BINARIES
