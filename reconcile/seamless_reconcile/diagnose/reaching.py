"""From options to diagnoses on the real world."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from seamless_reconcile.desired import Desired
from seamless_reconcile.diagnose.client_error import ClientError
from seamless_reconcile.diagnose.evidence import Case, ailing
from seamless_reconcile.diagnose.knowledge import Knowledge
from seamless_reconcile.diagnose.reading import cases, look, named, of_key
from seamless_reconcile.events import HostRead, OneAtATime, Reading, Reporter
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.ports import Reach
from seamless_reconcile.reaching import Connections, Kind, real_reach
from seamless_reconcile.resolver import resolve_files
from seamless_reconcile.snapshot import Snapshot
from seamless_reconcile.state import FileMemory, state_folder


class NoSuchService(Exception):
    """A name that the manifest does not have; the message says which may be meant."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which services are to be diagnosed.

    Attributes:
        names: those; without any, all that ail.
        all: also those that are well.
        host, key: a service that no manifest names.
    """

    names: tuple[str, ...] = ()
    all: bool = False
    host: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read.

    Attributes:
        cases: the services to diagnose.
        total: how many services were looked at.
    """

    cases: tuple[Case, ...]
    total: int


def read(
    files: Sequence[str],
    wish: Wish,
    client: ClientError | None,
    known: Knowledge,
    *,
    ssh: Kind,
    timeout: float | None,
    environ: Mapping[str, str],
    passive: bool,
    reporter: Reporter,
) -> Looked:
    """Load what is declared, read the evidence, close all connections.

    Raises:
        ManifestError: a manifest is at fault; nothing was contacted.
        NoSuchService: nothing was contacted.
    """
    desired = resolve_files(files, environ=environ)[1] if files else Desired({})
    check(desired, wish.names)
    connections = Connections(ssh, timeout)
    try:
        reach = real_reach(connections.reading, FileMemory(state_folder()), changing=False, timeout=timeout)
        return survey(desired, wish, client, reach, known, passive=passive, reporter=reporter)
    finally:
        connections.close()


def check(desired: Desired, names: Sequence[str]) -> None:
    """Make sure that all names are known.

    Raises:
        NoSuchService: one is not.
    """
    for name in names:
        bare = name.removeprefix("service.")
        if bare in desired.services:
            continue
        near = difflib.get_close_matches(bare, desired.services, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(desired.services) or 'none'}"
        raise NoSuchService(f"the manifest has no service {name}; {hint}")


def survey(
    desired: Desired,
    wish: Wish,
    client: ClientError | None,
    reach: Reach,
    known: Knowledge,
    *,
    passive: bool,
    reporter: Reporter,
) -> Looked:
    """Read the evidence of what is to be diagnosed; nothing is changed anywhere (S6)."""
    one_at_a_time = OneAtATime(reporter)
    names = tuple(name.removeprefix("service.") for name in wish.names)
    if wish.key:
        one_at_a_time.on_event(Reading((wish.host,)))
        spec = of_key(wish.key, wish.host, None, reach)
        desired = Desired({spec.name: spec})
    elif names:
        desired = named(desired, names)
    one_at_a_time.on_event(Reading(desired.hosts))
    snapshot = look(desired, reach, passive=passive, told=partial(_host_read, one_at_a_time))
    chosen = names or [
        name for name in desired.services if wish.key or wish.all or _meant(name, desired, snapshot, client)
    ]
    found = cases(chosen, desired, snapshot, reach, known, declared=not wish.key)
    return Looked(tuple(found), len(desired.services))


def _meant(name: str, desired: Desired, snapshot: Snapshot, client: ClientError | None) -> bool:
    """Tell whether a service ails, or a client's error is about it."""
    spec, seen, way = desired.services[name], snapshot.services[name], snapshot.tunnels[name]
    if ailing(spec, seen, way):
        return True
    if client is None:
        return False
    return spec.type == client.type or bool(client.ports & {way.local_port, seen.port})


def _host_read(to: OneAtATime, facts: HostFacts, seconds: float) -> None:
    to.on_event(HostRead(facts.host, seconds, facts.problem.reason if facts.problem else ""))
