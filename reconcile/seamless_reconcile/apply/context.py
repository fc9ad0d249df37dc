"""What every action needs at hand, and the small vocabulary of how a step ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from rhl_helpers.client import ConnectionFile
from rhl_helpers.errors import CallTimeout, ProtocolError, Unreachable
from rhl_helpers.host import Host
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import CacheNode
from seamless_reconcile.kinds.service import ServiceObserved, classify
from seamless_reconcile.observe.hosts import read_host
from seamless_reconcile.observe.services import read_service
from seamless_reconcile.outcomes import Result
from seamless_reconcile.plan import Action, Plan
from seamless_reconcile.ports import Reach
from seamless_reconcile.snapshot import Snapshot

POLL_SECONDS = 0.1
LOST = (CallTimeout, ProtocolError, Unreachable)
"""The call may have taken effect although no usable answer came: look what is."""


class Record(Protocol):
    """The folder in which a run leaves everything it did."""

    @property
    def path(self) -> str:
        """Where it is."""

    @property
    def run_id(self) -> str:
        """What names this run, in the launch meta too."""

    def log_file(self, host: str, key: str) -> AbstractContextManager[BinaryIO]:
        """Open the file a service's log is saved to; it is complete on disk when the block ends."""

    def drop_log(self, host: str, key: str) -> None:
        """Remove that file again: there was no log."""


@dataclass(frozen=True, slots=True)
class Step:
    """How one step ended; `perform` makes an outcome of it."""

    result: Result
    detail: str = ""
    hint: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def done(detail: str = "", **facts: Any) -> Step:
    """Say that the postcondition was observed."""
    return Step(Result.DONE, detail, facts=facts)


def unneeded(detail: str) -> Step:
    """Say that it was so already."""
    return Step(Result.UNNEEDED, detail)


def refused(detail: str, hint: str = "plan again") -> Step:
    """Say that what the action was planned on has changed, or that safety forbids it now (S7)."""
    return Step(Result.REFUSED, detail, hint)


def failed(detail: str, hint: str = "", **facts: Any) -> Step:
    """Say that it was tried and did not work."""
    return Step(Result.FAILED, detail, hint, facts)


@dataclass(slots=True)
class Context:
    """One run of apply.

    Attributes:
        reach: the world, changes allowed.
        replace: addresses the user asked to replace: only these may be stopped without proof.
        killed: processes this run has ended: (host, key, pid). Where nobody reaps them they stay
            zombies, which every helper takes for alive.
        unsettled: databases launched cold, waiting for their receipt.
        say: tells of progress within an action.
    """

    desired: Desired
    plan: Plan
    snapshot: Snapshot
    reach: Reach
    record: Record
    run_id: str
    replace: frozenset[str] = frozenset()
    say: Callable[[Action, str], None] = lambda action, what: None  # noqa: ARG005 - a listener may stay away
    killed: set[tuple[str, str, int]] = field(default_factory=set)
    unsettled: dict[str, Unsettled] = field(default_factory=dict)

    def spec(self, action: Action) -> ServiceSpec:
        """Give the service an action is about."""
        return self.desired.services[action.name]

    def node(self, name: str) -> CacheNode | None:
        """Give the cache of a service, if it has one."""
        return next((node for node in self.snapshot.nodes if name in node.services), None)

    def host(self, name: str) -> Host:
        """Give a host."""
        return self.reach.host(name)

    def listing(self, spec: ServiceSpec) -> HostFacts:
        """Read all rows of a service's host, now."""
        return read_host(self.host(spec.host), [spec.key], self.reach.clock)

    def look(self, spec: ServiceSpec) -> ServiceObserved:
        """Read and judge one service, now."""
        listing = self.listing(spec)
        file = self.reach.client.files().get(spec.key)
        facts = read_service(
            spec,
            self.host(spec.host),
            listing,
            self.reach,
            file=file if isinstance(file, ConnectionFile) else None,
        )
        return classify(spec, facts, listing)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A database that was launched cold: one more look once its first second is over.

    Attributes:
        first_seen: monotonic seconds at which its file was first seen so.
    """

    size: int | None
    modified: str | None
    pid: int
    launch_id: str
    first_seen: float
