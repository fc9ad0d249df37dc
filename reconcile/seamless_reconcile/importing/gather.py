"""Look at hosts, and list what there is, and with `--all` what could be; nothing is changed (S6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rhl_helpers.client import ConnectionFile
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.events import HostRead, OneAtATime, Reading
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.importing.values import Found, HostTold
from seamless_reconcile.observe.hosts import read_host
from seamless_reconcile.observe.tunnels import ClientFacts, read_client
from seamless_reconcile.ports import Reach
from seamless_reconcile.resolver.frontends import Frontend

# What a row without a key is called.
_NAMELESS = "?"

Possible = tuple[Mapping[str, "str | None"], str, str]
"""A service that could be: its identity, the host it would run on, its key."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found, and on which hosts.

    Attributes:
        listings: each host's rows, as they were read.
    """

    found: tuple[Found, ...]
    hosts: tuple[HostTold, ...]
    listings: Mapping[str, HostFacts]


def gather(
    machines: Sequence[Frontend],
    possible: Sequence[Possible],
    reach: Reach,
    *,
    every: bool,
    told: OneAtATime,
) -> Gathered:
    """List all services of some machines.

    Args:
        machines: where to look.
        possible: services that could be there: asked for by their keys where a host cannot list all.
        reach: the world, without the power to change it.
        every: whether those that are not there are wanted too.
        told: who is told of each host that was read.
    """
    here = read_client(reach.client, forwards=any(machine.host != LOCAL for machine in machines))
    keys = {machine.host: _keys(machine.host, possible, here) for machine in machines}
    told.on_event(Reading(tuple(keys)))

    def read(host: str) -> HostFacts:
        began = reach.clock.monotonic()
        facts = read_host(reach.host(host), keys[host], reach.clock)
        problem = facts.problem.reason if facts.problem else ""
        told.on_event(HostRead(host, reach.clock.monotonic() - began, problem))
        return facts

    listings = {facts.host: facts for facts in reach.gather([partial(read, host) for host in keys])}
    found = [one for machine in machines for one in _there(machine, listings[machine.host], here)]
    if every:
        taken = {(one.host, one.key) for one in found}
        by_host = {machine.host: machine for machine in machines}
        for identity, host, key in possible:
            if host in by_host and (host, key) not in taken:
                found.append(_connected(Found(by_host[host], key, identity=identity), here))
                taken.add((host, key))
    return Gathered(tuple(found), tuple(_told(facts, here) for facts in listings.values()), listings)


def _keys(host: str, possible: Sequence[Possible], here: ClientFacts) -> list[str]:
    """Give the keys to ask for one by one where the listing fails."""
    mine = [key for _, where, key in possible if where == host]
    through = [
        key for key, f in here.files.items() if isinstance(f, ConnectionFile) and f.tunneled_host == host
    ]
    return list(dict.fromkeys([*mine, *through]))


def _there(machine: Frontend, facts: HostFacts, here: ClientFacts) -> Iterator[Found]:
    for row in facts.rows.values():
        yield _connected(Found(machine, row.key, row), here)
    for key, bad in facts.malformed.items():
        if key != _NAMELESS:
            yield _connected(Found(machine, key, malformed=bad.reason), here)


def _connected(found: Found, here: ClientFacts) -> Found:
    """Add what this machine's own connection file says: it knows best how a service is reached."""
    file = here.files.get(found.key)
    tunnelled = found.machine.tunnelled
    if isinstance(file, ConnectionFile) and file.tunneled_host in (None, found.host):
        tunnelled = file.tunneled_host is not None
    return replace(found, tunnelled=tunnelled, connected=file is not None)


def _told(facts: HostFacts, here: ClientFacts) -> HostTold:
    problem = facts.problem or here.problem
    answered = facts.problem is None or bool(facts.asked)
    if problem is None and _NAMELESS in facts.malformed:
        return HostTold(facts.host, answered, facts.malformed[_NAMELESS].reason)
    return HostTold(facts.host, answered, problem.reason if problem else "", problem.hint if problem else "")
