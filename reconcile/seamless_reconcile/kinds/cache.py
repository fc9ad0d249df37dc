"""Caches: directories on hosts, their states, and when one is cold.

A cache is one directory on one host, however many services share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from rhl_helpers.rows import PersistentRow
from seamless_reconcile.declared import CacheState
from seamless_reconcile.desired import Desired
from seamless_reconcile.facts import CacheFacts, Receipt
from seamless_reconcile.observed import Absent, Unknown
from seamless_reconcile.paths import ancestors, contains, expand

KIND = "cache"

HASHSERVER_MARKER = ".HASHSERVER_PREFIX"
DATABASE_FILE = "seamless.db"
NESTING = 10
"""How many levels below a cache are searched for other caches: subproject/…/STAGE-x. Where directories
lie that deep, what they hold could not be told."""


class State(str, Enum):
    """The observed states of a cache (docs/glossary.md)."""

    ABSENT = "absent"
    EMPTY = "empty"
    PRISTINE = "pristine"
    POPULATED = "populated"
    FOREIGN = "foreign"
    UNVERIFIABLE = "unverifiable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CacheNode:
    """One directory that one or more services of the manifest keep their data in.

    Attributes:
        name: the first of them; the address is `cache.<name>`.
        services: all of them, in the manifest's order.
        state: the strictest wish: cold before warm before keep.
        marker: the file without which the directory is not ours.
        file: the file whose presence means data, where only a database lives here.
        beside: the same, where a database lives here beside buffers.
        root: the configured directory it must lie strictly below.
    """

    name: str
    host: str
    path: str
    services: tuple[str, ...]
    state: CacheState
    marker: str
    file: str | None
    epoch: str | None
    root: str | None
    markers: tuple[str, ...] = ()
    beside: str | None = None

    @property
    def address(self) -> str:
        """Give its address."""
        return f"{KIND}.{self.name}"


_STRICTNESS = {CacheState.KEEP: 0, CacheState.WARM: 1, CacheState.COLD: 2}


def cache_nodes(desired: Desired) -> tuple[CacheNode, ...]:
    """Group the services of a manifest by the directory they share, in the manifest's order."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, spec in desired.services.items():
        if spec.cache is not None:
            groups.setdefault((spec.host, spec.cache.path.rstrip("/")), []).append(name)
    return tuple(_node(desired, host, path, names) for (host, path), names in groups.items())


def _node(desired: Desired, host: str, path: str, names: list[str]) -> CacheNode:
    wishes = [wish for name in names if (wish := desired.services[name].cache) is not None]
    strictest = max(wishes, key=lambda wish: _STRICTNESS[wish.state])
    markers = tuple(dict.fromkeys(wish.marker for wish in wishes))
    files = [wish.file for wish in wishes if wish.file is not None]
    buffers = next((wish for wish in wishes if wish.file is None), None)
    return CacheNode(
        name=names[0],
        host=host,
        path=path,
        services=tuple(names),
        state=strictest.state,
        # A hashserver beside a database in one directory: its marker tells more.
        marker=buffers.marker if buffers else strictest.marker,
        file=files[0] if not buffers else None,
        beside=files[0] if buffers and files else None,
        epoch=strictest.epoch,
        root=strictest.root,
        markers=markers,
    )


@dataclass(frozen=True, slots=True)
class Nested:
    """Another cache inside one: it would be cleared along (S2)."""

    path: str
    size: int | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class CacheObserved:
    """One cache as it is.

    Attributes:
        size: bytes, where the helper can tell (a database's file).
        modified: last modification, in the host's local time, whole seconds.
        nested: other caches below it.
        nested_unknown: why it could not be told what is below it.
        epoch: the epoch it was last cleared for, where known.
        real_path: where it really is, on this machine.
        displaced: whether a link leads it elsewhere than its name says.
    """

    state: State
    path: str
    reason: str = ""
    hint: str = ""
    size: int | None = None
    modified: str | None = None
    nested: tuple[Nested, ...] = ()
    nested_unknown: str = ""
    epoch: str | None = None
    refused: bool = False
    real_path: str | None = None
    displaced: bool = False

    def view(self) -> dict[str, Any]:
        """Give what people and programs see of it."""
        shown: dict[str, Any] = {"state": self.state.value, "path": self.path}
        optional = {
            "reason": self.reason or None,
            "size": self.size,
            "modified": self.modified,
            "epoch": self.epoch,
            "nested": [n.path for n in self.nested] or None,
            "real_path": self.real_path if self.displaced else None,
        }
        shown.update({name: value for name, value in optional.items() if value is not None})
        return shown


