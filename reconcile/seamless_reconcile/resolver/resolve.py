"""Resolve a manifest: entry by entry, then what must hold between them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seamless_reconcile.declared import LAUNCHER_TYPE, Entry, Manifest, ManifestError, Problem
from seamless_reconcile.desired import Desired, ServiceSpec, Upstream
from seamless_reconcile.manifest.load import read
from seamless_reconcile.memory import no_collection
from seamless_reconcile.resolver.identify import identify
from seamless_reconcile.resolver.isolation import isolated
from seamless_reconcile.resolver.launch import Identified, launch, local_server_folder
from seamless_reconcile.resolver.selection import Files
from seamless_reconcile.resolver.specs import launcher_spec, refusal, seamless_spec, upstream_of
from seamless_reconcile.resolver.wiring import Member, wire

# What seamless-config and the launcher raise when they do not like what they are given.
REFUSALS = (RuntimeError, ValueError, LookupError, TypeError, AssertionError, AttributeError)
_ROLES = (("database", "database"), ("hashserver", "buffer"))


def resolve(manifest: Manifest, *, environ: Mapping[str, str] | None = None) -> Desired:
    """Resolve every entry of a manifest; contacts nothing.

    Args:
        manifest: as `load` gave it.
        environ: HOME, SEAMLESS_CACHE and REMOTE_HTTP_LAUNCHER_DIR are taken from here; `os.environ` if
            left out.

    Raises:
        ManifestError: with all problems at once, those of cluster files and seamless.yaml included.
    """
    values = os.environ if environ is None else environ
    resolution = _Resolution(manifest, local_server_folder(values))
    with no_collection():
        if all(entry.type == LAUNCHER_TYPE for entry in manifest.entries):
            return resolution.run(None)
        with isolated(manifest.folder, values):
            return resolution.run(Files(manifest.clusters, manifest.cluster_places))


def resolve_files(
    paths: Sequence[str | Path], *, environ: Mapping[str, str] | None = None
) -> tuple[Manifest, Desired]:
    """Read manifests and resolve them, with all problems of both at once.

    Args:
        paths: the manifests, as the user named them.
        environ: as for `load` and `resolve`.

    Raises:
        ManifestError: with everything that is wrong with the manifests, and with what they name.
    """
    values = os.environ if environ is None else environ
    reading = read(paths, values)
    problems = list(reading.problems)
    if reading.manifest is not None:
        try:
            desired = resolve(reading.manifest, environ=values)
        except ManifestError as exc:
            problems += exc.problems
        else:
            if not problems:
                return reading.manifest, desired
    raise ManifestError(problems)


class _Resolution:
    """One resolution."""

    def __init__(self, manifest: Manifest, local_folder: str) -> None:
        self._manifest = manifest
        self._local_folder = local_folder
        self._problems: list[Problem] = []
        self._warnings: list[tuple[str, str]] = []
        self._upstreams: dict[Identified, tuple[Upstream, ...]] = {}

    def run(self, files: Files | None) -> Desired:
        """Give what is desired.

        Args:
            files: the user's files, inside `isolated`; None where no entry needs them.

        Raises:
            ManifestError: with all problems.
        """
        entries = self._manifest.entries
        members = [member for entry in entries if (member := self._member(entry, files)) is not None]
        wired = wire(members)
        problems = list(dict.fromkeys([*(files.problems if files else ()), *self._problems, *wired.problems]))
        if problems:
            raise ManifestError(problems)
        return Desired(wired.services, (*self._warnings, *wired.warnings), self._manifest.secrets)

    def _member(self, entry: Entry, files: Files | None) -> Member | None:
        if files is None or entry.type == LAUNCHER_TYPE:
            return Member(entry, launcher_spec(entry, self._local_folder), None)
        selection = files.select(entry.identity.stage or None)
        found = identify(entry, selection)
        self._problems += found.problems
        if found.identity is None:
            return None
        try:
            return Member(entry, self._spec(entry, found.identity), found.identity)
        except REFUSALS as exc:
            self._problems.append(refusal(exc, entry))
            return None

    def _spec(self, entry: Entry, identity: Identified) -> ServiceSpec:
        found = launch(entry.type, identity, idle_timeout=entry.idle_timeout, local_folder=self._local_folder)
        spec = seamless_spec(entry, identity, found)
        if entry.type != "jobserver":
            return spec
        return replace(spec, upstream=self._upstream(entry, identity))

    def _upstream(self, entry: Entry, identity: Identified) -> tuple[Upstream, ...]:
        """Give the hashserver and database that the runtime wires a jobserver of this identity to."""
        storage = replace(identity, mode="rw", substage=None, queue=None, frontend=None)
        if storage not in self._upstreams:
            found = (self._storage(entry, kind, role, storage) for kind, role in _ROLES)
            self._upstreams[storage] = tuple(one for one in found if one is not None)
        return self._upstreams[storage]

    def _storage(self, entry: Entry, kind: str, role: str, identity: Identified) -> Upstream | None:
        try:
            return upstream_of(role, launch(kind, identity, idle_timeout=None, local_folder="/"))
        except REFUSALS:
            message = f"its cluster offers no usable {kind}: it will compute without one"
            self._warnings.append((f"service.{entry.name}", message))
            return None
