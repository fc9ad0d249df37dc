"""What a manifest says, checked but not yet resolved to keys and hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class ServiceState(str, Enum):
    """What a service should be."""

    RUNNING = "running"
    STOPPED = "stopped"
    ABSENT = "absent"


class CacheState(str, Enum):
    """What a cache should be."""

    KEEP = "keep"
    COLD = "cold"
    WARM = "warm"


class TunnelState(str, Enum):
    """What a tunnel should be; `auto` is settled when the entry is resolved."""

    AUTO = "auto"
    OPEN = "open"
    CLOSED = "closed"


SEAMLESS_TYPES = ("hashserver", "database", "jobserver", "daskserver", "pure_daskserver")
"""The service types of seamless-config's tools; `pure-daskserver` is accepted as another spelling."""

LAUNCHER_TYPE = "launcher"
PERSISTENT_TYPES = frozenset({"hashserver", "database"})


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a manifest; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Give file:line:column, as editors and terminals link it."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which deployment a service belongs to; None where the manifest is silent."""

    cluster: str | None = None
    project: str | None = None
    subproject: str | None = None
    stage: str | None = None
    substage: str | None = None
    mode: str = "rw"
    queue: str | None = None
    frontend: str | None = None


@dataclass(frozen=True, slots=True)
class CacheDeclaration:
    """The `cache:` of an entry. `explicit` is False where the manifest left it out."""

    state: CacheState = CacheState.KEEP
    epoch: str | None = None
    path: str | None = None
    marker: str | None = None
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One service of a manifest, defaults applied.

    Attributes:
        launcher: for `type: launcher`, the launcher's own configuration mapping.
        idle_timeout: seconds; None leaves the runtime's default.
        at: where the entry stands.
        places: where its fields stand, by dotted name ("cache.path").
    """

    name: str
    type: str
    identity: Identity
    state: ServiceState
    cache: CacheDeclaration
    tunnel: TunnelState
    idle_timeout: float | None
    depends_on: tuple[str, ...]
    protect: bool
    launcher: Mapping[str, Any] | None
    at: Location
    places: Mapping[str, Location] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the manifests of one run say.

    Attributes:
        files: the files it was read from, absolute paths.
        digest: sha256 over their contents and the environment values that were put in.
        folder: where seamless.yaml and seamless.profile.yaml are looked for (the first file's folder).
        clusters: inline cluster definitions, the shape of clusters.yaml.
        cluster_places: where these stand, by name.
        secrets: values put in from environment variables whose names say that they are secret.
    """

    entries: tuple[Entry, ...]
    clusters: Mapping[str, Any]
    files: tuple[str, ...]
    folder: str
    digest: str
    cluster_places: Mapping[str, Location] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a manifest, for a person to fix."""

    at: Location | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Give one line: where, what, and what to try."""
        where = f"{self.at}: " if self.at else ""
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")


class ManifestError(Exception):
    """The manifest is not usable; carries all problems at once (exit 65)."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
