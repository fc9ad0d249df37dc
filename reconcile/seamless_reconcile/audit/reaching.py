"""From options to surveyed scenes on the real world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from seamless_reconcile.audit.survey import Before, survey
from seamless_reconcile.desired import Desired
from seamless_reconcile.events import Reporter
from seamless_reconcile.gathering import AT_ONCE, gather_by
from seamless_reconcile.reaching import Connections, Kind, real_reach
from seamless_reconcile.resolver import resolve_files
from seamless_reconcile.resolver.frontends import Frontend, frontends
from seamless_reconcile.state import FileMemory, state_folder

if TYPE_CHECKING:
    from typing_extensions import Self

    from seamless_reconcile.audit.scene import Scene


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at, and how.

    Attributes:
        files: manifests; none for what lives on the hosts alone.
        named: whether the user named them: then remedies name them too.
        timeout: seconds for each read; None for each call's own.
        parallel: hosts at once, and reads at once on each of them.
        passive: ask no service.
    """

    files: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    named: bool = False
    ssh: Kind = "auto"
    timeout: float | None = None
    parallel: int | None = None
    passive: bool = False


class Auditor:
    """Looks at the same things as often as wanted, over the same connections.

    Use as a context manager. Nothing is contacted before `look`.
    """

    def __init__(self, desired: Desired, machines: Sequence[Frontend], wanted: Wanted) -> None:
        self._desired, self._machines, self._wanted = desired, machines, wanted
        self._connections = Connections(wanted.ssh, wanted.timeout)
        reach = real_reach(
            self._connections.reading, FileMemory(state_folder()), changing=False, timeout=wanted.timeout
        )
        self._reach = replace(reach, gather=gather_by(wanted.parallel or AT_ONCE))

    @classmethod
    def open(cls, wanted: Wanted, environ: Mapping[str, str]) -> Auditor:
        """Load what is declared.

        Raises:
            ManifestError: a manifest or a cluster is at fault; nothing was contacted.
        """
        files = wanted.files
        folder = str(Path(files[0]).resolve().parent if files else Path.cwd())
        desired = resolve_files(files, environ=environ)[1] if files else Desired({})
        named = frontends(wanted.clusters, folder=folder, environ=environ)
        # Of a host that a cluster or the manifest names, these know more than --host does.
        told = {machine.host for machine in named} | set(desired.hosts)
        hosts = dict.fromkeys(host for host in wanted.hosts if host not in told)
        return cls(desired, [*named, *(Frontend(host) for host in hosts)], wanted)

    def look(self, reporter: Reporter, before: Before | None = None) -> Scene:
        """Look once; nothing is changed anywhere (S6).

        Args:
            reporter: hears of each host.
            before: what the earlier looks of a watch found.
        """
        scene = survey(
            self._desired,
            self._machines,
            self._reach,
            passive=self._wanted.passive,
            reporter=reporter,
            before=before,
        )
        return replace(scene, manifests=self._wanted.files if self._wanted.named else ())

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._connections.close()
