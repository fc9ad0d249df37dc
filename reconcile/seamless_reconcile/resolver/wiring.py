"""What must hold between resolved services: keys, dependencies, shared directories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from seamless_reconcile.declared import PERSISTENT_TYPES, CacheState, Entry, Problem, ServiceState
from seamless_reconcile.desired import ServiceSpec, Upstream
from seamless_reconcile.manifest.relations import cycles, ring
from seamless_reconcile.resolver.identify import problem
from seamless_reconcile.resolver.launch import Identified

JOB_TYPES = frozenset({"jobserver", "daskserver", "pure_daskserver"})
_ROLE_TYPES = {"buffer": "hashserver", "database": "database"}
_PAIR = ("hashserver", "database")


@dataclass(frozen=True, slots=True)
class Member:
    """One resolved entry; `launcher` services have no identity."""

    entry: Entry
    spec: ServiceSpec
    identity: Identified | None

    @property
    def deployment(self) -> tuple[str | None, ...] | None:
        """What the storage and the job execution of one deployment have in common."""
        if self.identity is None:
            return None
        one = self.identity
        return (one.cluster, one.project, one.subproject, one.stage)


@dataclass(frozen=True, slots=True)
class Wired:
    """The services with their dependencies."""

    services: Mapping[str, ServiceSpec]
    problems: Sequence[Problem]
    warnings: Sequence[tuple[str, str]]


def wire(members: Sequence[Member]) -> Wired:
    """Find dependencies, and what cannot or should not be."""
    storage: dict[tuple[str | None, ...], list[Member]] = defaultdict(list)
    for member in members:
        if member.deployment is not None and member.entry.type in PERSISTENT_TYPES:
            storage[member.deployment].append(member)
    shared = _shared(members)
    by_key = {member.spec.key: member for member in reversed(members)}
    services = {member.entry.name: _linked(member, storage, by_key) for member in members}
    problems = [
        *_one_key(members),
        *_wrong_upstream(members, by_key),
        *_circles(members, services),
        *(problem for group in shared.values() for problem in _contradictions(group)),
    ]
    warnings = [
        *(warning for group in storage.values() for warning in _half_cold(group)),
        *(warning for group in shared.values() for warning in _cleared_along(group)),
        *(warning for member in members for warning in _without(member, storage)),
    ]
    return Wired(services, problems, warnings)


def _linked(
    member: Member, storage: Mapping[tuple[str | None, ...], Sequence[Member]], by_key: Mapping[str, Member]
) -> ServiceSpec:
    implied = [other.entry.name for other in _implied(member, storage)]
    needs = tuple(dict.fromkeys((*implied, *member.entry.depends_on)))
    upstream = tuple(_named(one, by_key.get(one.key)) for one in member.spec.upstream)
    return replace(member.spec, dependencies=needs, upstream=upstream)


def _implied(member: Member, storage: Mapping[tuple[str | None, ...], Sequence[Member]]) -> Sequence[Member]:
    if member.entry.type not in JOB_TYPES or member.deployment is None:
        return ()
    return storage.get(member.deployment, ())


def _named(upstream: Upstream, member: Member | None) -> Upstream:
    """Take an upstream from the manifest's own entry where there is one: it may name another frontend."""
    if member is None:
        return upstream
    spec = member.spec
    return replace(upstream, name=spec.name, host=spec.host, hostname=spec.hostname, workdir=spec.workdir)


def _one_key(members: Sequence[Member]) -> Iterator[Problem]:
    first: dict[str, Member] = {}
    for member in members:
        other = first.setdefault(member.spec.key, member)
        if other is member:
            continue
        same = other.identity == member.identity and other.identity is not None
        why = "they are the same service" if same else "their names run together"
        yield problem(
            member.entry,
            "",
            f"has the key `{member.spec.key}`, as has services.{other.entry.name} ({other.entry.at})",
            f"{why}; a key names one state file and one connection",
        )


