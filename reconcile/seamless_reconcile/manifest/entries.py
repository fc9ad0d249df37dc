"""From checked fields to entries: defaults, short forms, and what must go together within one service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias

from rhl_helpers.text import safe
from seamless_reconcile.declared import (
    LAUNCHER_TYPE,
    PERSISTENT_TYPES,
    SEAMLESS_TYPES,
    CacheDeclaration,
    CacheState,
    Entry,
    Identity,
    Location,
    Problem,
    ServiceState,
    TunnelState,
)
from seamless_reconcile.manifest.command import command_fault
from seamless_reconcile.manifest.model import (
    CacheModel,
    IdentityModel,
    LauncherModel,
    ManifestModel,
    ServiceModel,
)
from seamless_reconcile.manifest.problems import nearest
from seamless_reconcile.manifest.tree import Items, Node, Table

_ALIASES = {"pure-daskserver": "pure_daskserver"}
_IDENTITY = ("cluster", "project", "subproject", "stage", "substage", "mode", "queue", "frontend")
# null says "none, whatever defaults and seamless.yaml say"; seamless-config writes that as "".
_MAY_BE_NONE = frozenset({"subproject", "stage", "substage"})
_Fault: TypeAlias = tuple[str, str, str]
"""Dotted field, message, hint."""


@dataclass(slots=True)
class Source:
    """One manifest file, read.

    Attributes:
        root: its tree, for places.
        plain: its values.
        refused: where a scalar or key was refused already.
        head: everything but the services; None where that is not usable.
        services: the services whose fields are in order.
    """

    file: str
    root: Table
    plain: Mapping[str, Any]
    refused: frozenset[Location] = frozenset()
    head: ManifestModel | None = None
    services: dict[str, ServiceModel] = field(default_factory=dict)

    def names(self, section: str = "services") -> Mapping[str, Location]:
        """Give all services (or clusters) the file names, usable or not, with their places."""
        pair = self.root.pairs.get(section)
        if pair is None or not isinstance(pair[1], Table):
            return {}
        return {name: Location(self.file, key.line, key.column) for name, (key, _) in pair[1].pairs.items()}

    def new(self, problems: Iterable[Problem]) -> list[Problem]:
        """Leave out problems with what was refused already: one for each mistake is enough."""
        return [problem for problem in problems if problem.at not in self.refused]


def entries_of(source: Source) -> tuple[list[Entry], list[Problem]]:
    """Give the entries of one file, and what does not go together in them."""
    defaults = source.head.defaults if source.head else IdentityModel()
    default_places = _places(source.file, _child(source.root, "defaults"))
    names, table = source.names(), _child(source.root, "services")
    entries: list[Entry] = []
    problems: list[Problem] = []
    for name, model in source.services.items():
        node = _child(table, name)
        places = default_places | _places(source.file, node)
        kind = _type_of(name, model)
        if kind is None:
            problems.append(_untyped(name, names[name]))
            continue
        entry = _entry(name, kind, model, defaults=defaults, at=names[name], places=places)
        problems += _faults(entry, model)
        entries.append(entry)
    return entries, problems


def _child(node: Node | None, key: str) -> Node | None:
    if isinstance(node, Table) and key in node.pairs:
        return node.pairs[key][1]
    return None


def _places(file: str, node: Node | None) -> dict[str, Location]:
    if node is None:
        return {}
    if not isinstance(node, Table):
        return {"state": Location(file, node.line, node.column)}
    places: dict[str, Location] = {}
    for key, (_, child) in node.pairs.items():
        places[key] = Location(file, child.line, child.column)
        if key in ("cache", "launcher"):
            below = _places(file, child)
            places |= {f"{key}.{name}": place for name, place in below.items()}
        elif isinstance(child, Items):
            each = enumerate(child.nodes)
            places |= {f"{key}[{index}]": Location(file, one.line, one.column) for index, one in each}
    return places


def _type_of(name: str, model: ServiceModel) -> str | None:
    kind = model.type or name
    kind = _ALIASES.get(kind, kind)
    return kind if kind in SEAMLESS_TYPES or kind == LAUNCHER_TYPE else None


def _untyped(name: str, at: Location) -> Problem:
    hint = nearest(name, SEAMLESS_TYPES) or f"one of {', '.join((*SEAMLESS_TYPES, LAUNCHER_TYPE))}"
    return Problem(at, f"services.{safe(name)}: `type` is required, since the name is not one", hint)


def _entry(
    name: str,
    kind: str,
    model: ServiceModel,
    *,
    defaults: IdentityModel,
    at: Location,
    places: Mapping[str, Location],
) -> Entry:
    return Entry(
        name=name,
        type=kind,
        identity=_identity(model, defaults),
        state=ServiceState(model.state),
        cache=_cache(model.cache),
        tunnel=TunnelState(model.tunnel),
        idle_timeout=model.idle_timeout,
        depends_on=tuple(model.depends_on),
        protect=model.protect,
        launcher=_launcher(model.launcher),
        at=at,
        places=places,
    )


def _identity(model: ServiceModel, defaults: IdentityModel) -> Identity:
    chosen: dict[str, Any] = {}
    for name in _IDENTITY:
        giver = model if name in model.model_fields_set else defaults
        value = getattr(giver, name)
        if value is None and name in _MAY_BE_NONE and name in giver.model_fields_set:
            value = ""
        chosen[name] = value
    chosen["mode"] = chosen["mode"] or "rw"
    return Identity(**chosen)


def _cache(model: CacheModel | None) -> CacheDeclaration:
    if model is None:
        return CacheDeclaration()
    return CacheDeclaration(CacheState(model.state), model.epoch, model.path, model.marker, explicit=True)


def _launcher(model: LauncherModel | None) -> Mapping[str, Any] | None:
    if model is None:
        return None
    return model.model_dump(exclude_none=True)


def _faults(entry: Entry, model: ServiceModel) -> Iterator[Problem]:
    checks = chain(_state_faults(entry), _cache_faults(entry), _launcher_faults(entry, model))
    for name, message, hint in checks:
        at = entry.places.get(name) or entry.places.get(name.split(".", maxsplit=1)[0]) or entry.at
        yield Problem(at, f"services.{entry.name}.{name}: {message}", hint)


def _state_faults(entry: Entry) -> Iterator[_Fault]:
    if entry.state is not ServiceState.RUNNING and entry.tunnel is TunnelState.OPEN:
        yield "tunnel", f"cannot be open to a service that should be {entry.state.value}", ""


def _cache_faults(entry: Entry) -> Iterator[_Fault]:
    cache = entry.cache
    if entry.type not in PERSISTENT_TYPES and cache.path is None:
        if cache.state is not CacheState.KEEP:
            yield "cache", f"a {entry.type} has no cache of its own", "give `path`, and `marker` if need be"
        elif cache.marker is not None:
            yield "cache.marker", "goes with a `path`", ""
    if cache.epoch is not None and cache.state is not CacheState.COLD:
        yield "cache.epoch", "goes with `state: cold` only", ""


def _launcher_faults(entry: Entry, model: ServiceModel) -> Iterator[_Fault]:
    launcher = model.launcher
    if entry.type != LAUNCHER_TYPE:
        if launcher is not None:
            yield "launcher", "goes with `type: launcher` only", ""
        return
    for name in _IDENTITY:
        if getattr(model, name) is not None:
            yield name, "means nothing to a `type: launcher`", "its machine and key are in `launcher`"
    if launcher is None:
        yield "launcher", "is required with `type: launcher`", ""
        return
    wrong = command_fault(launcher.command, timeout=entry.idle_timeout is not None)
    if wrong:
        yield "launcher.command", wrong, ""
    if launcher.hostname is None and launcher.ssh_hostname is not None:
        yield "launcher.ssh_hostname", "goes with a `hostname`", ""
    if launcher.hostname is None and launcher.tunnel:
        yield "launcher.tunnel", "goes with a `hostname`", ""