def classify(
    node: CacheNode, facts: CacheFacts, meta: Mapping[str, Any], launches: Sequence[Launch] = ()
) -> CacheObserved:
    """Tell the state of one cache from what was read of it.

    Args:
        node: which directory.
        facts: what the helpers said.
        meta: what this tool left in the launch meta of a service of this cache (`epoch`).
        launches: who serves it now, to hold against the receipt.
    """
    seen = _judged(node, facts, meta, launches)
    if facts.real_path is None:
        return seen
    return replace(seen, real_path=facts.real_path, displaced=facts.displaced)


def _judged(
    node: CacheNode, facts: CacheFacts, meta: Mapping[str, Any], launches: Sequence[Launch]
) -> CacheObserved:
    epoch = _epoch(node, meta, facts)
    if isinstance(facts.root, Unknown):
        return _not_seen(node, facts.root, epoch)
    # An empty one is cold already: nothing is lost with it.
    nested = tuple(
        Nested(row.path, row.size, row.modified) for row in facts.nested if row.state == "populated"
    )
    below = facts.nested_problem.reason if facts.nested_problem else ""
    if facts.beside is not None:
        return _both(facts.beside, facts, launches, CacheObserved(
            State.POPULATED, facts.beside.path, "", "", facts.beside.size, facts.beside.modified,
            nested, below, epoch,
        ))  # fmt: skip
    if isinstance(facts.root, Absent):
        return _unmarked(node, facts, nested, below, epoch)
    row = facts.root.value

    def seen(state: State, reason: str = "") -> CacheObserved:
        return CacheObserved(state, row.path, reason, "", row.size, row.modified, nested, below, epoch)

    if row.state == "absent":
        return seen(State.ABSENT)
    if row.state == "empty":
        if node.file is not None and _holds_something_else(facts):
            return seen(State.FOREIGN, f"it holds data, but no {node.marker}")
        return seen(State.EMPTY)
    if node.file is not None and _still_as_noted(row, facts.receipt, launches):
        return seen(State.PRISTINE)
    if node.marker == HASHSERVER_MARKER and facts.children and _no_buffers(facts):
        what = "other caches" if facts.nested else "empty directories"
        return seen(State.EMPTY, f"it only holds {what}")
    return seen(State.POPULATED)


def _both(
    file: PersistentRow, facts: CacheFacts, launches: Sequence[Launch], seen: CacheObserved
) -> CacheObserved:
    """Judge a directory in which a database lies beside buffers: new only if both are."""
    if facts.children is None or not _no_buffers(facts):
        return seen
    return replace(seen, state=State.PRISTINE) if _still_as_noted(file, facts.receipt, launches) else seen


def _epoch(node: CacheNode, meta: Mapping[str, Any], facts: CacheFacts) -> str | None:
    """Give the wished epoch if anyone remembers a clear for it, else whichever is remembered."""
    told = meta.get("epoch")
    known = [epoch for epoch in (told if isinstance(told, str) else None, facts.epoch_cleared) if epoch]
    if node.epoch in known:
        return node.epoch
    return known[0] if known else None


@dataclass(frozen=True, slots=True)
class Launch:
    """A process that serves a cache now."""

    pid: int | None
    launch_id: str | None


def _not_seen(node: CacheNode, problem: Unknown, epoch: str | None) -> CacheObserved:
    if problem.refused_marker:
        return CacheObserved(
            State.UNVERIFIABLE,
            node.path,
            "the guard will not let us look: there is no marker in it, or no such directory",
            epoch=epoch,
        )
    return CacheObserved(
        State.UNKNOWN, node.path, problem.reason, problem.hint, epoch=epoch, refused=problem.refused_policy
    )


