"""Clear a cache completely or say what is left; note databases that are proven cold."""

from __future__ import annotations

import contextlib

from rhl_helpers import calls
from rhl_helpers.errors import GuardRefused, HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import PersistentRow
from seamless_reconcile.apply.context import Context, Step, done, failed, refused, unneeded
from seamless_reconcile.facts import NOT_OURS, CacheFacts, HostFacts, Receipt
from seamless_reconcile.kinds.cache import COLD, CacheNode, CacheObserved, State, classify, is_cold
from seamless_reconcile.observe.caches import read_cache
from seamless_reconcile.observe.hosts import read_host
from seamless_reconcile.observe.services import process_evidence
from seamless_reconcile.paths import contains
from seamless_reconcile.plan import Action
from seamless_reconcile.safety import clear_refusal

MAX_DEPTH = 8
"""How deep a tree is searched for directories that have to be cleared on their own."""
MAX_PASSES = 12
FIRST_SECOND = 1.05
"""Seconds after which any further write shows in a time of whole seconds."""


def clear(context: Context, action: Action) -> Step:
    """Remove what a cache holds, after asking everything that forbids it once more (S1–S3)."""
    node = next(node for node in context.snapshot.nodes if node.name == action.name)
    host = context.host(node.host)
    seen = look_at(context, node)
    if is_cold(node, seen, served=False) and node.epoch is None:
        return unneeded(f"it is {seen.state.value}")
    objection = _may_clear(context, node, seen, action)
    if objection:
        return objection
    context.reach.memory.note_receipt(node.host, node.path, None)
    try:
        problem = _clear_all(host, node.path) if seen.state not in (State.ABSENT, State.EMPTY) else None
    except _OutOfReach as exc:
        return failed(
            f"{node.path} was not cleared: {exc} has to be cleared before it, which the guard forbids",
            "put a marker file into that directory, or clear it by hand on that host",
        )
    after = look_at(context, node)
    # With a marker policy nobody can look afterwards: then the helper's own word decides (S9).
    hidden = after.state is State.UNVERIFIABLE and problem is None
    if after.state not in COLD and not hidden:
        return failed(
            f"only part of {node.path} was removed: it is still {after.state.value}"
            + (f"; {problem}" if problem else ""),
            "directories whose names begin with a dot are never removed by rhl-clear; look there by hand",
        )
    context.reach.memory.note_cleared(node.host, node.path, node.epoch)
    return done(f"{node.path} is {after.state.value}", before=seen.view(), after=after.view())


def look_at(context: Context, node: CacheNode) -> CacheObserved:
    """Read and judge one cache, now.

    The epoch is what the plan was made on: the state file that told it may be removed by now.
    """
    facts = read_cache(context.host(node.host), node, context.reach.memory)
    return classify(node, facts, {"epoch": context.snapshot.caches[node.name].epoch})


def launched_cold(context: Context, node: CacheNode, seen: CacheObserved) -> bool:
    """Tell whether this run has just launched another service on a database, which is still untouched."""
    fresh = [context.unsettled[name] for name in node.services if name in context.unsettled]
    return any((seen.size, seen.modified) == (first.size, first.modified) for first in fresh)


def _may_clear(context: Context, node: CacheNode, seen: CacheObserved, action: Action) -> Step | None:
    if seen.state is State.UNKNOWN:
        return failed(seen.reason, seen.hint)
    listing = read_host(context.host(node.host), [], context.reach.clock)
    dead = _proven_dead(context, node, listing)
    then = context.snapshot
    cold = [n.path for n in then.nodes if n.host == node.host and n is not node and then.may_go(n)]
    refusal = clear_refusal(node, seen, listing, going_down=dead, cold_paths=cold)
    if refusal:
        return refused(refusal.reason, refusal.hint)
    planned = action.expects
    served = any(context.snapshot.services[name].alive for name in node.services)
    if not served and planned.get("modified") != seen.modified:
        # Nobody of ours was serving it: somebody else has written there since the plan was shown (S7).
        return refused(f"{node.path} has changed since the plan: last modified {seen.modified}")
    return None


