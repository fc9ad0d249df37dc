"""The plan: one immutable value from which text, JSON, exit code and apply are all derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

FORMAT_VERSION = 1


class Verb(str, Enum):
    """What an action does."""

    CLOSE_TUNNEL = "close_tunnel"
    SAVE_LOG = "save_log"
    STOP = "stop"
    REMOVE_STATE = "remove_state"
    CLEAR = "clear"
    LAUNCH = "launch"
    OPEN_TUNNEL = "open_tunnel"

    # An enum's own hash is computed in Python, each time: plans look verbs up by the hundred thousand.
    __hash__ = str.__hash__


class Verdict(str, Enum):
    """How a resource stands to what it should be."""

    IN_SYNC = "in_sync"
    DRIFT = "drift"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs."""

    path: str
    observed: Any
    desired: Any


@dataclass(frozen=True, slots=True)
class Resource:
    """One node of the graph as it is and as it should be.

    Attributes:
        address: `kind.name`; for a cache several services share, the first one's name.
        names: all services it belongs to.
        observed: at least `state`; for people and programs.
    """

    address: str
    kind: str
    name: str
    host: str
    key: str
    desired: Mapping[str, Any]
    observed: Mapping[str, Any]
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    requires: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One helper call, or one step on this machine.

    Attributes:
        id: counts from 1, in an order that respects `requires`.
        cause: why, for people.
        requires: ids that must have succeeded before.
        expects: the facts it was planned on; apply refuses the action where they changed (S7).
        promises: what must be observed before it counts as done (S9).
        destructive: whether something is lost for good.
    """

    id: int
    verb: Verb
    resource: str
    name: str
    host: str
    cause: str
    requires: tuple[int, ...] = ()
    expects: Mapping[str, Any] = field(default_factory=dict)
    promises: str = ""
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class Blocked:
    """Something the plan will not do, and why."""

    resource: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something to know that stops nothing."""

    resource: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one round found and intends."""

    resources: tuple[Resource, ...]
    actions: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    warnings: tuple[Warned, ...] = ()

    @property
    def in_sync(self) -> bool:
        """Whether everything is as declared, and known to be."""
        return not self.actions and all(r.verdict is Verdict.IN_SYNC for r in self.resources)

    @property
    def unknown(self) -> bool:
        """Whether something could not be told."""
        return any(r.verdict is Verdict.UNKNOWN for r in self.resources)

    def resource(self, address: str) -> Resource:
        """Give the resource with that address.

        Raises:
            KeyError: if there is none.
        """
        for resource in self.resources:
            if resource.address == address:
                return resource
        raise KeyError(address)
