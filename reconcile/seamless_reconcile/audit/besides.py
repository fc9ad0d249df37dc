"""Read what an audit looks at beside what a plan reads: guards, clocks, caches inside caches.

All of it is asked of helpers that only read (S6), and of hosts that answered a moment ago. What could
not be learnt is left out: it is worth a note, not an alarm.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from rhl_helpers import calls
from rhl_helpers.errors import GuardRefused, HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import PersistentRow, ServerRow, StampedState
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.audit.idling import read_idle
from seamless_reconcile.audit.scene import Besides, Guard
from seamless_reconcile.declared import CacheState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import DATABASE_FILE, HASHSERVER_MARKER, HOLDS_DATA, CacheNode, State
from seamless_reconcile.kinds.service import State as Runs
from seamless_reconcile.paths import contains, expand
from seamless_reconcile.ports import Clock, Reach
from seamless_reconcile.snapshot import Snapshot

# No deployment has these. A guard refuses a hidden path in any case, and the other one unless it lets
# everything through; where there is no guard, the helper says of both that they are not there.
_HIDDEN = "/.seamless-reconcile-audit"
_NOBODYS = "/seamless-reconcile-audit"

_DEPTH = 4
"""How deep caches are looked for: project, subproject, stage, substage."""
_LOOK_SECONDS = 10.0
_RUN = re.compile(r"(\d{8}T\d{6})-")


def read_besides(desired: Desired, snapshot: Snapshot, reach: Reach, known: Besides | None = None) -> Besides:
    """Read it of every host that answered.

    Args:
        desired: the services.
        snapshot: what was seen of them, and of their hosts.
        reach: the world.
        known: what an earlier look found: it is not asked for again, unless the host was away meanwhile.
    """
    watching, known = known is not None, known or Besides()
    answered = {name: facts for name, facts in snapshot.hosts.items() if facts.problem is None}
    others = [name for name in answered if name != LOCAL]
    nodes = {(node.host, node.path): node for node in snapshot.nodes if _worth_a_look(node, snapshot)}
    guards: dict[str, Guard] = {name: found for name, found in known.guards.items() if name in answered}
    clocks: dict[str, float] = {name: found for name, found in known.clocks.items() if name in answered}
    inner: dict[tuple[str, str], tuple[str, ...]] = {
        place: found for place, found in known.inner.items() if place in nodes
    }

    def guard(name: str) -> None:
        if (found := read_guard(reach.host(name))) is not None:
            guards[name] = found

    def clock(name: str) -> None:
        if (found := read_clock(reach.host(name), answered[name], reach.clock)) is not None:
            clocks[name] = found

    def look(node: CacheNode) -> None:
        if (found := read_inner(reach.host(node.host), node, answered[node.host].home)) is not None:
            inner[node.host, node.path] = found

    unused: dict[tuple[str, str], float] = {}

    def idle(spec: ServiceSpec) -> None:
        if (found := read_idle(reach.host(spec.host), spec.key, reach.clock)) is not None:
            unused[spec.host, spec.key] = found

    # A handshake is a use: only a single look without any has something to tell.
    dated = desired.services.values() if snapshot.passive and not watching else ()
    reach.gather(
        [
            *(partial(idle, spec) for spec in dated if _may_end(spec, snapshot)),
            *(partial(guard, name) for name in others if name not in guards),
            *(partial(clock, name) for name in others if name not in clocks),
            *(partial(look, node) for place, node in nodes.items() if place not in inner),
        ]
    )
    return Besides(guards, clocks, inner, unused)


def _may_end(spec: ServiceSpec, snapshot: Snapshot) -> bool:
    """Tell whether a service dates its requests, and runs: only a hashserver does."""
    return spec.type == "hashserver" and snapshot.services[spec.name].state is Runs.RUNNING


def _worth_a_look(node: CacheNode, snapshot: Snapshot) -> bool:
    """Tell whether other caches may lie inside; those that are to be cold were looked through already."""
    there = snapshot.caches[node.name].state in (*HOLDS_DATA, State.EMPTY)
    return there and node.state is not CacheState.COLD and snapshot.hosts[node.host].problem is None


def read_guard(host: Host) -> Guard | None:
    """Find out by two harmless questions what stands before the helpers; None if that could not be told."""
    try:
        host.call(_listing(_HIDDEN))
    except GuardRefused as refused:
        if "path-policy flag" in refused.detail:
            return Guard.UNPOLICIED
    except HelperError:
        return None
    else:
        return Guard.NONE
    try:
        host.call(_listing(_NOBODYS))
    except GuardRefused as refused:
        return Guard.ROOTS if "--data-roots" in refused.detail else Guard.MARKER
    except HelperError:
        return None
    return Guard.PERMISSIVE


def read_clock(host: Host, facts: HostFacts, clock: Clock) -> float | None:
    """Tell by how many seconds a host's clock is at least ahead of a client's (negative: behind).

    A file cannot have been written later than now, nor before the run began that launched its service.
    """
    row = _dated(facts.rows.values())
    if row is None:
        return None
    try:
        stamped = host.call(calls.inspect_stamped(row.key))
    except HelperError:
        return None
    if not isinstance(stamped, StampedState):
        return None
    began = _began(row)
    behind = began - stamped.mtime if began is not None else 0.0
    ahead = stamped.mtime - clock.now()
    return ahead if ahead > 0 else -behind if behind > 0 else 0.0


def _dated(rows: Iterable[ServerRow]) -> ServerRow | None:
    """Choose the row that tells most of a clock: one whose launch was dated by the client."""
    alive = [row for row in rows if row.live]
    return max(alive, key=lambda row: _began(row) or 0.0, default=None)


def _began(row: ServerRow) -> float | None:
    """Give when the run began that launched a service, by the clock of the client that did."""
    ours = row.meta.get("reconcile")
    found = _RUN.match(str(ours.get("run"))) if isinstance(ours, dict) else None
    try:
        return float(calendar.timegm(time.strptime(found[1], "%Y%m%dT%H%M%S"))) if found else None
    except ValueError:
        return None


def read_inner(host: Host, node: CacheNode, home: str | None) -> tuple[str, ...] | None:
    """Name the caches that hold data and lie inside one, outermost first; None if that could not be told."""
    found: set[str] = set()
    try:
        for call in (
            calls.ps_persistent(node.path, marker=HASHSERVER_MARKER, level=_DEPTH),
            calls.ps_persistent(node.path, file=DATABASE_FILE, level=_DEPTH),
        ):
            rows = host.call(replace(call, timeout=_LOOK_SECONDS))
            found |= {row.path for row in rows if row.state == "populated"}
    except HelperError:
        return None
    place = expand(node.path, home)
    return tuple(sorted(path for path in found if contains(place, path)))


def _listing(path: str) -> calls.Call[list[PersistentRow]]:
    return replace(calls.ps_persistent(path), timeout=_LOOK_SECONDS)
