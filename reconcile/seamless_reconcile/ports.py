"""What the shell reaches the world through. The simulated world plugs in here, and so do tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rhl_helpers.client import Client
from rhl_helpers.host import Host
from seamless_reconcile.facts import Receipt

T = TypeVar("T")


class Clock(Protocol):
    """Time, in seconds."""

    def now(self) -> float:
        """Give the wall clock, seconds since the epoch."""

    def monotonic(self) -> float:
        """Give a clock that only goes forward."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Gather(Protocol):
    """Run several reads, at once where that is possible, and give their results in order."""

    def __call__(self, thunks: Sequence[Callable[[], T]]) -> list[T]:
        """Run all; the first exception is raised once all have ended."""


@dataclass(frozen=True, slots=True)
class Launched:
    """What this client remembers of a service it launched or saw well.

    Attributes:
        when: wall clock, seconds.
    """

    pid: int
    port: int | None
    launch_id: str | None
    when: float


class Memory(Protocol):
    """What this client remembers between runs. Losing it costs a clear or a question, never data."""

    def receipt(self, host: str, path: str) -> Receipt | None:
        """Give the note that a database was cold, if there is one."""

    def epoch(self, host: str, path: str) -> str | None:
        """Give the epoch a cache was last cleared for by this client."""

    def launched(self, host: str, key: str) -> Launched | None:
        """Give what is remembered of a service."""

    def ended(self, host: str, key: str) -> int | None:
        """Give the pid this client last ended of a service.

        Where nobody reaps it, it stays listed as alive.
        """

    def note_ended(self, host: str, key: str, pid: int) -> None:
        """Remember that a process was ended."""

    def note_receipt(self, host: str, path: str, receipt: Receipt | None) -> None:
        """Remember that a database is cold, or forget it."""

    def note_cleared(self, host: str, path: str, epoch: str | None) -> None:
        """Remember a clear."""

    def note_launched(self, host: str, key: str, launched: Launched) -> None:
        """Remember a service that answered."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Everything outside this process.

    Attributes:
        host: gives the typed helper calls of a host by name; read-only for every command but apply (S6).
    """

    host: Callable[[str], Host]
    client: Client
    clock: Clock
    gather: Gather
    memory: Memory
