"""What was seen of one host, and of this machine: values that the rules judge. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rhl_helpers.credentials import Agent, Offer
from rhl_helpers.errors import GuardRefused, HelperError
from rhl_helpers.examining import CondaCache, HelpText
from rhl_helpers.masters import Master
from rhl_helpers.reachability import Greeting, Route, Way
from rhl_helpers.rows import MalformedRow, PersistentRow, ServerRow


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something could not be had, as the error told it."""

    kind: str
    detail: str
    hint: str = ""
    wants_marker: bool = False
    has_no_policy: bool = False

    @property
    def no_connection(self) -> bool:
        """Whether the host was not reached at all, so that nothing was asked."""
        return self.kind in ("unreachable", "authentication failed", "host key", "timeout")

    @property
    def refused(self) -> bool:
        """Whether the guard said no."""
        return self.kind == "guard refused"

    def __str__(self) -> str:
        """Give kind and detail in one line."""
        return f"{self.kind}: {self.detail}"


def trouble(error: HelperError) -> Trouble:
    """Turn an error into a value."""
    guard = error if isinstance(error, GuardRefused) else None
    return Trouble(
        error.kind,
        error.detail,
        error.hint,
        wants_marker=bool(guard and guard.wants_marker),
        has_no_policy=bool(guard and guard.has_no_policy),
    )


@dataclass(frozen=True, slots=True)
class Patient:
    """A host to examine, and what is asked of it.

    Attributes:
        name: its ssh name, or "local".
        hostname: the address clients use.
        tunnelled: whether clients reach its services through forwards.
        clusters: the clusters that name it; empty where the user did.
        folders: folders that services of the manifest keep data or work in.
        roots: folders that services of its clusters keep theirs below.
        environments: conda environments that services run in.
        programs: what services are started as, where no environment holds them.
    """

    name: str
    hostname: str | None = None
    tunnelled: bool = False
    clusters: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, reached without ssh."""
        return self.name == "local"


@dataclass(frozen=True, slots=True)
class Login:
    """One way to log in, tried; `trouble` is why it failed."""

    way: Way
    trouble: Trouble | None = None
    seconds: float = 0.0

    @property
    def worked(self) -> bool:
        """Whether the host let it in."""
        return self.trouble is None


@dataclass(frozen=True, slots=True)
class ClockSight:
    """One sight of the host's clock.

    Attributes:
        ahead: seconds the host is ahead of this machine, at its best guess; negative if behind.
        doubt: seconds it may be off.
        zoned: whether only the part within a quarter of an hour is known, as the zone is not.
    """

    ahead: float
    doubt: float
    zoned: bool = True


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The folder of the state files, where this machine can look at it itself.

    Attributes:
        mode: permission bits; None where it is not there.
        mine: whether it is this user's.
        writable: whether this user may write in it, or make it.
        free: bytes free on its disk.
    """

    path: str
    mode: int | None = None
    mine: bool = True
    writable: bool = True
    free: int | None = None


@dataclass(frozen=True, slots=True)
class HostSight:
    """All that was seen of a host; None is "not looked at", mostly because something before it failed.

    Attributes:
        asked: which transport the user asked for: "auto", "paramiko" or "openssh".
        login, other: the chosen transport, and the other one.
        bare: what a helper says without the PATH prefix.
        help: what each reading helper says of itself.
        local_help: what those of this machine say, by the installed version.
        listed: the services, or why they could not be listed.
        hidden, outside, home: how a guard takes a hidden path, a path far from any cache, and the home.
        folders: how it takes those that are asked for.
        forwarding: whether ports there can be reached.
        better: names that work where this one does not.
        programs: of the service programs, which are found (this machine only).
        state: the folder of the state files (this machine only).
        seconds: how long all that took.
    """

    patient: Patient
    asked: str = "auto"
    route: Route | Trouble | None = None
    addresses: tuple[str, ...] | Trouble | None = None
    greeting: Greeting | Trouble | None = None
    offer: Offer | None = None
    login: Login | None = None
    other: Login | None = None
    bare: HelpText | Trouble | None = None
    help: Mapping[str, HelpText | Trouble] = field(default_factory=dict)
    local_help: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    listed: tuple[ServerRow | MalformedRow, ...] | Trouble | None = None
    hidden: PersistentRow | Trouble | None = None
    outside: PersistentRow | Trouble | None = None
    home: PersistentRow | Trouble | None = None
    folders: Mapping[str, PersistentRow | Trouble] = field(default_factory=dict)
    conda: CondaCache | Trouble | None = None
    forwarding: bool | None = None
    client_address: tuple[str, ...] | Trouble | None = None
    clock: tuple[ClockSight, ...] = ()
    better: tuple[str, ...] = ()
    programs: Mapping[str, str | None] = field(default_factory=dict)
    state: ServerFolder | None = None
    seconds: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether helpers could be asked for there."""
        return self.patient.is_local or (self.login is not None and self.login.worked)


# --- this machine --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileSight:
    """One file that may count.

    Attributes:
        used: whether it is read for what is asked here.
        fault: why it cannot be read.
    """

    path: str
    used: bool = True
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package this program needs, and what is installed.

    Attributes:
        tested: the versions it is tested with.
        installed: None where it is not.
        optional: whether only services on this machine need it.
    """

    name: str
    tested: str
    installed: str | None
    fits: bool = True
    optional: bool = False


@dataclass(frozen=True, slots=True)
class PathSight:
    """A file or folder of this machine.

    Attributes:
        mode: permission bits; None where it is not there.
    """

    path: str
    mode: int | None = None
    mine: bool = True
    readable: bool = True
    writable: bool = True

    @property
    def there(self) -> bool:
        """Whether it exists."""
        return self.mode is not None

    @property
    def open_to_others(self) -> bool:
        """Whether others may write it."""
        return self.mode is not None and bool(self.mode & 0o022)


@dataclass(frozen=True, slots=True)
class HereSight:
    """All that was seen of this machine as a client.

    Attributes:
        manifests: the manifests that were asked for.
        commands: seamless.yaml and seamless.profile.yaml, nearest first.
        clusters: cluster files.
        stand_in: what SEAMLESS_CACHE says, which stands in for all of them.
        ssh: the ssh binary and its version; empty where there is none.
        helpers: where the helpers of this machine are, by name; None where not found.
        on_path: whether a plain shell would find them too.
        environ: the environment variables that matter, by name.
        launcher: the folder of the connection files and what is above it.
        state: the folder of this program's state.
        ssh_files: ~/.ssh, its configuration and known_hosts.
        free: bytes free where each folder is, by folder.
        remote, local: whether hosts reached by ssh, or this machine, are examined too.
        tunnels: whether any host is reached through forwards.
        hostnames: addresses that clients connect to without a tunnel.
    """

    manifests: tuple[FileSight, ...] = ()
    commands: tuple[FileSight, ...] = ()
    clusters: tuple[FileSight, ...] = ()
    stand_in: str = ""
    ssh: str = ""
    ssh_version: str = ""
    helpers: Mapping[str, str | None] = field(default_factory=dict)
    on_path: bool = True
    packages: tuple[Requirement, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    launcher: tuple[PathSight, ...] = ()
    state: PathSight | None = None
    masters: tuple[Master, ...] = ()
    agent: Agent | None = None
    ssh_files: tuple[PathSight, ...] = ()
    free: Mapping[str, int] = field(default_factory=dict)
    remote: bool = False
    local: bool = False
    tunnels: bool = False
    hostnames: tuple[str, ...] = ()