def _unmarked(
    node: CacheNode, facts: CacheFacts, nested: tuple[Nested, ...], below: str, epoch: str | None
) -> CacheObserved:
    """Judge a directory that is there but carries no marker."""
    plain = facts.plain
    if isinstance(plain, Unknown):
        return _not_seen(node, plain, epoch)
    if plain is None or plain.state in ("absent", "empty"):
        state = State.ABSENT if plain is not None and plain.state == "absent" else State.EMPTY
        return CacheObserved(state, node.path, nested=nested, nested_unknown=below, epoch=epoch)
    if _only_nested(facts):
        # Only a parent of other caches, as a project's folder is before it gets a cache of its own.
        return CacheObserved(
            State.EMPTY,
            node.path,
            "it only holds other caches",
            nested=nested,
            nested_unknown=below,
            epoch=epoch,
        )
    return CacheObserved(
        State.FOREIGN,
        node.path,
        f"it holds data, but no {node.marker}",
        f"if it is yours to clear, put a {node.marker} there; otherwise use another path",
        modified=plain.modified,
        nested=nested,
        nested_unknown=below,
        epoch=epoch,
    )


def _holds_something_else(facts: CacheFacts) -> bool:
    plain = facts.plain
    return isinstance(plain, PersistentRow) and plain.state == "populated" and not _only_nested(facts)


def _only_nested(facts: CacheFacts) -> bool:
    """Tell whether a directory holds other caches, new ones included, and no subdirectory besides.

    Where its subdirectories could not be listed, that is not known, and not assumed (S3).
    """
    return bool(facts.nested) and facts.children is not None and _no_buffers(facts)


def _no_buffers(facts: CacheFacts) -> bool:
    """Tell whether a directory holds no buffers, or other subdirectories, of its own.

    The helper counts any child as content. Buffers lie in subdirectories named by prefix, so where
    every subdirectory is another cache, or leads to one, or is empty, there are none.
    """
    leading = {place for row in facts.nested for place in (row.path, *ancestors(row.path))}
    return all(child.state == "empty" or child.path in leading for child in facts.children or ())


def _still_as_noted(row: PersistentRow, receipt: Receipt | None, launches: Sequence[Launch]) -> bool:
    """Tell whether nothing was stored since the receipt: when in doubt, no.

    The first insert changes the file's time, not its size. Where processes serve it, one of them
    must be the one the receipt was taken of.
    """
    if receipt is None or (row.size, row.modified) != (receipt.size, receipt.modified):
        return False
    return not launches or any(_taken_of(receipt, launch) for launch in launches)


def _taken_of(receipt: Receipt, launch: Launch) -> bool:
    if receipt.launch_id is not None:
        return receipt.launch_id == launch.launch_id
    return receipt.pid is not None and receipt.pid == launch.pid


# --- is it as wished? ----------------------------------------------------------------------

COLD = frozenset({State.ABSENT, State.EMPTY, State.PRISTINE})
HOLDS_DATA = frozenset({State.POPULATED, State.FOREIGN})


def is_cold(node: CacheNode, observed: CacheObserved, *, served: bool) -> bool:
    """Tell whether a cache is cold as wished.

    With an epoch: cleared since that epoch, whatever it holds by now. Without: it holds no results;
    what the guard hides counts as cold only while nothing contradicts, and a live service in it
    would have put its marker there.
    """
    if node.epoch is not None and observed.epoch == node.epoch:
        return True
    if observed.state is State.UNVERIFIABLE:
        return not served
    return observed.state in COLD


def nested_outside(
    observed: CacheObserved, cold_paths: Iterable[str], home: str | None
) -> tuple[Nested, ...]:
    """Give the caches inside one that are not to be cold themselves.

    Args:
        observed: the cache.
        cold_paths: what is to be cold too, as the manifest writes it.
        home: what "~" stands for there; where that is not known, such a path names nothing.
    """
    cold = {expand(path, home) for path in cold_paths}
    return tuple(nested for nested in observed.nested if nested.path not in cold)


def home_by(path: str, real: str) -> str | None:
    """Tell what "~" stands for from a path as written and as the host printed it."""
    if not path.startswith("~/") or not real.startswith("/") or not real.endswith(path[1:]):
        return None
    return real[: -len(path[1:])] or None


def depth_first(nodes: Iterable[CacheNode]) -> list[CacheNode]:
    """Order caches so that what lies inside another comes first."""
    return sorted(nodes, key=lambda node: (-node.path.count("/"), node.path))


def encloses(outer: CacheNode, inner: CacheNode) -> bool:
    """Tell whether one cache lies inside another on the same host."""
    return outer.host == inner.host and contains(outer.path, inner.path)
