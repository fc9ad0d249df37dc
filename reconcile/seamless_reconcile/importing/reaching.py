"""From options to a manifest of what is there; and the same on the real world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rhl_helpers.text import safe
from seamless_reconcile.audit.adopt import type_of
from seamless_reconcile.audit.away import without_the_away
from seamless_reconcile.declared import Entry, Manifest, ManifestError, Problem
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.events import OneAtATime, Reporter, Silent
from seamless_reconcile.importing.gather import Gathered, Possible, gather
from seamless_reconcile.importing.identities import identities, located, possible
from seamless_reconcile.importing.launchers import launchers
from seamless_reconcile.importing.names import named, order
from seamless_reconcile.importing.settle import one_of_a_key, settle, unreachable
from seamless_reconcile.importing.values import Found, Imported, Item, Variant
from seamless_reconcile.manifest.entries import entries_of
from seamless_reconcile.manifest.environment import Environment
from seamless_reconcile.manifest.load import parse
from seamless_reconcile.manifest.problems import nearest
from seamless_reconcile.observe import observe
from seamless_reconcile.ports import Reach
from seamless_reconcile.resolver import resolve
from seamless_reconcile.resolver.frontends import Frontend
from seamless_reconcile.resolver.landscape import Landscape, landscape, resolve_each

if TYPE_CHECKING:
    from seamless_reconcile.reaching import Kind


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to import.

    Attributes:
        clusters, hosts: where to look; neither: the cluster that the working folder selects.
        everything: also what the clusters' frontends could run, and does not.
        place: project, subproject, stage, substage for that, in place of what the files select.
        file: the path that the manifest is written to or read from: its folder's files select.
    """

    file: str
    clusters: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    everything: bool = False
    place: Mapping[str, str] = field(default_factory=dict)
    passive: bool = False

    @property
    def folder(self) -> str:
        """Where seamless.yaml and seamless.profile.yaml are looked for."""
        return str(Path(self.file).parent)


def imported(
    wanted: Wanted, reach: Reach, environ: Mapping[str, str], reporter: Reporter | None = None
) -> Imported:
    """Look at hosts and give the manifest of what is there; nothing is changed anywhere (S6).

    Raises:
        ManifestError: a cluster or a file is at fault, or nothing says where to look.
    """
    known = landscape(wanted.folder, environ)
    clusters = clusters_of(wanted, known)
    machines = _machines(wanted, clusters, known)
    each = partial(_each, folder=wanted.folder, environ=environ)
    around = [name for name, one in known.clusters.items() if one.hosts & {m.host for m in machines}]
    could = located(possible(known, clusters or around, wanted.place), each)
    if wanted.everything and not could:
        raise ManifestError([_nothing_possible(wanted)])
    offered: list[Possible] = [(identity, spec.host, spec.key) for identity, spec in could]
    gathered = gather(
        machines, offered, reach, every=wanted.everything, told=OneAtATime(reporter or Silent())
    )
    items = _items(gathered, known, each)
    alive = replace(reach, host=without_the_away(reach.host, gathered.listings))
    return settle(
        items, gathered,
        partial(read_text, file=wanted.file, environ=environ),
        partial(observe, reach=alive, passive=wanted.passive),
        passive=wanted.passive,
    )  # fmt: skip


def clusters_of(wanted: Wanted, known: Landscape) -> tuple[str, ...]:
    """Give the clusters to look at.

    Raises:
        ManifestError: there is no such cluster, or nothing says which.
    """
    if not wanted.clusters and not wanted.hosts:
        chosen = known.selected.get("cluster")
        if chosen is None:
            why = "no cluster: seamless.yaml and seamless.profile.yaml name none"
            raise ManifestError([Problem(None, why, "give --cluster NAME, or --host NAME")])
        return _checked((chosen,), known)
    return _checked(wanted.clusters, known)


def _checked(names: tuple[str, ...], known: Landscape) -> tuple[str, ...]:
    problems: list[Problem] = []
    for name in names:
        if name in known.faulty:
            problems += known.faulty[name]
        elif name not in known.clusters:
            hint = nearest(name, list(known.clusters))
            problems.append(Problem(None, f"there is no cluster {safe(name)}", hint))
    if problems:
        raise ManifestError(problems)
    return tuple(dict.fromkeys(names))


