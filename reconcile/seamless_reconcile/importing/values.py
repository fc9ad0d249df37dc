"""What was found, the ways to write it down, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from rhl_helpers.rows import ServerRow
from seamless_reconcile.resolver.frontends import Frontend

IDENTITY = ("cluster", "project", "subproject", "stage", "substage", "mode", "queue", "frontend")
"""The identity fields of a manifest, in the order in which they are written."""


class Form(str, Enum):
    """As what a service is written."""

    IDENTITY = "identity"
    LAUNCHER = "launcher"


@dataclass(frozen=True, slots=True)
class Found:
    """One service that is there, or (with `--all`) could be.

    Attributes:
        machine: its host, as a cluster file tells of it.
        row: its state file; None where there is none, or none that can be read.
        malformed: why its state file cannot be read; empty if it can, or there is none.
        tunnelled: whether this machine reaches it through a forward.
        connected: whether this machine has a connection file of it.
        identity: which service it is, where that is what it was looked for by (`--all`).
    """

    machine: Frontend
    key: str
    row: ServerRow | None = None
    malformed: str = ""
    tunnelled: bool = False
    connected: bool = False
    identity: Mapping[str, str | None] | None = None

    @property
    def host(self) -> str:
        """The ssh name of its machine, or "local"."""
        return self.machine.host

    @property
    def there(self) -> bool:
        """Whether it has a state file."""
        return self.row is not None or bool(self.malformed)


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to write a service down, but for its state and its tunnel.

    Attributes:
        fields: what the entry says, in order; None is written as null.
        sources: where each field comes from, for people.
        notes: what else there is to know of it.
    """

    form: Form
    type: str
    fields: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One service on its way into the manifest.

    Attributes:
        variants: the ways to write it that are left, the best first.
        state, tunnel: what the entry says of them.
        reason: why it is commented out or left out; empty while it is an entry.
        unknown: whether that is because something could not be told.
        observed: what the last look at it showed.
        hint: what to do about the reason.
        tries: how often it has been changed.
    """

    found: Found
    variants: tuple[Variant, ...] = ()
    name: str = ""
    state: str = "running"
    tunnel: str = "auto"
    reason: str = ""
    hint: str = ""
    unknown: bool = False
    observed: Mapping[str, Any] = field(default_factory=dict)
    tries: int = 0

    @property
    def variant(self) -> Variant | None:
        """How it is written; None where it cannot be."""
        return self.variants[0] if self.variants else None

    @property
    def active(self) -> bool:
        """Whether it is an entry of the manifest, not a comment."""
        return self.variant is not None and not self.reason


@dataclass(frozen=True, slots=True)
class HostTold:
    """How far a host could be looked at.

    Attributes:
        reason: why not, or not in full; empty where all was seen.
    """

    name: str
    answered: bool
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """The result.

    Attributes:
        text: the manifest.
        items: everything that was found, in the order of the manifest.
        hosts: every host that was to be looked at.
        in_sync: whether planning with it found everything known, and nothing to do.
        warnings: what planning warns of.
    """

    text: str
    items: tuple[Item, ...]
    hosts: tuple[HostTold, ...]
    in_sync: bool
    passive: bool = False
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def unknown(self) -> bool:
        """Whether something could not be told."""
        return any(host.reason for host in self.hosts) or any(item.unknown for item in self.items)

    @property
    def complete(self) -> bool:
        """Whether everything that was found is an entry."""
        return all(item.active for item in self.items)
