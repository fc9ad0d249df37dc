"""One simulated machine: processes, ports, state files, logs, directories, and how it may be reached."""

from __future__ import annotations

import functools
import json
from typing import Any, NamedTuple

from world.files import Tree

FIRST_PID = 4_000
FIRST_PORT = 50_000
MAX_NESTING = 900


class StateFile(NamedTuple):
    """A launcher state file, as bytes; `folder` for a directory where a file should be."""

    raw: bytes
    mtime: float
    folder: bool = False


class Log:
    """A service's log file; `version` changes with every write, `saved` is the version last read in full."""

    __slots__ = ("chunks", "saved", "version")

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.version = 0
        self.saved = 0

    def clone(self) -> Log:
        """Copy it."""
        copy = Log()
        copy.chunks = self.chunks.copy()
        copy.version, copy.saved = self.version, self.saved
        return copy

    def write(self, data: bytes) -> None:
        """Append."""
        if data:
            self.chunks.append(data)
            self.version += 1

    def truncate(self) -> None:
        """Empty it, as the launcher does before a start."""
        self.chunks.clear()
        self.version += 1

    @property
    def unread(self) -> bool:
        """Whether it holds something nobody has read in full."""
        return bool(self.chunks) and self.saved != self.version


class Profile(NamedTuple):
    """How fast a kind of service is, in seconds.

    Attributes:
        boot: from the start to reading its state file.
        start: from there to writing `running`.
        bind: from there to answering (negative: the port is bound before `running` is written).
        stop: from a signal to the end.
    """

    boot: float = 0.4
    start: float = 0.1
    bind: float = 0.02
    stop: float = 0.1


PROFILES = {
    "hashserver": Profile(0.5, 0.05, 0.01, 0.2),
    "database": Profile(0.3, 0.02, -0.01, 0.1),
    "jobserver": Profile(0.6, 0.1, -0.01, 0.2),
    "daskserver": Profile(1.0, 0.5, -0.2, 2.5),
    "launcher": Profile(0.2, 0.05, -0.01, 0.1),
}


class Process:
    """A process of a machine.

    Attributes:
        owner: "ours" or "other": whether the service account may signal it.
        zombie: it has ended, but nobody has reaped it.
        role: "service", "stranger", "ssh", "monitor".
        key: the launcher key it was started for; None for anything but services.
        workdir: absolute, `~` expanded.
        ignores: signals it does not react to.
        service: what it does, for services.
    """

    __slots__ = (
        "command",
        "ignores",
        "key",
        "owner",
        "pid",
        "role",
        "service",
        "started",
        "workdir",
        "zombie",
    )

    def __init__(self, pid: int, role: str, started: float, *, owner: str = "ours") -> None:
        self.pid = pid
        self.role = role
        self.started = started
        self.owner = owner
        self.zombie = False
        self.key: str | None = None
        self.workdir: str | None = None
        self.command: tuple[str, ...] = ()
        self.ignores: frozenset[str] = frozenset()
        self.service: Service | None = None

    def clone(self) -> Process:
        """Copy it."""
        copy = Process(self.pid, self.role, self.started, owner=self.owner)
        copy.zombie, copy.key, copy.workdir = self.zombie, self.key, self.workdir
        copy.command, copy.ignores = self.command, self.ignores
        copy.service = None if self.service is None else self.service.clone()
        return copy


class Service:
    """What a service process knows of itself.

    Attributes:
        kind: "hashserver", "database", "jobserver", "daskserver", "launcher".
        status_key: the key of the state file it was told to use; None for none.
        base: the state it read at its start, which it writes back with more.
        phase: "booting", "starting", "running", "stopping".
        fate: "well", or how it goes wrong: "failed", "dies", "hangs", "mute", "sick", "bind".
        timeout: seconds without a request until it exits; None for never.
        data: the file or directory it keeps data in.
    """

    __slots__ = (
        "args",
        "base",
        "data",
        "fate",
        "host",
        "kind",
        "last_request",
        "path",
        "phase",
        "port",
        "ports",
        "status_key",
        "timeout",
        "waiting_since",
        "writable",
    )

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.status_key: str | None = None
        self.base: dict[str, Any] | None = None
        self.phase = "booting"
        self.fate = "well"
        self.timeout: float | None = None
        self.last_request = 0.0
        self.waiting_since = 0.0
        self.host = "0.0.0.0"  # noqa: S104 - the services' own default
        self.port: int | None = None
        self.ports: tuple[int, int] | None = None
        self.path = "healthcheck"
        self.data: str | None = None
        self.writable = False
        self.args: tuple[str, ...] = ()

    def clone(self) -> Service:
        """Copy it."""
        copy = Service.__new__(Service)
        for name in Service.__slots__:
            setattr(copy, name, getattr(self, name))
        return copy


class Listener(NamedTuple):
    """Who answers on a port.

    Attributes:
        interface: what it is bound to: a loopback name, "0.0.0.0", or a name of the machine.
        kind: "service", "http" (someone else's), "silent", "reset", "forward".
        statuses: HTTP status by path, for "http"; others get `otherwise`.
    """

    interface: str
    kind: str
    pid: int | None = None
    statuses: tuple[tuple[str, int], ...] = ()
    otherwise: int = 404


class Decoded(NamedTuple):
    """A state file as a helper's JSON reader takes it: data, or what goes wrong."""

    data: dict[str, Any] | None
    problem: str = ""
    traceback: bool = False


