"""What the reads of one round gave, before anything is concluded from it.

Facts are raw: the rules that turn them into states are in `seamless_reconcile.kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from rhl_helpers.client import ConnectionFile, Forward, MalformedFile
from rhl_helpers.rows import MalformedRow, PersistentRow, ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.observed import Absent, Present, Unknown


class Evidence(Enum):
    """What is known of the process behind a row's pid, beyond "a process with that number exists"."""

    OURS = "ours"
    ZOMBIE = "zombie"
    STRANGER = "stranger"
    GONE = "gone"
    NONE = "none"


NOT_OURS = frozenset({Evidence.ZOMBIE, Evidence.STRANGER, Evidence.GONE})
"""Whoever has that pid, if anybody: it is not the service."""


@dataclass(frozen=True)
class HostFacts:
    """All launcher rows of one host. Without slots: what is looked up again and again is kept beside it.

    Attributes:
        rows: every row that could be read, by key; for failed services, on whose pid `rhl-ps` does
            not look, `live` was asked for separately.
        malformed: state files that are not what the protocol says.
        problem: why the listing as a whole failed. With rows, some state files are unreadable and
            others may be hidden: nothing can be proven about what else lives there.
        asked: keys whose state file was read by itself after that: of these, absence is proven.
        unread: those of them whose own reading failed too.
        hidden_by: keys of this manifest whose malformed state file is what made the listing fail.
        home: the service account's home there, where a row gives it away.
    """

    host: str
    rows: Mapping[str, ServerRow] = field(default_factory=dict)
    malformed: Mapping[str, MalformedRow] = field(default_factory=dict)
    problem: Unknown | None = None
    asked: frozenset[str] = frozenset()
    unread: Mapping[str, Unknown] = field(default_factory=dict)
    hidden_by: frozenset[str] = frozenset()
    home: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every row of the host was seen."""
        return self.problem is None

    @cached_property
    def live_ports(self) -> frozenset[int]:
        """The ports of all live services."""
        return frozenset(row.port for row in self.rows.values() if row.live and row.port)

    @cached_property
    def claims(self) -> Mapping[int, tuple[ServerRow, ...]]:
        """The live rows that say they run, by the port they claim."""
        found: dict[int, list[ServerRow]] = {}
        for row in self.rows.values():
            if row.live and row.json_status == "running" and row.port is not None:
                found.setdefault(row.port, []).append(row)
        return {port: tuple(rows) for port, rows in found.items()}


@dataclass(frozen=True, slots=True)
class Ghost:
    """Signs of a live process of a key whose state file does not lead to it."""

    port: int
    pid: int | None
    source: str


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What was read of one service.

    Attributes:
        row: its state file.
        answer: how its handshake went; None if it was not asked.
        evidence: what is known of the process with its pid.
        seen_well: this client saw that very pid answer not long ago.
        age: seconds since the state file was written, as far as the two clocks agree; None if unknown.
        ghost: signs of life where the row shows none.
        pid_alive: for a malformed state file that names a pid: whether it exists.
        has_log: whether there is a log; None if nobody asked.
        leads: how many ports were tried in search of a ghost; None if nobody searched.
        twin: an earlier launch of this client that still answers beside the process of the row.
    """

    row: Present[ServerRow] | Absent | MalformedRow | Unknown
    answer: Answer | Unknown | None = None
    evidence: Evidence = Evidence.NONE
    seen_well: bool = False
    age: float | None = None
    ghost: Ghost | None = None
    pid_alive: bool | None = None
    has_log: bool | None = None
    leads: int | None = None
    twin: Ghost | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What this client noted when it last proved a database cold: any write changes one of these.

    Attributes:
        size: bytes.
        modified: the file's time as the helper prints it (host-local, whole seconds).
        pid: the process that served it then.
        launch_id: the launch it belonged to.
    """

    size: int | None
    modified: str | None
    pid: int | None
    launch_id: str | None


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """What was read of one cache directory.

    Attributes:
        root: the directory's own row; Absent where the helper gave none (no marker in it).
        plain: the row without any marker or file, where it was asked for.
        nested: rows of directories below that hold a cache of their own.
        children: rows of all direct subdirectories, where it was asked for.
        beside: the row of a database's file, where buffers lie in the same directory.
        receipt: this client's note that it was cold, if there is one.
        epoch_cleared: the epoch this client last cleared it for.
        real_path: where it really is; None on other machines, where nobody can look.
        displaced: whether a link at or below the configured root leads it elsewhere.
    """

    root: Present[PersistentRow] | Absent | Unknown
    plain: PersistentRow | Unknown | None = None
    nested: tuple[PersistentRow, ...] = ()
    nested_problem: Unknown | None = None
    children: tuple[PersistentRow, ...] | None = None
    beside: PersistentRow | None = None
    receipt: Receipt | None = None
    epoch_cleared: str | None = None
    real_path: str | None = None
    displaced: bool = False


@dataclass(frozen=True, slots=True)
class TunnelFacts:
    """What was read of one connection on this machine.

    Attributes:
        file: the client's connection file.
        forwards: this user's forwards to the service's host that begin or end at a port of its own.
        answer: how the handshake through the connection went; None if it was not asked.
        named_ports: those of their local ports that connection files of other services name: what
            listens there is theirs.
    """

    file: ConnectionFile | MalformedFile | None
    forwards: tuple[Forward, ...] = ()
    answer: Answer | None = None
    named_ports: frozenset[int] = frozenset()
    problem: Unknown | None = None
