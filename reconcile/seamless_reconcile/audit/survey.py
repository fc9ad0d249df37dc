"""Read everything an audit looks at: what is declared, and whatever else lives on those hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

from rhl_helpers.client import ConnectionFile
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.audit.adopt import adopted
from seamless_reconcile.audit.away import Away, is_away, without_the_away
from seamless_reconcile.audit.besides import read_besides
from seamless_reconcile.audit.heard import Heard
from seamless_reconcile.audit.scene import LOOPBACK, Besides, Scene, narrowed
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.events import HostRead, Reading, Reporter, Silent
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.observe import observe
from seamless_reconcile.observe.hosts import read_host
from seamless_reconcile.observe.tunnels import ClientFacts, read_client
from seamless_reconcile.paths import expand
from seamless_reconcile.planner import make_plan
from seamless_reconcile.ports import Clock, Reach
from seamless_reconcile.resolver.frontends import Frontend
from seamless_reconcile.snapshot import Snapshot


def survey(
    desired: Desired,
    machines: Sequence[Frontend],
    reach: Reach,
    *,
    passive: bool = False,
    reporter: Reporter | None = None,
    before: Before | None = None,
) -> Scene:
    """Read and judge; nothing is changed anywhere (S6).

    Args:
        desired: what a manifest declares; empty without one.
        machines: further hosts to look at.
        reach: the world, without the power to change it.
        passive: leave out handshakes.
        reporter: hears what happens.
        before: what earlier looks of a watch found; it is kept up to date.
    """
    by_host = {machine.host: machine for machine in machines}
    names = tuple(dict.fromkeys([*desired.hosts, *by_host]))
    known = {name: by_host.get(name) or _like(desired, name) for name in names}
    progress = _Progress(reporter or Silent(), reach.clock)
    progress.begin(names)
    listings = _list(names, desired, reach, progress, before)
    here = read_client(reach.client, forwards=set(names) != {LOCAL})
    everything = Desired({**desired.services, **_adopt(desired, listings, known, here)}, desired.warnings)
    there = replace(reach, host=without_the_away(reach.host, listings))
    snapshot = _observe(everything, there, progress, before, passive=passive)
    # Hosts with no service at all were only listed; of those away the first answer says why.
    away = {name: facts for name, facts in listings.items() if is_away(facts)}
    snapshot = replace(snapshot, hosts={**listings, **snapshot.hosts, **away})
    besides = read_besides(everything, snapshot, there, before.besides if before else None)
    if before is not None:
        before.besides = besides
    progress.end(snapshot.hosts)
    return Scene(
        everything,
        snapshot,
        make_plan(desired, narrowed(snapshot, desired)),
        frozenset(desired.services),
        here.files,
        here.forwards,
        here.problem,
        _addresses(everything, known),
        besides,
    )


@dataclass(slots=True)
class Before:
    """What the looks of a watch keep for the next one: no more than there are hosts, services and caches."""

    heard: Heard = field(default_factory=Heard)
    away: Away = field(default_factory=Away)
    besides: Besides = field(default_factory=Besides)


class _Progress:
    """Tell of each host once: as soon as all of it was read, or it did not answer."""

    def __init__(self, reporter: Reporter, clock: Clock) -> None:
        self._reporter, self._clock = reporter, clock
        self._lock, self._began, self._left = Lock(), clock.monotonic(), set[str]()

    def begin(self, names: Sequence[str]) -> None:
        self._left = set(names)
        self._reporter.on_event(Reading(tuple(names)))

    def read(self, facts: HostFacts) -> None:
        with self._lock:
            if facts.host in self._left:
                self._left.discard(facts.host)
                took, problem = self._clock.monotonic() - self._began, facts.problem
                self._reporter.on_event(HostRead(facts.host, took, problem.reason if problem else ""))

    def end(self, hosts: Mapping[str, HostFacts]) -> None:
        for facts in hosts.values():
            self.read(facts)


def _list(
    names: Sequence[str], desired: Desired, reach: Reach, progress: _Progress, before: Before | None
) -> dict[str, HostFacts]:
    """List what lives on each host, all at once; those that are away are told of at once."""
    keys = [spec.key for spec in desired.services.values()]

    def ask(name: str) -> HostFacts:
        return read_host(reach.host(name), keys, reach.clock)

    def read(name: str) -> HostFacts:
        facts = (before.away.facts(name) if before else None) or ask(name)
        if is_away(facts):
            progress.read(facts)
        if before is not None:
            before.away.note(name, facts, partial(ask, name))
        return facts

    return {facts.host: facts for facts in reach.gather([partial(read, name) for name in names])}


def _observe(
    desired: Desired, reach: Reach, progress: _Progress, before: Before | None, *, passive: bool
) -> Snapshot:
    """Look at all services; in a watch only those are asked that have not been heard yet."""
    if before is None or passive:
        return observe(desired, reach, passive=passive, told=lambda facts, _: progress.read(facts))
    snapshot = observe(desired, reach, passive=True, told=lambda facts, _: progress.read(facts))
    now = reach.clock.monotonic()
    unasked = before.heard.unasked(desired, snapshot, now)
    if unasked.services:
        before.heard.remember(desired, snapshot, observe(unasked, reach), now)
    return before.heard.filled(desired, snapshot)


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
