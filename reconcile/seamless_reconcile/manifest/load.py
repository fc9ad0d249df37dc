"""From manifest files to a checked `Manifest`, or all that is wrong with them at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rhl_helpers.secrets import without
from rhl_helpers.text import safe
from seamless_reconcile.declared import Entry, Location, Manifest, ManifestError, Problem
from seamless_reconcile.manifest.entries import Source, entries_of
from seamless_reconcile.manifest.environment import Environment
from seamless_reconcile.manifest.events import MAX_BYTES, read_tree
from seamless_reconcile.manifest.model import ManifestModel, ServiceModel
from seamless_reconcile.manifest.problems import problems_of
from seamless_reconcile.manifest.relations import check_relations
from seamless_reconcile.manifest.rules import name_fault
from seamless_reconcile.manifest.tree import Scalar, Table
from seamless_reconcile.manifest.values import plain_values
from seamless_reconcile.memory import no_collection

_BEGINNING = "it begins with `version: 1`"
_SECTIONS = ("defaults", "services", "clusters")


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read.

    Attributes:
        manifest: the usable part of it; None where that would mislead (no file, or defaults or clusters
            that cannot be used).
        problems: everything that is wrong, in the order of the files.
    """

    manifest: Manifest | None
    problems: tuple[Problem, ...]


def load(paths: Sequence[str | Path], environ: Mapping[str, str]) -> Manifest:
    """Read manifests; several files are a union.

    Args:
        paths: the files, as the user named them: problems are reported with these names.
        environ: where `${VAR}` is looked up.

    Raises:
        ManifestError: with all problems of all files.
    """
    reading = read(paths, environ)
    if reading.problems or reading.manifest is None:
        raise ManifestError(list(reading.problems))
    return reading.manifest


def read(paths: Sequence[str | Path], environ: Mapping[str, str]) -> Reading:
    """Read manifests as far as that is possible; see `load`."""
    with no_collection():
        return _read_all(list(dict.fromkeys(os.fspath(path) for path in paths)), environ)


def _read_all(paths: Sequence[str], environ: Mapping[str, str]) -> Reading:
    environment, digest = Environment(environ), hashlib.sha256()
    sources: list[Source] = []
    problems: list[Problem] = [] if paths else [Problem(None, "no manifest was named")]
    for path in paths:
        source, found = _read(path, environment, digest)
        problems += found
        sources += [source] if source is not None else []
    environment.digest(digest)
    usable = len(sources) == len(paths) > 0 and all(source.head is not None for source in sources)
    if usable and not any("services" in source.plain for source in sources):
        problems.append(Problem(Location(paths[0], 1, 1), "`services` is required"))
    entries, clusters, found = _union(sources)
    problems += found
    hidden = environment.secrets
    ordered = sorted(problems, key=lambda problem: _by_place(problem, paths))
    manifest = _manifest(entries, clusters, paths, digest.hexdigest(), hidden) if usable else None
    return Reading(manifest, tuple(_hiding(problem, hidden) for problem in ordered))


def _hiding(problem: Problem, secrets: frozenset[str]) -> Problem:
    if not secrets:
        return problem
    shown = [*secrets, *(safe(secret) for secret in secrets)]
    return replace(problem, message=without(problem.message, shown), hint=without(problem.hint, shown))


def _manifest(
    entries: Sequence[Entry], clusters: _Clusters, paths: Sequence[str], digest: str, secrets: frozenset[str]
) -> Manifest:
    files = tuple(os.path.abspath(path) for path in paths)  # noqa: PTH100 - as named, links not followed
    return Manifest(
        entries=tuple(entries),
        clusters=clusters.definitions,
        files=files,
        folder=os.path.dirname(files[0]),  # noqa: PTH120
        digest=digest,
        cluster_places=clusters.places,
        secrets=secrets,
    )


def _by_place(problem: Problem, paths: Sequence[str]) -> tuple[int, int, int]:
    at = problem.at
    return (paths.index(at.file) if at.file in paths else -1, at.line, at.column) if at else (-1, 0, 0)


def _read(path: str, environment: Environment, digest: hashlib._Hash) -> tuple[Source | None, list[Problem]]:
    try:
        with Path(path).open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        return None, [Problem(Location(path, 1, 1), f"cannot be read: {safe(reason)}")]
    digest.update(hashlib.sha256(data).digest())
    return parse(path, data, environment)


def parse(path: str, data: bytes, environment: Environment) -> tuple[Source | None, list[Problem]]:
    """Read one file's bytes, and check each field on its own.

    Returns:
        What could be read (None where nothing could), and all problems found.
    """
    root, problems = read_tree(data, path)
    if root is None:
        return None, problems or [Problem(Location(path, 1, 1), "the manifest is empty", _BEGINNING)]
    if not isinstance(root, Table):
        at = Location(path, root.line, root.column)
        empty = isinstance(root, Scalar) and root.plain and not root.text
        what = "the manifest is empty" if empty else "a manifest is a mapping"
        return None, [*problems, Problem(at, what, _BEGINNING)]
    values, faults = plain_values(root, environment, path)
    problems += faults
    source = Source(path, root, values, refused=frozenset(problem.at for problem in problems if problem.at))
    return source, problems + source.new(_check(source))


def _check(source: Source) -> list[Problem]:
    """Check each service on its own, so that one bad field does not hide what else there is."""
    plain = {
        name: value for name, value in source.plain.items() if value is not None or name not in _SECTIONS
    }
    services = plain.get("services")
    problems: list[Problem] = []
    try:
        source.head = ManifestModel.model_validate(
            {**plain, "services": {}} if isinstance(services, dict) else plain
        )
    except ValidationError as exc:
        problems += problems_of(exc, source.root, source.file)
    for name, at in source.names("clusters").items():
        fault = name_fault(name)
        if fault:
            problems.append(Problem(at, f"clusters.{safe(name)}: the name {fault}"))
    if isinstance(services, dict):
        places = source.names()
        for name, value in services.items():
            problems += _check_service(source, name, value, places[name])
    return problems


def _check_service(source: Source, name: str, value: Any, at: Location) -> list[Problem]:
    fault = name_fault(name)
    if fault:
        return [Problem(at, f"services.{safe(name)}: the name {fault}")]
    try:
        source.services[name] = ServiceModel.model_validate(value)
    except ValidationError as exc:
        return problems_of(exc, source.root, source.file, below=("services", name))
    return []


@dataclass(frozen=True, slots=True)
class _Clusters:
    definitions: Mapping[str, Any]
    places: Mapping[str, Location]


def _union(sources: Sequence[Source]) -> tuple[list[Entry], _Clusters, list[Problem]]:
    entries: list[Entry] = []
    clusters: dict[str, Any] = {}
    problems: list[Problem] = []
    first: dict[str, dict[str, Location]] = {"services": {}, "clusters": {}}
    for source in sources:
        found, faults = entries_of(source)
        entries += found
        problems += source.new(faults)
        for section, seen in first.items():
            problems += _twice(section, source.names(section), seen)
        clusters |= source.plain.get("clusters") or {} if source.head is not None else {}
    problems += check_relations(entries, first["services"])
    return entries, _Clusters(clusters, first["clusters"]), problems


def _twice(section: str, names: Mapping[str, Location], seen: dict[str, Location]) -> list[Problem]:
    """Refuse a name that another file has; `seen` learns the new ones."""
    problems = [
        Problem(at, f"{section}.{safe(name)}: is in two files", f"the other place is {seen[name]}")
        for name, at in names.items()
        if name in seen
    ]
    for name, at in names.items():
        seen.setdefault(name, at)
    return problems
