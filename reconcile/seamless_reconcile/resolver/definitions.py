"""Cluster definitions, checked before anything in them reaches a template, a command line or ssh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from rhl_helpers.text import safe
from seamless_reconcile.declared import Problem
from seamless_reconcile.manifest.clusters import ClusterModel
from seamless_reconcile.manifest.problems import dotted
from seamless_reconcile.manifest.rules import name_fault

LOCAL = "local_cluster"


@dataclass(slots=True)
class Definitions:
    """The clusters there are.

    Attributes:
        usable: definitions that hold what they should, as seamless-config wants them.
        faults: what is wrong with the others, by cluster: dotted field and message.
        local: the name of the cluster that is this machine.
    """

    usable: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    local: str | None = None

    @property
    def names(self) -> list[str]:
        """All names, usable or not."""
        return [*self.usable, *self.faults]

    def register(self) -> None:
        """Hand the usable ones to seamless-config."""
        from seamless_config.cluster import define_clusters  # noqa: PLC0415

        local = {LOCAL: self.local} if self.local in self.usable else {}
        define_clusters({**self.usable, **local})

    def problems(self, name: str) -> list[Problem]:
        """Say what is wrong with one of the faulty ones."""
        return [
            Problem(None, f"clusters.{safe(name)}{'.' if field else ''}{field}: {message}")
            for field, message in self.faults[name]
        ]


def check_definitions(raw: Mapping[Any, Any], *, inline: frozenset[str] = frozenset()) -> Definitions:
    """Sort definitions into usable ones and faulty ones.

    Args:
        raw: as they were read, `local_cluster` among them.
        inline: those of the manifest, whose shape was checked when it was read.
    """
    found = Definitions()
    for name, value in raw.items():
        if name == LOCAL:
            found.local = value if isinstance(value, str) else None
            continue
        faults = _faults(name, value, checked=name in inline)
        if faults:
            found.faults[str(name)] = faults
        else:
            found.usable[name] = value
    return found


def _faults(name: Any, value: Any, *, checked: bool) -> list[tuple[str, str]]:
    from seamless_config.cluster import Cluster  # noqa: PLC0415

    wrong = name_fault(name) if isinstance(name, str) else "must be text"
    if wrong:
        return [("", f"the name {wrong}")]
    if not checked:
        try:
            ClusterModel.model_validate(value)
        except ValidationError as exc:
            return [(dotted(error["loc"]), safe(error["msg"])) for error in exc.errors(include_url=False)]
    try:
        Cluster.from_dict(name, value)
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError) as exc:
        return [("", safe(str(exc) or type(exc).__name__))]
    return []
