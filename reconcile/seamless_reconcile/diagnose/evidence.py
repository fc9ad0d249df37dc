"""Everything that was read of one service, before anything is concluded from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rhl_helpers.transport.base import Answer
from seamless_reconcile.declared import ServiceState
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.diagnose.logs import Log
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds import service, tunnel
from seamless_reconcile.kinds.service import Life, ServiceObserved
from seamless_reconcile.kinds.tunnel import TunnelObserved
from seamless_reconcile.observed import Unknown


@dataclass(frozen=True, slots=True)
class Conda:
    """What is known of conda on a service's host.

    Attributes:
        declared: the environment that manifest or cluster file name; None if none.
        cached: whether the host has a conda cache; None if that could not be told.
        environments: the environments in it, as paths.
        base: conda's base.
    """

    declared: str | None = None
    cached: bool | None = None
    environments: tuple[str, ...] = ()
    base: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """A package as it is installed in a service's environment on this machine.

    Attributes:
        location: the checkout of an editable install; empty otherwise.
    """

    package: str
    version: str
    editable: bool = False
    location: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One service, and everything that was read of it.

    Attributes:
        declared: whether a manifest names it.
        on_host: its handshake as its own host sees it; None if it was not asked.
        through: the same through this client's connection.
        port_open: whether its port takes connections, where no handshake was asked for.
        log: the end of its log; None if nobody read it.
        interpreter: the Python that its process runs, where this machine shows it.
        prefix: the Python environment it was launched from, as far as log or process tell.
        installed: its packages there, where this machine shows them.
        passive: whether handshakes were left out.
    """

    spec: ServiceSpec
    host: HostFacts
    seen: ServiceObserved
    tunnel: TunnelObserved
    declared: bool = True
    on_host: Answer | Unknown | None = None
    through: Answer | None = None
    port_open: bool | None = None
    log: Log | Unknown | None = None
    conda: Conda | None = None
    prefix: str = ""
    installed: tuple[Installed, ...] = ()
    passive: bool = False

    @property
    def address(self) -> str:
        """Its address; `key.KEY` where no manifest names it."""
        return f"service.{self.spec.name}" if self.declared else f"key.{self.spec.key}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of this client.

    Attributes:
        variables: environment variables that are set and have a say, by name; secrets left out.
        packages: versions of Seamless's packages on this client.
        traps: variables whose value is known to be in the way.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    traps: tuple[str, ...] = ()


def ailing(spec: ServiceSpec, seen: ServiceObserved, way: TunnelObserved) -> bool:
    """Tell whether a declared service is worth a diagnosis, by what one round of reading concluded."""
    if seen.life is Life.HIDDEN or seen.state in _ILL:
        return True
    if way.state in (tunnel.State.BROKEN, tunnel.State.MISROUTED, tunnel.State.ORPHAN, tunnel.State.UNKNOWN):
        return True
    return spec.state is ServiceState.RUNNING and seen.state in (service.State.STALE, service.State.ABSENT)


_ILL = (
    service.State.FAILED,
    service.State.UNHEALTHY,
    service.State.MALFORMED,
    service.State.MISWIRED,
    service.State.UNKNOWN,
)


def view(value: Any) -> Any:
    """Give an answer, or why there is none, as words."""
    if isinstance(value, Answer):
        return value.value
    return f"unknown: {value.reason}" if isinstance(value, Unknown) else value
