"""Write, read back, resolve, observe, plan; change or comment out what is not in sync, until all is.

What is promised of the result is not concluded from rules of its own: it is what reading, resolving
and planning, as every other command does them, have just said of that very text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from seamless_reconcile.declared import ManifestError, Problem
from seamless_reconcile.desired import Desired
from seamless_reconcile.importing.gather import Gathered
from seamless_reconcile.importing.text import written
from seamless_reconcile.importing.values import Form, HostTold, Imported, Item
from seamless_reconcile.kinds.service import ServiceObserved, same_command
from seamless_reconcile.kinds.service import State as ServiceIs
from seamless_reconcile.kinds.tunnel import State as TunnelIs
from seamless_reconcile.plan import Plan, Resource, Verdict
from seamless_reconcile.planner import make_plan
from seamless_reconcile.snapshot import Snapshot

Read = Callable[[str], Desired]
"""Read and resolve the text of a manifest; raises ManifestError."""
Look = Callable[[Desired], Snapshot]
"""Observe what a manifest declares."""

_MAX_TRIES = 8


def settle(items: Sequence[Item], gathered: Gathered, read: Read, look: Look, *, passive: bool) -> Imported:
    """Give the manifest of some items that plans as in sync.

    Each round changes or comments out at least one entry, and each is changed a few times at most:
    it ends.
    """
    items, hosts = list(items), gathered.hosts
    while True:
        paper = written(items, hosts)
        try:
            desired = read(paper.text)
        except ManifestError as error:
            items = _refused(items, error, paper.owners)
            continue
        astray = _astray(items, desired)
        if astray:
            items = [
                _dropped(item, "read back, it is another service") if item.name in astray else item
                for item in items
            ]
            continue
        if not desired.services:
            return Imported(paper.text, tuple(items), hosts, in_sync=True, passive=passive)
        snapshot = look(desired)
        plan = make_plan(desired, snapshot)
        items = [_seen(item, snapshot) for item in items]
        failing = _first(_failing(plan), desired)
        if not failing:
            # What was observed stands in the comments.
            final = written(items, hosts).text
            warnings = tuple((one.resource, one.message) for one in plan.warnings)
            return Imported(final, tuple(items), hosts, plan.in_sync, passive, warnings)
        items = [_adjusted(item, desired, snapshot, plan) if item.name in failing else item for item in items]


# --- what cannot be read -------------------------------------------------------------------


def _refused(items: Sequence[Item], error: ManifestError, owners: Mapping[int, str]) -> list[Item]:
    """Go on with the next way to write what a reader refuses."""
    active = [item.name for item in items if item.active]
    wrong: dict[str, Problem] = {}
    for problem in error.problems:
        name = _whose(problem, owners, active)
        if name is not None:
            wrong.setdefault(name, problem)
    if not wrong:
        raise error
    return [_next(item, _said(wrong[item.name])) if item.name in wrong else item for item in items]


def _whose(problem: Problem, owners: Mapping[int, str], active: Sequence[str]) -> str | None:
    """Give the entry that a problem is of: it stands there, or names it where the defaults are to blame."""
    name = owners.get(problem.at.line) if problem.at else None
    named = [one for one in active if problem.message.startswith((f"services.{one}:", f"services.{one}."))]
    return name if name in active else max(named, key=len, default=None)


def _said(problem: Problem) -> str:
    words = problem.message.partition(": ")[2] or problem.message
    return words + (f" ({problem.hint})" if problem.hint else "")


def _astray(items: Sequence[Item], desired: Desired) -> set[str]:
    """Find entries that, read back, are not what they were written for."""
    wanted = {item.name: (item.found.host, item.found.key) for item in items if item.active}
    given = {name: (spec.host, spec.key) for name, spec in desired.services.items()}
    return {name for name, where in wanted.items() if given.get(name) != where}


# --- what is not in sync -------------------------------------------------------------------


def _failing(plan: Plan) -> dict[str, list[Resource]]:
    """Give what is not in sync, by the names of the services it belongs to."""
    failing: dict[str, list[Resource]] = {}
    for resource in plan.resources:
        if resource.verdict is not Verdict.IN_SYNC:
            for name in resource.names:
                failing.setdefault(name, []).append(resource)
    for action in plan.actions:
        failing.setdefault(action.name, [])
    return failing


def _first(failing: Mapping[str, Sequence[Resource]], desired: Desired) -> set[str]:
    """Give those that do not merely follow from another: what they require is in sync."""

    def requires(name: str) -> set[str]:
        spec = desired.services[name]
        return {*spec.dependencies, *(one.name for one in spec.upstream if one.name is not None)}

    return {name for name in failing if not requires(name) & failing.keys()} or set(failing)


def _seen(item: Item, snapshot: Snapshot) -> Item:
    seen = snapshot.services.get(item.name)
    return item if seen is None or not item.active else replace(item, observed=seen.view())


def _adjusted(item: Item, desired: Desired, snapshot: Snapshot, plan: Plan) -> Item:
    """Change an entry into what was observed; comment it out where nothing that can be said is in sync."""
    resources = _failing(plan).get(item.name, [])
    untold = next((one for one in resources if one.verdict is Verdict.UNKNOWN), None)
    if untold is not None:
        return _dropped(item, f"{untold.address} is unknown: {_why(untold, plan)}", unknown=True)
    seen, route = snapshot.services[item.name], snapshot.tunnels[item.name]
    if item.tries >= _MAX_TRIES:
        return _dropped(item, _reason(resources, plan))
    state = _state(seen)
    if state is None:
        return _next(item, _unsettled(seen), seen.hint)
    tunnel = _tunnel(state, route.state)
    if tunnel is None:
        why = f": {route.reason}" if route.reason else ""
        return _dropped(item, f"its tunnel is {route.state.value}{why}", _closing(state))
    if (state, tunnel) != (item.state, item.tunnel):
        return replace(item, state=state, tunnel=tunnel, tries=item.tries + 1)
    spec = desired.services[item.name]
    if state == "running" and not same_command(spec.argv, seen.command):
        return _next(item, _other_command(spec.argv, seen.command))
    return _next(item, _reason(resources, plan))


def _state(seen: ServiceObserved) -> str | None:
    """Give what to say of a service so that nothing is done to it; None where nothing says that."""
    if seen.state is ServiceIs.RUNNING:
        return "running"
    if seen.alive:
        return None
    return "absent" if seen.state is ServiceIs.ABSENT else "stopped"


def _tunnel(state: str, seen: TunnelIs) -> str | None:
    if seen is TunnelIs.CLOSED:
        return "closed" if state == "running" else "auto"
    return "auto" if state == "running" and seen is TunnelIs.OPEN else None


def _closing(state: str) -> str:
    return "" if state == "running" else f"as an entry, `{state}` would have its connection closed"


def _unsettled(seen: ServiceObserved) -> str:
    return f"it is {seen.state.value}" + (f": {seen.reason}" if seen.reason else "")


def _other_command(today: Sequence[str], then: Sequence[str]) -> str:
    """Say how the command line that it was launched with differs from today's."""
    gone, new = _without(then, today), _without(today, then)
    told = [f"{what} {' '.join(words)}" for what, words in (("it had", gone), ("today's has", new)) if words]
    other = "it was launched with another command line than your cluster files give today"
    return f"{other}: {', '.join(told)}" if told else other