def _machines(wanted: Wanted, clusters: Sequence[str], known: Landscape) -> list[Frontend]:
    """Give the hosts to look at; of one that a cluster names, this knows more than --host does."""
    named = {m.host: m for name in clusters for m in known.clusters[name].machines.values()}
    others = {m.host: m for one in known.clusters.values() for m in one.machines.values()}
    for host in wanted.hosts:
        named.setdefault(host, others.get(host) or Frontend(host))
    return list(named.values())


def _nothing_possible(wanted: Wanted) -> Problem:
    message = "--all: nothing tells which services could be there"
    hint = "give --project NAME, or go to the folder of a seamless.yaml"
    return Problem(None, message, hint if "project" not in wanted.place else "give --cluster NAME")


def _items(gathered: Gathered, known: Landscape, each: Each) -> list[Item]:
    """Give for each service the ways to write it, in the order of the manifest."""
    told = identities(gathered.found, known, each)
    items = [_item(found, ways, wrong) for found, (ways, wrong) in zip(gathered.found, told, strict=True)]
    items.sort(key=lambda item: order(item.found, _kind(item)))
    items = one_of_a_key([unreachable(item, gathered.hosts) for item in items])
    return [replace(item, name=name) for item, name in zip(items, named(items), strict=True)]


def _kind(item: Item) -> str:
    if item.variant is not None and item.variant.type != "launcher":
        return item.variant.type
    return type_of(item.found.row) if item.found.row else "launcher"


def _item(found: Found, ways: tuple[Variant, ...], wrong: str) -> Item:
    row = found.row
    state = "running" if row is not None and row.live else "stopped" if found.there else "absent"
    tunnel = "closed" if state == "running" and not found.connected else "auto"
    if ways:
        return Item(found, ways, state=state, tunnel=tunnel)
    others, why = launchers(found)
    noted = tuple(replace(one, notes=(*one.notes, wrong)) if wrong else one for one in others)
    told = {"state": row.status} if row is not None else {"state": "malformed"} if found.malformed else {}
    reason = "" if noted else "; ".join(dict.fromkeys(filter(None, (wrong, why))))
    return Item(found, noted, state=state, tunnel=tunnel, reason=reason, observed=told)


Each = partial["list[ServiceSpec | tuple[Problem, ...]]"]


def _each(
    entries: Sequence[Entry], *, folder: str, environ: Mapping[str, str]
) -> list[ServiceSpec | tuple[Problem, ...]]:
    return resolve_each(entries, folder=folder, environ=environ) if entries else []


def read_text(text: str, *, file: str, environ: Mapping[str, str]) -> Desired:
    """Read and resolve the text of a manifest as if it stood in a file.

    Raises:
        ManifestError: with all problems; their places are lines of the text.
    """
    source, problems = parse(file, text.encode(), Environment(environ))
    if source is None or source.head is None or problems:
        raise ManifestError(problems)
    entries, problems = entries_of(source)
    if problems:
        raise ManifestError(problems)
    folder = str(Path(file).parent)
    return resolve(Manifest(tuple(entries), {}, (file,), folder, ""), environ=environ)


def import_from(
    wanted: Wanted,
    *,
    ssh: Kind,
    timeout: float | None,
    environ: Mapping[str, str],
    reporter: Reporter | None = None,
) -> Imported:
    """Do it on the real world, and close all connections.

    Raises:
        ManifestError: as for `imported`; nothing was contacted.
    """
    from seamless_reconcile.reaching import Connections, real_reach  # noqa: PLC0415 - not for tests' worlds
    from seamless_reconcile.state import FileMemory, state_folder  # noqa: PLC0415 - see above

    connections = Connections(ssh, timeout)
    try:
        reach = real_reach(connections.reading, FileMemory(state_folder()), changing=False, timeout=timeout)
        return imported(wanted, reach, environ, reporter)
    finally:
        connections.close()