@functools.lru_cache(maxsize=8192)
def decode(raw: bytes) -> Decoded:
    """Read a state file; the result is shared: never change it."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        return Decoded(None, f"UnicodeDecodeError: {exc}", traceback=True)
    if _nesting(text) > MAX_NESTING:
        kind = "array" if text.lstrip().startswith("[") else "object"
        problem = f"maximum recursion depth exceeded while decoding a JSON {kind} from a unicode string"
        return Decoded(None, f"RecursionError: {problem}", traceback=True)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as exc:
        return Decoded(None, f"malformed JSON in {{path}}: {exc}")
    if not isinstance(data, dict):
        return Decoded(None, "state file must contain a JSON object: {path}")
    return Decoded(data)


def _nesting(text: str) -> int:
    """Give how deep brackets go; the plain case is settled by counting."""
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


class SimHost:
    """One machine and the service account's view of it.

    Attributes:
        name: what the user writes ("frontend"), or "local".
        addresses: names and addresses other machines reach it by.
        guard: the arguments of `rhl-guard`, or None where the account has a plain shell.
        helpers: "installed", "conda" (only with the conda base on PATH), or "missing".
        up: whether it can be reached at all.
        root: whether the service account may signal everybody.
        reap: seconds a process that ended stays a zombie; None: for ever.
        skew: seconds its clock is ahead of the client's.
        zone: seconds its local time is ahead of UTC.
        latency: seconds one helper call takes by itself.
        state_write: seconds between starting a service and writing its state.
        disk_full: no state file can be written.
        tools: service binaries that may be launched.
        binaries: those of them that are installed; None for all.
        fates: how the next launches of a key go, first come first served.
        caches: directories that hold a service's data (real paths): what is not in here is foreign.
    """

    def __init__(self, name: str, *, home: str, now: float) -> None:
        self.name = name
        self.home = home
        self.addresses: frozenset[str] = frozenset({name})
        self.guard: tuple[str, ...] | None = None
        self.helpers = "installed"
        self.up = True
        self.root = False
        self.reap: float | None = 0.0
        self.skew = 0.0
        self.zone = 0
        self.latency = 0.05
        self.state_write = 0.0
        self.disk_full = False
        self.tools = frozenset(
            {"hashserver", "seamless-database", "seamless-jobserver", "seamless-dask-wrapper"}
        )
        self.binaries: frozenset[str] | None = None
        self.conda: bytes | None = None
        self.conda_found: bytes | None = None
        self.conda_envs: frozenset[str] = frozenset()
        self.profiles = dict(PROFILES)
        self.fates: dict[str, tuple[str, ...]] = {}
        self.state: dict[str, StateFile] = {}
        self.logs: dict[str, Log] = {}
        self.client_files: dict[str, bytes] = {}
        self.processes: dict[int, Process] = {}
        self.ports: dict[int, Listener] = {}
        self.caches: dict[str, str] = {}
        self.seen: set[int] = set()
        self.launched: set[int] = set()
        self.next_pid = FIRST_PID
        self.next_port = FIRST_PORT
        self.tree = Tree(now)
        self.tree.mkdirs(home, now)

    @property
    def base(self) -> str:
        """The launcher's directory."""
        return f"{self.home}/.remote-http-launcher"

    def state_path(self, key: str) -> str:
        """Give where a key's state file is."""
        return f"{self.base}/server/{key}.json"

    def log_path(self, key: str) -> str:
        """Give where a key's log is."""
        return f"{self.base}/server/{key}.log"

    def expand(self, path: str) -> str:
        """Put the home directory in the place of `~`."""
        if path == "~":
            return self.home
        return self.home + path[1:] if path.startswith("~/") else path

    def live(self, pid: int) -> bool:
        """Tell whether a pid exists, as signal 0 does: zombies and other users' processes count."""
        # 0 and -1 mean the caller's group and everybody; -N a group, which a service's leader makes.
        return pid in (-1, 0, 1) or abs(pid) in self.processes

    def working(self) -> list[Process]:
        """Give the service processes that really run."""
        return [p for p in self.processes.values() if p.role == "service" and not p.zombie]

    def of_key(self, key: str) -> list[Process]:
        """Give the processes of a key that really run."""
        return [p for p in self.processes.values() if p.key == key and not p.zombie]

    def log(self, key: str) -> Log:
        """Give a key's log, made if need be."""
        log = self.logs.get(key)
        if log is None:
            log = self.logs[key] = Log()
        return log

    def new_pid(self) -> int:
        """Give a pid nobody has."""
        while self.next_pid in self.processes:
            self.next_pid += 1
        self.next_pid += 1
        return self.next_pid - 1

    def free_port(self, ports: tuple[int, int] | None = None) -> int:
        """Give a port nobody listens on, from a range if there is one."""
        low, high = ports or (FIRST_PORT, 65_535)
        port = max(self.next_port, low)
        if port > high:
            port = low
        while port in self.ports:
            port += 1
        if ports is None:
            self.next_port = port + 1
        return port

    def clone(self) -> SimHost:
        """Copy the machine."""
        copy = SimHost.__new__(SimHost)
        copy.__dict__.update(self.__dict__)
        copy.profiles = self.profiles.copy()
        copy.fates = self.fates.copy()
        copy.state = self.state.copy()
        copy.logs = {key: log.clone() for key, log in self.logs.items()}
        copy.client_files = self.client_files.copy()
        copy.processes = {pid: process.clone() for pid, process in self.processes.items()}
        copy.ports = self.ports.copy()
        copy.caches = self.caches.copy()
        copy.seen = self.seen.copy()
        copy.launched = self.launched.copy()
        copy.tree = self.tree.clone()
        return copy
