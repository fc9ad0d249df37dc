"""Whose service an entry is: the manifest first, then what the files select; every name checked.

Nothing is asked of seamless-config's templates before this has passed: they are evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from rhl_helpers.text import safe
from seamless_reconcile.declared import Entry, Identity, Problem
from seamless_reconcile.manifest.problems import nearest
from seamless_reconcile.manifest.rules import host_fault, name_fault, subproject_fault
from seamless_reconcile.resolver.launch import Identified
from seamless_reconcile.resolver.selection import Selection

_RULES: dict[str, Callable[[str], str | None]] = {
    "cluster": name_fault,
    "project": name_fault,
    "subproject": subproject_fault,
    "stage": name_fault,
    "substage": name_fault,
    "queue": name_fault,
    "frontend": host_fault,
}
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,\[\]-]*")
_FROM_FILES = "it comes from seamless.yaml or seamless.profile.yaml"
_NO_PROJECT = "pure_daskserver"
_MAY_BE_NONE = ("subproject", "stage", "substage")
_SYNTHETIC = ("__SEAMLESS_CACHE__", "__TOPLEVEL__")
_DASK = ("daskserver", "pure_daskserver")


@dataclass(frozen=True, slots=True)
class Identification:
    """An identity, or why there is none."""

    identity: Identified | None
    problems: list[Problem]


def identify(entry: Entry, selection: Selection) -> Identification:
    """Settle an entry's identity, and leave it selected in seamless-config."""
    problems = list(_unsafe(entry, _given(entry.identity), synthetic=False))
    if problems:
        return Identification(None, problems)
    _select(entry.identity, selection)
    identity, problems = _identified(entry, selection)
    if identity is not None:
        problems = list(_unfit(entry, identity, selection))
    return Identification(None if problems else identity, problems)


def problem(entry: Entry, field: str, message: str, hint: str = "") -> Problem:
    """Say what is wrong with a field of an entry, or with all of it, where it stands (defaults included)."""
    name = f"services.{safe(entry.name)}" + (f".{field}" if field else "")
    return Problem(entry.places.get(field, entry.at), f"{name}: {message}", hint)


def _given(wanted: Identity) -> dict[str, str | None]:
    given = {name: getattr(wanted, name) for name in _RULES}
    # "" is the manifest's explicit null, and that of these fields only: a project must never be "".
    return {name: value or None if name in _MAY_BE_NONE else value for name, value in given.items()}


def _unsafe(entry: Entry, values: Mapping[str, str | None], *, synthetic: bool) -> Iterator[Problem]:
    for name, value in values.items():
        if value is None or (synthetic and value in _SYNTHETIC):
            continue
        fault = _RULES[name](value)
        if fault:
            hint = "" if value == getattr(entry.identity, name) else _FROM_FILES
            yield problem(entry, name, f"`{safe(value, limit=60)}` {fault}", hint)


def _select(wanted: Identity, selection: Selection) -> None:
    """Do what `seamless-service-*` do with their options, on top of what the files select."""
    from seamless_config import select  # noqa: PLC0415
    from seamless_config.service._dispatch import _select_from_args  # noqa: PLC0415

    vars(select).update(selection.globals)
    for name in _MAY_BE_NONE:
        # None, whatever the files select.
        if getattr(wanted, name) == "":
            setattr(select, f"_current_{name}", None)
    _select_from_args(SimpleNamespace(**_given(wanted)))


def _identified(entry: Entry, selection: Selection) -> tuple[Identified | None, list[Problem]]:
    from seamless_config import select  # noqa: PLC0415

    _, _, subproject, stage, substage = select.get_current("", "")
    wanted = entry.identity
    identity = Identified(
        cluster=select.get_selected_cluster() or "",
        project=select.get_selected_project(),
        subproject=subproject or None,
        stage=stage or None,
        substage=substage or None,
        mode=wanted.mode,
        queue=wanted.queue,
        frontend=wanted.frontend,
    )
    problems = []
    if not identity.cluster:
        problems.append(
            problem(entry, "cluster", "no cluster: neither the manifest nor seamless.yaml names one")
        )
    if identity.project is None and entry.type != _NO_PROJECT:
        problems.append(
            problem(entry, "project", "no project: neither the manifest nor seamless.yaml names one")
        )
    # What came from seamless.yaml has not been looked at yet.
    values = {name: getattr(identity, name) for name in _RULES if name != "cluster" or identity.cluster}
    problems += _unsafe(entry, values, synthetic=selection.synthetic)
    return (None if problems else identity), problems


def _unfit(entry: Entry, identity: Identified, selection: Selection) -> Iterator[Problem]:
    """Say what the cluster cannot do for this entry, before seamless-config says it in fewer words."""
    from seamless_config.cluster import get_cluster  # noqa: PLC0415

    definitions, name = selection.definitions, identity.cluster
    if name in definitions.faults:
        yield from definitions.problems(name)
        return
    if name not in definitions.usable:
        hint = "SEAMLESS_CACHE is set: its own cluster is the only one" if selection.synthetic else ""
        yield problem(entry, "cluster", f"unknown cluster `{name}`", hint or nearest(name, definitions.names))
        return
    cluster = get_cluster(name)
    yield from _frontend(entry, identity, cluster)
    if entry.type == "jobserver" and cluster.workers is None:
        yield problem(entry, "cluster", f"cluster `{name}` has no `workers`, which a jobserver needs")
    if entry.type in _DASK:
        yield from _queue(entry, identity, cluster)


def _queue(entry: Entry, identity: Identified, cluster: Any) -> Iterator[Problem]:
    from seamless_config import select  # noqa: PLC0415

    queues = cluster.queues or {}
    name = identity.queue or select.get_queue(cluster.name) or cluster.default_queue
    known = f"its queues: {', '.join(queues)}" if queues else ""
    if name is None:
        message = f"no queue is named, and cluster `{cluster.name}` has no default queue"
        yield problem(entry, "queue", message, known)
    elif name not in queues:
        message = f"cluster `{cluster.name}` has no queue `{safe(name)}`"
        yield problem(entry, "queue", message, nearest(name, queues) or known)
    if cluster.type is None:
        message = f"cluster `{cluster.name}` has no `type`, which a Dask server needs"
        yield problem(entry, "cluster", message, "local, slurm or oar")
    node = select.get_node()
    if node is not None and not _NODE.fullmatch(node):
        # It becomes a line of a job script.
        yield problem(entry, "", f"the node `{safe(node)}` that is selected is no node's name", _FROM_FILES)


def _frontend(entry: Entry, identity: Identified, cluster: Any) -> Iterator[Problem]:
    tool = "daskserver" if entry.type in _DASK else entry.type
    able = [frontend.hostname for frontend in cluster.frontends if getattr(frontend, tool) is not None]
    if identity.frontend is None:
        if not able:
            yield problem(entry, "cluster", f"no frontend of cluster `{cluster.name}` can run a {tool}")
        return
    names = [frontend.hostname for frontend in cluster.frontends]
    if identity.frontend not in names:
        hint = nearest(identity.frontend, names) or f"its frontends: {', '.join(names)}"
        yield problem(
            entry, "frontend", f"cluster `{cluster.name}` has no frontend `{identity.frontend}`", hint
        )
    elif identity.frontend not in able:
        hint = f"these can: {', '.join(able)}" if able else ""
        yield problem(entry, "frontend", f"frontend `{identity.frontend}` cannot run a {tool}", hint)
