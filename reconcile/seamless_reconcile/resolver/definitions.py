"""Cluster definitions, checked before anything in them reaches a template, a command line or ssh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, Problem
from seamless_reconcile.manifest.clusters import ClusterModel
from seamless_reconcile.manifest.problems import Path, dotted, field_of, nearest, words
from seamless_reconcile.manifest.rules import name_fault
from seamless_reconcile.resolver.files import too_large, where_defined

LOCAL = "local_cluster"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a definition: the field below the cluster, and what to say."""

    field: Path
    message: str
    hint: str = ""


@dataclass(slots=True)
class Definitions:
    """The clusters there are.

    Attributes:
        usable: definitions that hold what they should, as seamless-config wants them.
        faults: what is wrong with the others, by cluster.
        local: the name of the cluster that is this machine.
        places: where the manifest's own ones stand.
    """

    usable: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    local: str | None = None
    places: Mapping[str, Location] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """All names, usable or not."""
        return [*self.usable, *self.faults]

    def register(self) -> None:
        """Hand the usable ones to seamless-config."""
        from seamless_config import cluster  # noqa: PLC0415

        cluster._local_cluster = None  # noqa: SLF001 - seamless-config forgets to, where none is named
        local = {LOCAL: self.local} if self.local in self.usable else {}
        cluster.define_clusters({**self.usable, **local})

    def problems(self, name: str) -> list[Problem]:
        """Say what is wrong with one of the faulty ones, and where it stands."""
        return [
            Problem(
                self.places.get(name) or where_defined(name, fault.field),
                f"{dotted(('clusters', name, *fault.field))}: {fault.message}",
                fault.hint,
            )
            for fault in self.faults[name]
        ]

    def stray_local(self) -> list[Problem]:
        """Refuse a `local_cluster` that is none: another machine would be taken for this one."""
        if self.local is None or self.local in self.names:
            return []
        message = f"clusters.{LOCAL}: no cluster is named `{safe(self.local)}`"
        return [
            Problem(self.places.get(LOCAL) or where_defined(LOCAL), message, nearest(self.local, self.names))
        ]


def check_definitions(raw: Mapping[Any, Any], places: Mapping[str, Location]) -> Definitions:
    """Sort definitions into usable ones and faulty ones.

    Args:
        raw: as they were read, `local_cluster` among them.
        places: where those of the manifest stand; their shape was checked when it was read.
    """
    found = Definitions(places=places)
    for name, value in raw.items():
        if name == LOCAL:
            found.local = str(value)
            continue
        faults = _faults(name, value, checked=name in places)
        if faults:
            found.faults[str(name)] = faults
        else:
            found.usable[name] = value
    return found


def _faults(name: Any, value: Any, *, checked: bool) -> list[Fault]:
    wrong = name_fault(name) if isinstance(name, str) else "must be text"
    if wrong:
        return [Fault((), f"the name {wrong}")]
    if not checked:
        if too_large(value):
            return [Fault((), "stands for too many values")]
        try:
            ClusterModel.model_validate(value)
        except ValidationError as exc:
            return [_fault(name, error) for error in exc.errors(include_url=False)]
    return _refused(name, value)


def _fault(name: str, error: Mapping[str, Any]) -> Fault:
    path = field_of(error)
    return Fault(path, *words(error, ("clusters", name, *path)))


def _refused(name: str, value: Any) -> list[Fault]:
    """Ask seamless-config itself."""
    from seamless_config.cluster import Cluster  # noqa: PLC0415

    try:
        Cluster.from_dict(name, value)
    except (TypeError, ValueError, LookupError, AttributeError, AssertionError) as exc:
        return [Fault((), f"seamless-config refuses it: {safe(str(exc) or type(exc).__name__)}")]
    return []
