"""What becomes of each resource of a plan, in the words and symbols that all formats share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from seamless_reconcile.plan import Action, Plan, Resource, Verb, Verdict


class Doing(Enum):
    """What a plan does with one resource: a symbol, and the word that says the same."""

    NOTHING = ("", "")
    START = ("+", "start")
    RESTART = ("-/+", "restart")
    STOP = ("-", "stop")
    REMOVE = ("-", "remove")
    CLEAR = ("!", "clear")
    OPEN = ("+", "open")
    REPLACE = ("-/+", "replace")
    CLOSE = ("-", "close")
    BLOCKED = ("x", "blocked")
    UNKNOWN = ("?", "unknown")
    LEFT = ("~", "left as it is")

    @property
    def symbol(self) -> str:
        """Give the sign in front of the line; empty for what is in sync."""
        return self.value[0]

    @property
    def word(self) -> str:
        """Give the word for it."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Doings:
    """What becomes of every resource of one plan, by address."""

    of: Mapping[str, Doing]

    def count(self, kind: str, doing: Doing) -> int:
        """Count the resources of a kind that something becomes of."""
        opening = kind + "."
        return sum(1 for address, what in self.of.items() if what is doing and address.startswith(opening))

    def total(self, doing: Doing) -> int:
        """Count all resources that something becomes of."""
        return sum(1 for what in self.of.values() if what is doing)


def doings(plan: Plan) -> Doings:
    """Say what becomes of each resource."""
    verbs: dict[str, set[Verb]] = {}
    for action in plan.actions:
        verbs.setdefault(action.resource, set()).add(action.verb)
    refused = {blocked.resource for blocked in plan.blocked}
    return Doings(
        {
            resource.address: _doing(resource, verbs.get(resource.address, set()), refused)
            for resource in plan.resources
        }
    )


def _doing(resource: Resource, verbs: set[Verb], refused: set[str]) -> Doing:
    if resource.verdict is Verdict.UNKNOWN:
        return Doing.UNKNOWN
    if resource.verdict is Verdict.BLOCKED:
        return Doing.BLOCKED
    if not verbs:
        return _undone(resource, refused)
    for needed, doing in _BY_VERBS:
        if needed <= verbs:
            return doing
    return Doing.LEFT


def _undone(resource: Resource, refused: set[str]) -> Doing:
    if resource.address in refused:
        return Doing.BLOCKED
    return Doing.NOTHING if resource.verdict is Verdict.IN_SYNC else Doing.LEFT


# First match wins: what has more verbs stands before what has fewer.
_BY_VERBS: tuple[tuple[frozenset[Verb], Doing], ...] = (
    (frozenset({Verb.STOP, Verb.LAUNCH}), Doing.RESTART),
    (frozenset({Verb.LAUNCH}), Doing.START),
    (frozenset({Verb.REMOVE_STATE}), Doing.REMOVE),
    (frozenset({Verb.STOP}), Doing.STOP),
    (frozenset({Verb.CLEAR}), Doing.CLEAR),
    (frozenset({Verb.CLOSE_TUNNEL, Verb.OPEN_TUNNEL}), Doing.REPLACE),
    (frozenset({Verb.OPEN_TUNNEL}), Doing.OPEN),
    (frozenset({Verb.CLOSE_TUNNEL}), Doing.CLOSE),
)


# --- the summary line ----------------------------------------------------------------------


def summary(plan: Plan, found: Doings | None = None) -> str:
    """Give the one line that says it all (section 6 of the contract)."""
    found = found or doings(plan)
    if plan.in_sync and not plan.blocked:
        return in_sync_line(plan)
    done = _counted(found)
    left = [
        f"{number} {word}."
        for number, word in (
            (found.total(Doing.BLOCKED), "blocked"),
            (found.total(Doing.UNKNOWN), "unknown"),
            (found.total(Doing.LEFT), "left as it is"),
        )
        if number
    ]
    return " ".join([f"Plan: {', '.join(done) or 'nothing to do'}.", *left])


def in_sync_line(plan: Plan) -> str:
    """Say that everything is as declared, and how much that is."""
    kinds = Counter(resource.kind for resource in plan.resources)
    parts = [plural(kinds[kind], kind) for kind in ("service", "cache", "tunnel") if kinds[kind]]
    return f"In sync: {', '.join(parts) or 'nothing'} as declared."


def _counted(found: Doings) -> list[str]:
    services = [(found.count("service", doing), doing) for doing in _SERVICES]
    parts = [f"{number} to {doing.word}" for number, doing in services if number]
    clears = found.total(Doing.CLEAR)
    if clears:
        parts.append(f"{plural(clears, 'cache')} to clear")
    tunnels = [(found.count("tunnel", doing), doing) for doing in _TUNNELS]
    return parts + [f"{plural(number, 'tunnel')} to {doing.word}" for number, doing in tunnels if number]


_SERVICES = (Doing.START, Doing.RESTART, Doing.STOP, Doing.REMOVE)
_TUNNELS = (Doing.OPEN, Doing.REPLACE, Doing.CLOSE)


def plural(number: int, noun: str) -> str:
    """Give "1 cache", "2 caches"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def phrase(action: Action) -> str:
    """Say what an action does, to what and where: `stop service.hashserver on frontend`."""
    where = "" if action.resource.startswith("tunnel.") else f" on {action.host}"
    return f"{_VERBS[action.verb]} {action.resource}{where}"


_VERBS: Mapping[Verb, str] = {
    Verb.CLOSE_TUNNEL: "close",
    Verb.SAVE_LOG: "save the log of",
    Verb.STOP: "stop",
    Verb.REMOVE_STATE: "remove the state of",
    Verb.CLEAR: "clear",
    Verb.LAUNCH: "launch",
    Verb.OPEN_TUNNEL: "open",
}