def _without(words: Sequence[str], others: Sequence[str]) -> list[str]:
    """Give the words that only one of two command lines has; where the state file is, is not of them."""
    return [
        word
        for index, word in enumerate(words)
        if not any(same_command([word], [other]) or same_command([other], [word]) for other in others)
        and not (index and words[index - 1] == "--status-file")
    ]


def _reason(resources: Sequence[Resource], plan: Plan) -> str:
    told = [f"{one.address} is {one.verdict.value}: {_why(one, plan)}" for one in resources]
    return "; ".join(told) or "planning with it would change something"


def _why(resource: Resource, plan: Plan) -> str:
    blocked = next((one.reason for one in plan.blocked if one.resource == resource.address), "")
    observed = resource.observed.get("reason") or f"it is {resource.observed.get('state')}"
    return blocked or resource.note or str(observed)


def _next(item: Item, reason: str, hint: str = "") -> Item:
    """Take the next way to write it; where there is none, comment it out as it is."""
    if len(item.variants) > 1:
        return replace(item, variants=item.variants[1:], tries=0)
    return _dropped(item, reason, hint)


def _dropped(item: Item, reason: str, hint: str = "", *, unknown: bool = False) -> Item:
    return replace(item, reason=reason, hint=hint, unknown=unknown)


# --- the items themselves ------------------------------------------------------------------


def unreachable(item: Item, hosts: Sequence[HostTold]) -> Item:
    """Comment out what is on a host that could not be asked: nothing is known of it."""
    silent = next((host for host in hosts if host.name == item.found.host and not host.answered), None)
    return item if silent is None else _dropped(item, f"{item.found.host} could not be asked", unknown=True)


def one_of_a_key(items: Sequence[Item]) -> list[Item]:
    """Comment out all but one of those that share a key: it names one state file and one connection."""

    def rank(item: Item) -> tuple[bool, bool]:
        launcher = item.variant is not None and item.variant.form is Form.LAUNCHER
        return (item.state != "running", launcher)

    first: dict[str, Item] = {}
    for item in sorted(items, key=rank):
        if item.active:
            first.setdefault(item.found.key, item)
    return [
        _dropped(
            item, f"{first[item.found.key].found.host} has a service of the same key; a manifest can name one"
        )
        if item.active and first[item.found.key] is not item
        else item
        for item in items
    ]
