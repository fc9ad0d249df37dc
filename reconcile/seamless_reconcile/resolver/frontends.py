"""The machines of a cluster, for commands that look at hosts without a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.declared import ManifestError, Problem
from seamless_reconcile.manifest.problems import nearest
from seamless_reconcile.resolver.isolation import isolated
from seamless_reconcile.resolver.selection import Files


@dataclass(frozen=True, slots=True)
class Frontend:
    """One machine.

    Attributes:
        host: its ssh name, or "local".
        hostname: the address clients use; None on this machine.
        tunnelled: whether its cluster reaches it through forwards.
    """

    host: str
    hostname: str | None = None
    tunnelled: bool = False


def frontends(clusters: Sequence[str], *, folder: str, environ: Mapping[str, str]) -> tuple[Frontend, ...]:
    """Give the machines of clusters, from the user's cluster files.

    Raises:
        ManifestError: a cluster is not defined, or its definition is at fault.
    """
    if not clusters:
        return ()
    with isolated(folder, environ):
        definitions = Files({}, {}).select(None).definitions
        problems: list[Problem] = []
        for name in clusters:
            if name in definitions.faults:
                problems += definitions.problems(name)
            elif name not in definitions.usable:
                problems.append(
                    Problem(None, f"there is no cluster {name}", nearest(name, definitions.names))
                )
        if problems:
            raise ManifestError(problems)
        return tuple(one for name in clusters for one in _machines(name, local=name == definitions.local))


def _machines(name: str, *, local: bool) -> list[Frontend]:
    from seamless_config.cluster import get_cluster  # noqa: PLC0415 - the one door to it is this package

    cluster = get_cluster(name)
    if local:
        return [Frontend(LOCAL)]
    return [
        Frontend(f.ssh_hostname or f.hostname, f.hostname, bool(cluster.tunnel)) for f in cluster.frontends
    ]
