"""One simulated machine: processes, ports, state files, logs, directories, and how it may be reached."""

from __future__ import annotations

from world.files import Tree
from world.process import PROFILES, Listener, Process
from world.state import Log, StateFile

FIRST_PID = 4_000
FIRST_PORT = 50_000


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
        proxy: `http_proxy` is set there, to where nobody listens.
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
        self.proxy = False
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