def _proven_dead(context: Context, node: CacheNode, listing: HostFacts) -> frozenset[str]:
    """Give the keys whose row is of a process that was ended, or is none of theirs any more.

    A zombie and a reused pid are listed as alive. A successor has another pid, and counts.
    """
    ended = {
        key
        for host, key, pid in context.killed
        if host == node.host and key in listing.rows and listing.rows[key].pid == pid
    }
    return frozenset(ended) | {
        spec.key
        for spec in context.desired.services.values()
        if spec.host == node.host
        and spec.key in listing.rows
        and process_evidence(spec, listing.rows[spec.key], context.reach) in NOT_OURS
    }


class _OutOfReach(Exception):
    """A directory below the cache that cannot be cleared on its own; its path."""


def _clear_all(host: Host, path: str) -> str | None:
    """Clear a directory in as many passes as it takes; gives what the helper last complained of.

    The helper gives up on a subdirectory that has subdirectories of its own, after removing part of
    it: such directories are cleared by themselves first, the deepest before the others.

    Raises:
        _OutOfReach: the guard forbids that; nothing was removed. A first pass over the cache would
            take its marker along, and leave data behind that nobody may look at any more.
    """
    problem: str | None = None
    _clear_deep(host, _directories(host, path))
    for _ in range(MAX_PASSES):
        try:
            if host.call(calls.clear(path)):
                return None
            problem = "rhl-clear could not remove everything"
        except GuardRefused as exc:
            # Under a marker policy the first pass takes the marker along.
            return exc.detail
        except HelperError as exc:
            return f"{exc.kind}: {exc.detail}"
    return problem


def _clear_deep(host: Host, rows: list[PersistentRow]) -> None:
    parents = {row.path.rpartition("/")[0] for row in rows[1:]}
    for directory in deep_directories(rows):
        try:
            host.call(calls.clear(directory))
        except GuardRefused:
            leaves = (row for row in rows if contains(directory, row.path) and row.path not in parents)
            if any(leaf.state == "populated" for leaf in leaves):
                raise _OutOfReach(directory) from None
        except HelperError:
            # What cannot be done here fails again, and is told of, where the cache itself is cleared.
            return


def _directories(host: Host, path: str) -> list[PersistentRow]:
    try:
        return host.call(calls.ps_persistent(path, level=MAX_DEPTH))
    except HelperError:
        return []


def deep_directories(rows: list[PersistentRow]) -> list[str]:
    """Give the directories below the first that have subdirectories themselves, deepest first."""
    if not rows:
        return []
    root, paths = rows[0].path, [row.path for row in rows]
    parents = {path.rsplit("/", 1)[0] for path in paths[1:]} - {root}
    below = [path for path in paths[1:] if path in parents and "/." not in path[len(root) :]]
    return sorted(below, key=lambda path: (-path.count("/"), path))


# --- receipts ------------------------------------------------------------------------------


def settle_receipts(context: Context) -> None:
    """Note every database launched cold whose file is still as it was right after the launch.

    Its time has whole seconds: a write within its first second could hide. So it is looked at
    again once that second is over, and from then on any write shows.
    """
    clock = context.reach.clock
    for name, first in context.unsettled.items():
        node = context.node(name)
        if node is None:
            continue
        rest = FIRST_SECOND - (clock.monotonic() - first.first_seen)
        if rest > 0:
            clock.sleep(rest)
        facts = read_cache(context.host(node.host), node, context.reach.memory)
        row = file_row(facts)
        if row is not None and (row.size, row.modified) == (first.size, first.modified):
            receipt = Receipt(first.size, first.modified, first.pid, first.launch_id)
            # Without it the database counts as populated; everything was done all the same.
            with contextlib.suppress(OSError):
                context.reach.memory.note_receipt(node.host, node.path, receipt)


def file_row(facts: CacheFacts) -> PersistentRow | None:
    """Give the row of a database's file, if it is there."""
    row = facts.beside or getattr(facts.root, "value", None)
    return row if isinstance(row, PersistentRow) and row.state == "populated" else None
