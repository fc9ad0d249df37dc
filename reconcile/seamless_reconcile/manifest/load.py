"""From manifest files to a checked `Manifest`, or all that is wrong with them at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rhl_helpers.text import safe
from seamless_reconcile.declared import Entry, Location, Manifest, ManifestError, Problem
from seamless_reconcile.manifest.entries import Source, entries_of
from seamless_reconcile.manifest.environment import Environment
from seamless_reconcile.manifest.events import MAX_BYTES, read_tree
from seamless_reconcile.manifest.model import ManifestModel, ServiceModel
from seamless_reconcile.manifest.problems import problems_of
from seamless_reconcile.manifest.relations import check_relations
from seamless_reconcile.manifest.rules import name_fault
from seamless_reconcile.manifest.tree import Table
from seamless_reconcile.manifest.values import Values

MAX_FILES = 1000


def load(paths: Sequence[str | Path], environ: Mapping[str, str]) -> Manifest:
    """Read manifests; several files are a union.

    Args:
        paths: the files, as the user named them: problems are reported with these names.
        environ: where `${VAR}` is looked up.

    Raises:
        ManifestError: with all problems of all files.
    """
    environment = Environment(environ)
    digest = hashlib.sha256()
    sources: list[Source] = []
    problems: list[Problem] = []
    for path in dict.fromkeys(str(path) for path in paths):
        source, found = _read(path, environment, digest)
        problems += found
        if source is not None:
            sources.append(source)
    environment.digest(digest)
    entries, clusters, found = _union(sources)
    problems += found
    problems += check_relations(entries, sources)
    if problems:
        raise ManifestError(sorted(problems, key=_by_place))
    files = tuple(os.path.abspath(source.file) for source in sources)  # noqa: PTH100 - keep symlinks
    return Manifest(
        entries=tuple(entries),
        clusters=clusters,
        files=files,
        folder=os.path.dirname(files[0]),  # noqa: PTH120
        digest=digest.hexdigest(),
    )


def _by_place(problem: Problem) -> tuple[str, int, int]:
    at = problem.at
    return (at.file, at.line, at.column) if at else ("", 0, 0)


def _read(path: str, environment: Environment, digest: hashlib._Hash) -> tuple[Source | None, list[Problem]]:
    try:
        with Path(path).open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        return None, [Problem(Location(path, 1, 1), f"cannot be read: {reason}")]
    digest.update(hashlib.sha256(data).digest())
    return _parse(path, data, environment)


def _parse(path: str, data: bytes, environment: Environment) -> tuple[Source | None, list[Problem]]:
    root, problems = read_tree(data, path)
    if root is None:
        start = Location(path, 1, 1)
        return None, problems or [Problem(start, "the manifest is empty", "it begins with `version: 1`")]
    if not isinstance(root, Table):
        at = Location(path, root.line, root.column)
        return None, [*problems, Problem(at, "a manifest is a mapping", "it begins with `version: 1`")]
    values = Values(path, environment)
    source = Source(path, root, values.convert(root))
    problems += values.problems
    known = {problem.at for problem in problems}
    return source, problems + [problem for problem in _validate(source) if problem.at not in known]


def _validate(source: Source) -> list[Problem]:
    """Check each service on its own, so that one bad field does not hide what else there is."""
    services = source.plain.get("services")
    problems: list[Problem] = []
    try:
        head = {**source.plain, "services": {}} if isinstance(services, dict) else source.plain
        source.head = ManifestModel.model_validate(head)
    except ValidationError as exc:
        problems += problems_of(exc, ManifestModel, source.root, source.file)
    if not isinstance(services, dict):
        return problems
    places = source.names()
    for name, value in services.items():
        fault = name_fault(name)
        if fault:
            problems.append(Problem(places[name], f"services.{safe(name)}: the name {fault}"))
            continue
        try:
            source.services[name] = ServiceModel.model_validate(value)
        except ValidationError as exc:
            problems += problems_of(exc, ServiceModel, source.root, source.file, below=("services", name))
    return problems


def _union(sources: Sequence[Source]) -> tuple[list[Entry], dict[str, Any], list[Problem]]:
    entries: list[Entry] = []
    clusters: dict[str, Any] = {}
    problems: list[Problem] = []
    first: dict[tuple[str, str], Location] = {}
    for source in sources:
        found, faults = entries_of(source)
        entries += found
        problems += faults
        for section in ("services", "clusters"):
            for name, at in source.names(section).items():
                other = first.setdefault((section, name), at)
                if other is not at:
                    problems.append(
                        Problem(at, f"{section}.{safe(name)}: is here twice", f"the first is at {other}")
                    )
        if source.head is not None:
            clusters |= source.plain.get("clusters") or {}
    return entries, clusters, problems
