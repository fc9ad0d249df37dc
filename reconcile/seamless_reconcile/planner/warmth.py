"""What stays warm around caches that are to be cold: a run that can read it can still pass falsely."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from rhl_helpers.rows import ServerRow
from seamless_reconcile.declared import CacheState
from seamless_reconcile.desired import Desired
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import COLD, CacheNode
from seamless_reconcile.paths import contains, expand
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


def warm_above(desired: Desired, snapshot: Snapshot) -> tuple[Above, ...]:
    """Find, above each cold cache, the ones a run could read beside it.

    A stage has storage of its own, but a program may name further clients to read from, and its
    project's is the next at hand. Either it is in the manifest and not proven cold, or somebody
    serves it now. What nobody serves cannot be read.
    """
    cold = [node for node in snapshot.nodes if node.state is CacheState.COLD]
    return tuple(
        above for node in cold for above in (*_declared(node, snapshot), *_served(node, desired, snapshot))
    )


def _declared(node: CacheNode, snapshot: Snapshot) -> Iterator[Above]:
    home = snapshot.hosts.get(node.host, HostFacts(node.host)).home
    for other in snapshot.nodes:
        seen = snapshot.caches[other.name]
        above = other.host == node.host and contains(expand(other.path, home), expand(node.path, home))
        if above and other.state is not CacheState.COLD and seen.state not in COLD:
            yield Above(node.address, f"{other.address} above it is {seen.state.value}")


def _served(node: CacheNode, desired: Desired, snapshot: Snapshot) -> Iterator[Above]:
    facts = snapshot.hosts.get(node.host, HostFacts(node.host))
    declared = {spec.key for spec in desired.services.values() if spec.host == node.host}
    for row in facts.rows.values():
        if row.key in declared or not row.live or not row.workdir or not _keeps_data(row):
            continue
        if contains(expand(row.workdir, facts.home), expand(node.path, facts.home)):
            yield Above(node.address, f"{row.key} serves {row.workdir} above it")


def _keeps_data(row: ServerRow) -> bool:
    program = (row.command or "").split(" ", 1)[0]
    return posixpath.basename(program) in STORAGE_BINARIES
