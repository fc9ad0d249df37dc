"""What the user's files offer: clusters, their machines, what is selected; and entries one by one.

`resolve` takes a whole manifest, and is done with it at the first problem. `import` asks of many
identities what they would be, most of which will turn out to be none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.declared import Entry, ManifestError, Problem
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.resolver.frontends import Frontend
from seamless_reconcile.resolver.identify import identify
from seamless_reconcile.resolver.isolation import isolated
from seamless_reconcile.resolver.launch import launch, local_server_folder
from seamless_reconcile.resolver.resolve import REFUSALS
from seamless_reconcile.resolver.selection import Files
from seamless_reconcile.resolver.specs import refusal, seamless_spec

_TOOLS = {
    "hashserver": "hashserver",
    "database": "database",
    "jobserver": "jobserver",
    "daskserver": "daskserver",
    "pure_daskserver": "daskserver",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster.

    Attributes:
        machines: its frontends by the hostname that a manifest names them by.
        able: for each service type, the hostnames of the frontends that can run it.
    """

    name: str
    machines: Mapping[str, Frontend]
    able: Mapping[str, tuple[str, ...]]
    queues: tuple[str, ...] = ()
    default_queue: str | None = None

    @property
    def hosts(self) -> frozenset[str]:
        """The ssh names of its machines."""
        return frozenset(machine.host for machine in self.machines.values())


@dataclass(frozen=True, slots=True)
class Landscape:
    """Everything the files of a folder and a home say.

    Attributes:
        selected: cluster, project, subproject, stage and substage, as the folder's files select them.
        faulty: what is wrong with the definitions of the other clusters.
    """

    clusters: Mapping[str, Cluster]
    selected: Mapping[str, str | None] = field(default_factory=dict)
    faulty: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)


def landscape(folder: str, environ: Mapping[str, str]) -> Landscape:
    """Read the user's files; contacts nothing.

    Args:
        folder: where seamless.yaml and seamless.profile.yaml are looked for.
        environ: HOME and SEAMLESS_CACHE are taken from here.

    Raises:
        ManifestError: a file cannot be read, or a command in it is wrong.
    """
    with isolated(folder, environ):
        selection = Files({}, {}).select(None)
        if selection.problems:
            raise ManifestError(selection.problems)
        definitions = selection.definitions
        names = ("cluster", "project", "subproject", "stage", "substage")
        chosen = {name: selection.globals[f"_current_{name}"] or None for name in names}
        clusters = {name: _cluster(name, local=name == definitions.local) for name in definitions.usable}
        faulty = {name: tuple(definitions.problems(name)) for name in definitions.faults}
        return Landscape(clusters, chosen, faulty)


def _cluster(name: str, *, local: bool) -> Cluster:
    from seamless_config.cluster import get_cluster  # noqa: PLC0415 - the one door to it is this package

    cluster = get_cluster(name)
    machines = {f.hostname: _machine(f, bool(cluster.tunnel), local=local) for f in cluster.frontends}
    able = {
        kind: tuple(f.hostname for f in cluster.frontends if getattr(f, tool) is not None)
        for kind, tool in _TOOLS.items()
        if not (kind == "jobserver" and cluster.workers is None)
        and not (tool == "daskserver" and (cluster.type is None or not cluster.queues))
    }
    return Cluster(name, machines, able, tuple(cluster.queues or ()), cluster.default_queue)


def _machine(frontend: Any, tunnelled: bool, *, local: bool) -> Frontend:
    if local:
        return Frontend(LOCAL)
    return Frontend(frontend.ssh_hostname or frontend.hostname, frontend.hostname, tunnelled)


def resolve_each(
    entries: Sequence[Entry], *, folder: str, environ: Mapping[str, str]
) -> list[ServiceSpec | tuple[Problem, ...]]:
    """Resolve Seamless services one by one, each as if it were alone; contacts nothing.

    Every name is checked before seamless-config's templates see it: they are evaluated.

    Returns:
        For each its spec, or why there is none. What must hold between services is not looked at.
    """
    local_folder = local_server_folder(environ)
    with isolated(folder, environ):
        files = Files({}, {})
        return [_resolved(entry, files, local_folder) for entry in entries]


def _resolved(entry: Entry, files: Files, local_folder: str) -> ServiceSpec | tuple[Problem, ...]:
    found = identify(entry, files.select(entry.identity.stage or None))
    if found.identity is None:
        return tuple(found.problems)
    try:
        launched = launch(
            entry.type, found.identity, idle_timeout=entry.idle_timeout, local_folder=local_folder
        )
        return seamless_spec(entry, found.identity, launched)
    except REFUSALS as exc:
        return (refusal(exc, entry),)
