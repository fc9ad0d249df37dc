"""Clear a cache completely or say what is left; note databases that are proven cold."""

from __future__ import annotations

import contextlib

from rhl_helpers.rows import PersistentRow
from seamless_reconcile.apply.clearing import Clearing, Forbidden, OutOfReach, directories
from seamless_reconcile.apply.context import Context, Step, done, failed, refused, unneeded
from seamless_reconcile.facts import NOT_OURS, CacheFacts, HostFacts, Receipt
from seamless_reconcile.kinds.cache import COLD, CacheNode, CacheObserved, State, classify, is_cold
from seamless_reconcile.observe.caches import read_cache
from seamless_reconcile.observe.hosts import read_host
from seamless_reconcile.observe.places import with_real_place, with_real_workdirs
from seamless_reconcile.observe.services import process_evidence
from seamless_reconcile.plan import Action
from seamless_reconcile.safety import Refusal, clear_refusal

FIRST_SECOND = 1.05
"""Seconds after which any further write shows in a time of whole seconds."""


def clear(context: Context, action: Action) -> Step:
    """Remove what a cache holds, after asking everything that forbids it once more (S1–S3)."""
    node = next(node for node in context.snapshot.nodes if node.name == action.name)
    host = context.host(node.host)
    seen = look_at(context, node)
    if is_cold(node, seen, served=False) and node.epoch is None:
        return unneeded(f"it is {seen.state.value}")
    holds = seen.state not in (State.ABSENT, State.EMPTY)
    rows = directories(host, node.path) if holds else []
    objection = _may_clear(context, node, seen, action)
    if objection:
        return objection
    context.reach.memory.note_receipt(node.host, node.path, None)
    clearing = Clearing(host, node.path, lambda: _forbids(context, node, seen))
    try:
        problem = clearing.run(rows) if holds else None
    except OutOfReach as exc:
        return failed(
            f"{node.path} was not cleared: {exc} has to be cleared before it, which the guard forbids",
            "put a marker file into that directory, or clear it by hand on that host",
        )
    except Forbidden as exc:
        return failed(f"only part of {node.path} was removed: {exc.refusal.reason}", exc.refusal.hint)
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
    facts = with_real_place(facts, node, context.reach.client)
    return classify(node, facts, {"epoch": context.snapshot.caches[node.name].epoch})


def launched_cold(context: Context, node: CacheNode, seen: CacheObserved) -> bool:
    """Tell whether this run has just launched another service on a database, which is still untouched."""
    fresh = [context.unsettled[name] for name in node.services if name in context.unsettled]
    return any((seen.size, seen.modified) == (first.size, first.modified) for first in fresh)


def _may_clear(context: Context, node: CacheNode, seen: CacheObserved, action: Action) -> Step | None:
    if seen.state is State.UNKNOWN:
        return failed(seen.reason, seen.hint)
    served = any(context.snapshot.services[name].alive for name in node.services)
    changed = not served and action.expects.get("modified") != seen.modified
    # The listing is the very last call before the clear.
    refusal = _forbids(context, node, seen)
    if refusal:
        return refused(refusal.reason, refusal.hint)
    if changed:
        # Nobody of ours was serving it: somebody else has written there since the plan was shown (S7).
        return refused(f"{node.path} has changed since the plan: last modified {seen.modified}")
    return None


def _forbids(context: Context, node: CacheNode, seen: CacheObserved) -> Refusal | None:
    """Ask what forbids a clear (S1–S3), with all that runs there now."""
    listing = read_host(context.host(node.host), [], context.reach.clock)
    listing = with_real_workdirs(listing, context.reach.client)
    then = context.snapshot
    cold = [n.path for n in then.nodes if n.host == node.host and n is not node and then.may_go(n)]
    dead = _proven_dead(context, node, listing)
    return clear_refusal(node, seen, listing, going_down=dead, cold_paths=cold)


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
