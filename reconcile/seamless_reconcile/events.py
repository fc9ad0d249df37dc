"""What happens during a run, as it happens: for progress on a terminal, for NDJSON, for the record.

A reporter is anything with `on_event`; `Silent` ignores everything, so new events break nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

from seamless_reconcile.outcomes import Outcome
from seamless_reconcile.plan import Action, Plan


@dataclass(frozen=True, slots=True)
class Reading:
    """A pass of reading begins."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostRead:
    """One host was read, or could not be."""

    host: str
    seconds: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The run waits for something it does not do itself."""

    resource: str
    what: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan was made."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Started:
    """An action begins."""

    action: Action


@dataclass(frozen=True, slots=True)
class Progress:
    """An action that takes long says what it is doing."""

    action: Action
    what: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An action ended."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Stopping:
    """The user asked to stop; actions in hand are finished."""

    in_hand: int


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that programs want to know of while it happens, in a command's own words.

    Attributes:
        what: which sort of thing, one word.
        details: what it is, as JSON.
    """

    what: str
    details: Mapping[str, Any]


Event = Reading | HostRead | Waiting | Planned | Started | Progress | Ended | Stopping | Noted


class Reporter(Protocol):
    """Someone who wants to know."""

    def on_event(self, event: Event) -> None:
        """Take one event; called from several threads, one at a time."""


class OneAtATime:
    """Hand events on from any thread, one at a time."""

    def __init__(self, to: Reporter) -> None:
        self._to, self._lock = to, Lock()

    def on_event(self, event: Event) -> None:
        """Hand one on."""
        with self._lock:
            self._to.on_event(event)


class Silent:
    """A reporter that ignores everything."""

    def on_event(self, event: Event) -> None:
        """Ignore it."""