def _wrong_upstream(members: Sequence[Member], by_key: Mapping[str, Member]) -> Iterator[Problem]:
    for member in members:
        for upstream in member.spec.upstream:
            other = by_key.get(upstream.key)
            if other is None:
                continue
            if other.entry.type != _ROLE_TYPES[upstream.role] or other.deployment != member.deployment:
                what = f"needs the {_ROLE_TYPES[upstream.role]} with the key `{upstream.key}`"
                yield problem(member.entry, "", f"{what}, which services.{other.entry.name} takes for itself")


def _circles(members: Sequence[Member], services: Mapping[str, ServiceSpec]) -> Iterator[Problem]:
    """Refuse circles that implied edges close; those of declared edges alone are the manifest's own."""
    entries = {member.entry.name: member.entry for member in members}
    declared = {member.entry.name: member.entry.depends_on for member in members if member.entry.depends_on}
    if not declared or cycles(declared):
        return
    edges = {name: spec.dependencies for name, spec in services.items()}
    for cycle in cycles(edges):
        yield problem(
            entries[cycle[0]],
            "depends_on",
            f"its dependencies, implied ones included, go in a circle: {ring(cycle)}",
        )


def _shared(members: Sequence[Member]) -> Mapping[tuple[str, str], Sequence[Member]]:
    """Give the services that use one directory on one host: they share its cache."""
    users: dict[tuple[str, str], list[Member]] = defaultdict(list)
    for member in members:
        if member.spec.cache is not None:
            users[member.spec.host, member.spec.cache.path].append(member)
    return {where: group for where, group in users.items() if len(group) > 1}


def _contradictions(group: Sequence[Member]) -> Iterator[Problem]:
    """Refuse different wishes for one cache."""
    said = [member for member in group if member.entry.cache.explicit]
    for one, other in pairwise(said):
        mine, theirs = other.entry.cache, one.entry.cache
        if (mine.state, mine.epoch) == (theirs.state, theirs.epoch):
            continue
        yield problem(
            other.entry,
            "cache",
            f"wants its cache {_words(mine.state, mine.epoch)}, but services.{one.entry.name} "
            f"wants it {_words(theirs.state, theirs.epoch)}",
            f"both use {other.spec.cache.path if other.spec.cache else ''}",
        )


def _cleared_along(group: Sequence[Member]) -> Iterator[tuple[str, str]]:
    """Tell where a hashserver and a database share one directory; a ro and a rw service do by design."""
    cold = [member for member in group if _is_cold(member)]
    for member in group:
        other = next((one for one in cold if one.entry.type != member.entry.type), None)
        if other is not None and not _is_cold(member):
            path = other.spec.cache.path if other.spec.cache else ""
            message = f"is cleared with cache.{other.entry.name}: both use {path}"
            yield f"cache.{member.entry.name}", message


def _words(state: CacheState, epoch: str | None) -> str:
    return state.value + (f" since epoch {epoch}" if epoch else "")


def _half_cold(group: Sequence[Member]) -> Iterator[tuple[str, str]]:
    """A false pass needs one warm cache only."""
    cold = {kind: [one for one in group if one.entry.type == kind and _is_cold(one)] for kind in _PAIR}
    for kind, other in (_PAIR, _PAIR[::-1]):
        if not cold[kind] or cold[other]:
            continue
        rest = [one.entry.name for one in group if one.entry.type == other]
        what = f"its {other} ({', '.join(rest)}) is not" if rest else f"its {other} is not in the manifest"
        yield (
            f"cache.{cold[kind][0].entry.name}",
            f"cold, but {what}: a cached result can still give a false pass",
        )


def _is_cold(member: Member) -> bool:
    return member.entry.cache.state is CacheState.COLD


def _without(
    member: Member, storage: Mapping[tuple[str | None, ...], Sequence[Member]]
) -> Iterator[tuple[str, str]]:
    if member.entry.state is not ServiceState.RUNNING:
        return
    for kind in _PAIR:
        there = [one.entry for one in _implied(member, storage) if one.entry.type == kind]
        if there and not any(one.state is ServiceState.RUNNING for one in there):
            message = f"should run, but its {kind} ({there[0].name}) should be {there[0].state.value}"
            yield f"service.{member.entry.name}", message
