"""Read one cache directory: what is in it, and which other caches lie below."""

from __future__ import annotations

from rhl_helpers import calls
from rhl_helpers.errors import HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import PersistentRow
from seamless_reconcile.declared import CacheState
from seamless_reconcile.facts import CacheFacts
from seamless_reconcile.kinds.cache import DATABASE_FILE, HASHSERVER_MARKER, NESTING, CacheNode
from seamless_reconcile.observe.hosts import unknown
from seamless_reconcile.observed import Absent, Present, Unknown
from seamless_reconcile.ports import Memory


def read_cache(host: Host, node: CacheNode, memory: Memory) -> CacheFacts:
    """Read a cache; only for one that should be cold, also everything a clear would take along."""
    level = NESTING if node.state is CacheState.COLD else 0
    receipt, epoch = memory.receipt(node.host, node.path), memory.epoch(node.host, node.path)
    try:
        own, root, plain = _root(host, node, level)
    except HelperError as exc:
        return CacheFacts(unknown(exc), receipt=receipt, epoch_cleared=epoch)
    if root is not None and _doubtful(root, node):
        if isinstance(plain, Unknown):
            return CacheFacts(plain, receipt=receipt, epoch_cleared=epoch)
        root = root if plain is not None and plain.path == root.path else None
    if not level and root is None and isinstance(plain, PersistentRow) and plain.state == "populated":
        # Without a marker: is it foreign, or only the parent of caches? That takes a look inside.
        level, own = _deeper(host, node, own)
    place = root.path if root else plain.path if isinstance(plain, PersistentRow) else node.path
    # Where nothing is, nothing can lie inside.
    nothing = len(own) < 2 and _is_bare(plain if plain is not None else root)  # noqa: PLR2004 - its own row
    found, problem = ({}, None) if nothing else _nested(host, node, place, own, level)
    beside = found.pop(place, None) if node.beside else None
    holds = any(isinstance(row, PersistentRow) and row.state == "populated" for row in (root, plain))
    buffers = level > 0 and node.marker == HASHSERVER_MARKER
    children = _children(host, node, place) if (holds and (found or buffers)) or beside else None
    return CacheFacts(
        Present(root) if root else Absent(),
        plain,
        tuple(found.values()),
        problem,
        children,
        beside,
        receipt,
        epoch,
    )


def _root(
    host: Host, node: CacheNode, level: int
) -> tuple[list[PersistentRow], PersistentRow | None, PersistentRow | Unknown | None]:
    """Scan a cache; gives all rows, its own, and its plain one where the own leaves something open.

    A service that starts makes its marker, or its file, between two calls: what holds data but no marker
    is scanned once more before that is believed.
    """
    for last in (False, True):
        own = host.call(_scan(node, level))
        root = next((row for row in own if _can_be_root(row, node)), None)
        bare = root is None or (node.file is not None and root.state == "empty")
        plain = _plain(host, node) if bare or (root is not None and _doubtful(root, node)) else None
        if last or not (bare and isinstance(plain, PersistentRow) and plain.state == "populated"):
            break
    return own, root, plain


def _deeper(host: Host, node: CacheNode, own: list[PersistentRow]) -> tuple[int, list[PersistentRow]]:
    """Scan again, this time what lies below; gives what there was if that is not to be had."""
    try:
        return NESTING, host.call(_scan(node, NESTING))
    except HelperError:
        return 0, own


def _is_bare(row: PersistentRow | Unknown | None) -> bool:
    """Tell whether a row shows that a directory is absent, or has nothing at all in it.

    Asked for by file, a row says `empty` of a directory that holds other things: then the plain row counts,
    which is asked for as well. Asked for by marker, it says so where there is nothing but the marker.
    """
    return isinstance(row, PersistentRow) and row.state in ("absent", "empty")


def _scan(node: CacheNode, level: int) -> calls.Call[list[PersistentRow]]:
    if node.file is not None:
        return calls.ps_persistent(node.path, file=node.file, level=level)
    return calls.ps_persistent(node.path, marker=node.marker, level=level)


def _can_be_root(row: PersistentRow, node: CacheNode) -> bool:
    """Tell whether a row can be the cache's own: the helper prints "~/" expanded."""
    return row.path == node.path or (node.path.startswith("~/") and row.path.endswith(node.path[1:]))


def _doubtful(root: PersistentRow, node: CacheNode) -> bool:
    """Tell whether that row may be of a directory inside, named like the cache itself (S3).

    Where the cache has no marker it has no row, and `~/p` could be mistaken for `~/p/x/p`.
    """
    tail = node.path[1:]
    return node.path.startswith("~/") and f"{tail}/" in f"{root.path[: -len(tail)]}/"


def _nested(
    host: Host, node: CacheNode, place: str, own: list[PersistentRow], level: int
) -> tuple[dict[str, PersistentRow], Unknown | None]:
    """Find other caches of any Seamless kind below, and one of another kind in the same place, by path."""
    found = {row.path: row for row in own if row.path != place and _is_cache(row, node.file is None)}
    if not level:
        return found, None
    problem = None if node.file is None else _too_deep(own, place, level)
    others = []
    if node.marker != HASHSERVER_MARKER:
        others.append(calls.ps_persistent(node.path, marker=HASHSERVER_MARKER, level=level))
    if node.file != DATABASE_FILE:
        others.append(calls.ps_persistent(node.path, file=DATABASE_FILE, level=level))
    try:
        for call in others:
            by_marker = "--marker" in call.argv
            ours = by_marker and HASHSERVER_MARKER in node.markers
            rows = host.call(call)
            for row in rows:
                if _is_cache(row, by_marker) and not (ours and row.path == place):
                    found.setdefault(row.path, row)
            problem = problem or (None if by_marker else _too_deep(rows, place, level))
    except HelperError as exc:
        return found, unknown(exc)
    return found, problem


def _too_deep(rows: list[PersistentRow], place: str, level: int) -> Unknown | None:
    """Say so where directories lie as deep as was looked: what is below them was not (S2)."""
    deepest = place.rstrip("/").count("/") + level
    found = next((row.path for row in rows if row.path.count("/") >= deepest), None)
    return None if found is None else Unknown(f"there are directories {level} levels deep, as {found}")


def _is_cache(row: PersistentRow, by_marker: bool) -> bool:
    """Tell whether a row stands for a cache: it has the marker, or the database's file."""
    return row.state == "populated" or (by_marker and row.state == "empty")


def _plain(host: Host, node: CacheNode) -> PersistentRow | Unknown | None:
    try:
        rows = host.call(calls.ps_persistent(node.path))
    except HelperError as exc:
        return unknown(exc)
    return rows[0] if rows else None


def _children(host: Host, node: CacheNode, place: str) -> tuple[PersistentRow, ...] | None:
    try:
        rows = host.call(calls.ps_persistent(node.path, level=1))
    except HelperError:
        return None
    return tuple(row for row in rows if row.path != place)
