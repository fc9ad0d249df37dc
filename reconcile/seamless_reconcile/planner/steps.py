"""The actions that follow from what was decided, and what each requires.

The order within one chain: close the tunnel, stop the service, save its log, clear its cache,
remove its state, launch it, open the tunnel. Across services: what requires another goes down
before it and comes up after it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any

from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.kinds.cache import CacheNode, CacheObserved
from seamless_reconcile.kinds.cache import State as Stored
from seamless_reconcile.kinds.service import ServiceObserved, State
from seamless_reconcile.plan import Action, Verb
from seamless_reconcile.planner.clears import Clear
from seamless_reconcile.planner.fates import Decision, Fate
from seamless_reconcile.planner.routes import Route
from seamless_reconcile.planner.terrain import Terrain
from seamless_reconcile.snapshot import Snapshot

Handle = tuple[Verb, str]
"""An action before it has a number: what it does to which node."""


@dataclass(slots=True)
class _Draft:
    """The actions in the making."""

    desired: Desired
    snapshot: Snapshot
    actions: dict[Handle, Callable[..., Action]] = field(default_factory=dict)
    requires: dict[Handle, list[Handle]] = field(default_factory=dict)

    def add(self, verb: Verb, kind: str, name: str, host: str, cause: str, **more: Any) -> Handle:
        """Draft one action; its number and what it requires come last."""
        handle = (verb, name)
        self.actions[handle] = partial(
            Action, verb=verb, resource=f"{kind}.{name}", name=name, host=host, cause=cause, **more
        )
        self.requires[handle] = []
        return handle

    def after(self, later: Handle, *earlier: Handle) -> None:
        """Say that an action requires others, where those are drafted at all."""
        if later in self.actions:
            self.requires[later] += [handle for handle in earlier if handle in self.actions]


def draft_actions(
    desired: Desired,
    snapshot: Snapshot,
    terrain: Terrain,
    clears: Mapping[str, Clear],
    fates: Mapping[str, Decision],
    routes: Mapping[str, Route],
) -> tuple[Action, ...]:
    """Give all actions in an order that respects what they require."""
    draft = _Draft(desired, snapshot)
    for name, spec in desired.services.items():
        _draft_route_end(draft, spec, routes[name])
        _draft_service(draft, spec, fates[name])
        _draft_route(draft, spec, routes[name])
    for node in snapshot.nodes:
        if clears[node.name].needed:
            _draft_clear(draft, node, snapshot.caches[node.name], clears[node.name])
    for spec in desired.services.values():
        _link_service(draft, spec)
    for node in snapshot.nodes:
        if clears[node.name].needed:
            _link_clear(draft, node, clears[node.name], terrain)
        if (node.file or node.beside) and (clears[node.name].needed or _holds_nothing(snapshot, node)):
            _link_shared(draft, node)
    return _numbered(draft)


# --- one action each -----------------------------------------------------------------------


def _draft_route_end(draft: _Draft, spec: ServiceSpec, route: Route) -> None:
    if not route.close:
        return
    seen = draft.snapshot.tunnels[spec.name]
    draft.add(
        Verb.CLOSE_TUNNEL, "tunnel", spec.name, "local", route.cause,
        expects=seen.view(),
        promises="no client file, no forward",
    )  # fmt: skip


def _draft_route(draft: _Draft, spec: ServiceSpec, route: Route) -> None:
    if route.open:
        draft.add(
            Verb.OPEN_TUNNEL, "tunnel", spec.name, "local", route.cause,
            expects={"service": "running"},
            promises="the client file leads to the service, and a handshake answers",
        )  # fmt: skip


def _draft_service(draft: _Draft, spec: ServiceSpec, decision: Decision) -> None:
    seen = draft.snapshot.services[spec.name]
    fate, cause, expects = decision.fate, decision.cause, _expects(seen)
    stops = fate in (Fate.RESTART, Fate.STOP) or (fate is Fate.REMOVE and seen.alive)
    if stops and seen.readable:
        draft.add(
            Verb.STOP, "service", spec.name, spec.host, cause,
            expects=expects, promises="the process is gone, the port closed",
        )  # fmt: skip
    if fate not in (Fate.START, Fate.RESTART, Fate.REMOVE):
        return
    if seen.has_log:
        draft.add(
            Verb.SAVE_LOG, "service", spec.name, spec.host, _why_log(fate),
            expects={"key": spec.key}, promises="the whole log lies in the record folder",
        )  # fmt: skip
    if seen.state is not State.ABSENT:
        draft.add(
            Verb.REMOVE_STATE, "service", spec.name, spec.host, cause,
            expects=expects, promises="no state file",
        )  # fmt: skip
    if fate is not Fate.REMOVE:
        draft.add(
            Verb.LAUNCH, "service", spec.name, spec.host, cause,
            expects={"state": State.ABSENT.value}, promises="it runs, and its handshake answers",
        )  # fmt: skip


def _why_log(fate: Fate) -> str:
    return "its log would be out of reach" if fate is Fate.REMOVE else "a launch starts the log anew"


def _expects(seen: ServiceObserved) -> dict[str, Any]:
    """Give what must still be so when the turn of the action comes."""
    facts = {"state": seen.state.value, "pid": seen.pid, "port": seen.port, "launch_id": seen.launch_id}
    return {name: value for name, value in facts.items() if value is not None}


def _draft_clear(draft: _Draft, node: CacheNode, seen: CacheObserved, clear: Clear) -> None:
    draft.add(
        Verb.CLEAR, "cache", node.name, node.host, clear.cause,
        expects=seen.view(), promises="the directory holds nothing", destructive=True,
    )  # fmt: skip


# --- what requires what --------------------------------------------------------------------


def _link_service(draft: _Draft, spec: ServiceSpec) -> None:
    name = spec.name
    close, stop, save = (Verb.CLOSE_TUNNEL, name), (Verb.STOP, name), (Verb.SAVE_LOG, name)
    remove, launch, open_ = (Verb.REMOVE_STATE, name), (Verb.LAUNCH, name), (Verb.OPEN_TUNNEL, name)
    draft.after(stop, close)
    draft.after(save, stop)
    draft.after(remove, stop, save)
    if _read_through_its_client_file(draft.snapshot.services[name]):
        # Cut off between the two, nothing would tell any more which process it was of (L2).
        draft.after(close, remove)
    else:
        draft.after(remove, close)
    draft.after(launch, remove, save, stop, close)
    draft.after(open_, launch, close)
    for needed in spec.dependencies:
        # Down in reverse: a job server must not lose its storage while it still works.
        draft.after((Verb.STOP, needed), stop)
        draft.after(launch, (Verb.LAUNCH, needed))


def _read_through_its_client_file(seen: ServiceObserved) -> bool:
    """Tell whether a state file says nothing itself, so that the client file may be all that leads on."""
    return seen.state is State.MALFORMED and seen.pid is None


def _link_clear(draft: _Draft, node: CacheNode, decided: Clear, terrain: Terrain) -> None:
    clear, ground = (Verb.CLEAR, node.name), terrain.on(node.host)
    draft.after(clear, *((Verb.STOP, name) for name in decided.down))
    draft.after(clear, *((Verb.CLEAR, inner.name) for inner in ground.inside(node)))
    # A malformed state file may hide what else runs there: first that has to go.
    draft.after(clear, *((Verb.REMOVE_STATE, name) for name in ground.hiding))
    for name in ground.launched_near(node):
        draft.after((Verb.LAUNCH, name), clear)


def _holds_nothing(snapshot: Snapshot, node: CacheNode) -> bool:
    return snapshot.caches[node.name].state not in (Stored.PRISTINE, Stored.POPULATED)


def _link_shared(draft: _Draft, node: CacheNode) -> None:
    """Launch those who share a new database one after the other, who may write first.

    A read-only one gives up where there is no file yet.
    """
    services = draft.desired.services
    ordered = sorted(node.services, key=lambda name: services[name].identity.get("mode") == "ro")
    for earlier, later in pairwise(ordered):
        if not _needs(draft.desired, earlier, later):
            draft.after((Verb.LAUNCH, later), (Verb.LAUNCH, earlier))


def _needs(desired: Desired, name: str, other: str) -> bool:
    """Tell whether a service requires another, directly or not."""
    found: set[str] = set()
    todo = [name]
    while todo:
        new = set(desired.services[todo.pop()].dependencies) - found
        found |= new
        todo += new
    return other in found


# --- numbering -----------------------------------------------------------------------------

_TURN = {verb: turn for turn, verb in enumerate(Verb)}


def _numbered(draft: _Draft) -> tuple[Action, ...]:
    """Order the actions by what they require, then by verb, then as the manifest names them."""
    ordered = list(_in_turn(draft))
    number = {handle: index for index, handle in enumerate(ordered, start=1)}
    return tuple(
        draft.actions[handle](
            id=number[handle],
            requires=tuple(sorted(number[first] for first in _nearest(draft.requires, handle))),
        )
        for handle in ordered
    )


def _in_turn(draft: _Draft) -> Iterator[Handle]:
    """Give all actions, each after what it requires; of those that could be next, the first."""
    handles = sorted(draft.actions, key=lambda handle: _TURN[handle[0]])
    place = {handle: index for index, handle in enumerate(handles)}
    sorter = TopologicalSorter(
        {place[then]: [place[first] for first in firsts] for then, firsts in draft.requires.items()}
    )
    sorter.prepare()
    ready: list[int] = []
    while sorter.is_active():
        for one in sorter.get_ready():
            heapq.heappush(ready, one)
        first = heapq.heappop(ready)
        yield handles[first]
        sorter.done(first)


def _nearest(requires: Mapping[Handle, list[Handle]], handle: Handle) -> set[Handle]:
    """Leave out what another requirement requires anyway: a plan that is read should be short."""
    all_of = set(requires[handle])
    return all_of - {further for first in all_of for further in requires[first]}
