"""Read everything an audit looks at: what is declared, and whatever else lives on those hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from rhl_helpers.client import ConnectionFile
from rhl_helpers.errors import HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.audit.adopt import adopted
from seamless_reconcile.audit.scene import LOOPBACK, Scene, narrowed
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.observe import observe
from seamless_reconcile.observe.hosts import read_host
from seamless_reconcile.observe.tunnels import ClientFacts, read_client
from seamless_reconcile.observed import Unknown
from seamless_reconcile.paths import expand
from seamless_reconcile.planner import make_plan
from seamless_reconcile.ports import Reach
from seamless_reconcile.resolver.frontends import Frontend

_NO_CONNECTION = frozenset({"unreachable", "authentication failed", "host key", "timeout"})


def survey(desired: Desired, machines: Sequence[Frontend], reach: Reach, *, passive: bool = False) -> Scene:
    """Read and judge; nothing is changed anywhere (S6).

    Args:
        desired: what a manifest declares; empty without one.
        machines: further hosts to look at.
        reach: the world, without the power to change it.
        passive: leave out handshakes.
    """
    by_host = {machine.host: machine for machine in machines}
    names = tuple(dict.fromkeys([*desired.hosts, *by_host]))
    known = {name: by_host.get(name) or _like(desired, name) for name in names}
    keys = [spec.key for spec in desired.services.values()]
    listings = {
        facts.host: facts
        for facts in reach.gather([partial(read_host, reach.host(n), keys, reach.clock) for n in names])
    }
    here = read_client(reach.client, forwards=set(names) != {LOCAL})
    everything = Desired({**desired.services, **_adopt(desired, listings, known, here)}, desired.warnings)
    snapshot = observe(
        everything, replace(reach, host=_without_the_dead(reach.host, listings)), passive=passive
    )
    # Hosts with no service at all were only listed; of dead ones the first answer says why.
    dead = {name: facts for name, facts in listings.items() if _is_dead(facts)}
    snapshot = replace(snapshot, hosts={**listings, **snapshot.hosts, **dead})
    return Scene(
        everything,
        snapshot,
        make_plan(desired, narrowed(snapshot, desired)),
        frozenset(desired.services),
        here.files,
        here.forwards,
        here.problem,
        _addresses(everything, known),
    )


def _like(desired: Desired, host: str) -> Frontend:
    """Take what is known of a host from a declared service there."""
    spec = next(spec for spec in desired.services.values() if spec.host == host)
    return Frontend(host, spec.hostname, spec.tunnelled)


def _addresses(desired: Desired, known: Mapping[str, Frontend]) -> dict[str, str]:
    """Give under which addresses each host is known; a loopback address is everybody's own."""
    pairs = [(machine.hostname, host) for host, machine in known.items()]
    pairs += [(spec.hostname, spec.host) for spec in desired.services.values() if spec.host in known]
    found = {name: host for name, host in pairs if name and name not in LOOPBACK}
    return {**found, **{host: host for host in known}}


# --- hosts that do not answer --------------------------------------------------------------


class _Dead:
    """A host that did not answer a moment ago: asking again would only wait again."""

    def __init__(self, host: str, problem: Unknown) -> None:
        self.host = host
        self._problem = problem

    def run(self, *_: Any, **__: Any) -> NoReturn:
        """Fail at once, as it did."""
        kind = self._problem.kind
        error = HelperError(
            self.host, self._problem.reason.removeprefix(f"{kind}: "), hint=self._problem.hint
        )
        error.kind = kind
        raise error

    probe = run

    def close(self) -> None:
        """Nothing to give back."""


def _is_dead(facts: HostFacts) -> bool:
    return facts.problem is not None and facts.problem.kind in _NO_CONNECTION


def _without_the_dead(
    hosts: Callable[[str], Host], listings: Mapping[str, HostFacts]
) -> Callable[[str], Host]:
    """Give hosts of which those that did not answer are not asked again."""

    def host(name: str) -> Host:
        problem = listings[name].problem if name in listings and _is_dead(listings[name]) else None
        return hosts(name) if problem is None else Host(_Dead(name, problem))

    return host


# --- services that nobody declared ---------------------------------------------------------


def _adopt(
    desired: Desired,
    listings: Mapping[str, HostFacts],
    known: Mapping[str, Frontend],
    here: ClientFacts,
) -> dict[str, ServiceSpec]:
    """Make specs of the rows that nobody declared, under names that nobody has."""
    declared = {(spec.host, spec.key) for spec in desired.services.values()}
    found: dict[str, ServiceSpec] = {}
    for host, facts in listings.items():
        folders = _spelled(desired, facts)
        for row in facts.rows.values():
            if (host, row.key) in declared:
                continue
            folder = folders.setdefault(expand(row.workdir, facts.home), row.workdir) if row.workdir else None
            name = row.key
            while name in found or name in desired.services:
                name += "-"
            found[name] = adopted(
                row, host, name=name, hostname=known[host].hostname,
                tunnelled=_tunnelled(known[host], row, here), folder=folder,
            )  # fmt: skip
    return found


def _spelled(desired: Desired, facts: HostFacts) -> dict[str, str]:
    """Give how the manifest spells the directories of its caches on a host: `~/x` is `/home/me/x`."""
    return {
        expand(spec.cache.path, facts.home): spec.cache.path
        for spec in desired.services.values()
        if spec.host == facts.host and spec.cache is not None
    }


def _tunnelled(machine: Frontend, row: ServerRow, here: ClientFacts) -> bool:
    """Tell whether a service is reached through a forward: its own connection file knows best."""
    file = here.files.get(row.key)
    if isinstance(file, ConnectionFile) and file.tunneled_host in (None, machine.host):
        return file.tunneled_host is not None
    return machine.tunnelled
