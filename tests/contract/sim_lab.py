"""The simulated machine, with the powers a test of the contract needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from contract.lab import Guarded, Lab
from rhl_helpers.transport.base import Reply
from world import Fault, SimHost, SimTransport, StateFile, World, use
from world.ending import interrupt
from world.files import Dir, File
from world.process import Listener, Process
from world.state import decode


class SimLab(Lab):
    """A host of a simulated world."""

    real = False

    def __init__(self, *, reap: float | None = 0.0) -> None:
        self.world = World()
        self.machine: SimHost = self.world.add_host("machine", home="/home/svc", reap=reap)
        self.machine.tools |= {"obedient", "missing"}
        self.machine.binaries = self.machine.tools - {"missing"}
        self.home = self.machine.home
        self.transport: SimTransport = self.world.transport("machine")

    def write_state(self, key: str, raw: bytes) -> None:
        self.machine.state[key] = StateFile(raw, self.world.clock.now())

    def state_folder(self, key: str) -> None:
        self.machine.state[key] = StateFile(b"", self.world.clock.now(), folder=True)

    def vanished_state(self, key: str) -> None:
        self.machine.state[key] = StateFile(b"", self.world.clock.now(), vanished=True)

    def read_state(self, key: str) -> dict[str, Any] | None:
        state = self.machine.state.get(key)
        data = None if state is None else decode(state.raw).data
        return None if data is None else dict(data)

    def age_state(self, key: str) -> float:
        return self.world.clock.now() - self.machine.state[key].mtime

    def client_file(self, key: str, content: Mapping[str, Any]) -> None:
        self.machine.client_files[key] = json.dumps(dict(content)).encode()

    def has_client_file(self, key: str) -> bool:
        return key in self.machine.client_files

    def write_log(self, key: str, data: bytes) -> None:
        self.machine.log(key).write(data)

    def read_log(self, key: str) -> bytes:
        return b"".join(self.machine.log(key).chunks)

    def make(self, *paths: str) -> None:
        for path in paths:
            if path.endswith("/"):
                self.machine.tree.mkdirs(self.path(path), self.world.clock.now())
            else:
                self.machine.tree.write(self.path(path), 5, self.world.clock.now())

    def link(self, path: str, target: str) -> None:
        self.machine.tree.link(self.path(path), self.path(target), self.world.clock.now())

    def listing(self, path: str) -> list[str] | None:
        node = self.machine.tree.find(self.path(path))
        return sorted(_below(node)) if isinstance(node, Dir) else None

    def touch(self, path: str, mtime: float) -> None:
        node = self.machine.tree.find(self.path(path))
        assert isinstance(node, (File, Dir))
        node.mtime = mtime
        self.machine.zone = 0

    def process(self, kind: str = "sleep") -> int:
        pid = self.machine.new_pid()
        if kind == "dead":
            return pid
        process = Process(
            pid, "stranger", self.world.clock.now(), owner="other" if kind == "other" else "ours"
        )
        process.zombie = kind == "zombie"
        self.machine.processes[pid] = process
        return pid

    def lives(self, pid: int) -> bool:
        process = self.machine.processes.get(pid)
        return process is not None and not process.zombie

    def signal(self, pid: int) -> None:
        interrupt(self.world, self.machine, self.machine.processes[pid], "SIGINT")

    def services(self) -> int:
        processes = self.machine.processes.values()
        return len([p for p in processes if p.role in ("service", "child") and not p.zombie])

    def port(self, kind: str, statuses: Mapping[str, int] | None = None) -> int:
        port = self.machine.free_port()
        if kind != "closed":
            self.machine.ports[port] = Listener("localhost", kind, None, tuple((statuses or {}).items()))
        return port

    def guarded(self, *policy: str, roots: Sequence[str] = ()) -> Guarded:
        self.machine.guard = (*policy, *(("--data-roots", ":".join(roots)) if roots else ()))
        return _SimGuarded(self.transport)

    def now(self) -> float:
        return self.world.clock.now()

    def wait(self, seconds: float) -> None:
        self.world.clock.sleep(seconds)

    def without_space(self) -> None:
        self.machine.disk_full = True

    def without(self, what: str) -> SimTransport:
        if what == "proxy":
            self.machine.proxy = True
        else:
            self.machine.helpers = {"helpers": "missing", "conda": "conda"}[what]
        return self.transport

    def chatty(self, message: str) -> SimTransport:
        self.world.faults.append(Fault("login", times=None, message=message.encode()))
        return self.transport

    def slow_state_write(self, seconds: float) -> SimTransport:
        self.machine.state_write = seconds
        return self.transport

    def with_conda(self, *envs: str) -> None:
        self.machine.conda_envs = frozenset(envs)
        base = self.path("miniforge3")
        found = {"conda_source": None, "conda_base": base, "envs": [f"{base}/envs/{env}" for env in envs]}
        self.machine.conda_found = json.dumps(found).encode()

    def insert(self, key: str, port: int) -> None:
        assert use(self.world, "machine", key)

    def lazy(self) -> SimLab:
        return SimLab(reap=None)


class _SimGuarded(Guarded):
    def __init__(self, transport: SimTransport) -> None:
        self.transport = transport

    def command(self, line: str) -> Reply:
        assert isinstance(self.transport, SimTransport)
        return self.transport.run_command(line)


def _below(folder: Dir, prefix: str = "") -> list[str]:
    found = []
    for name, node in folder.entries.items():
        if isinstance(node, Dir):
            found += _below(node, f"{prefix}{name}/") or [f"{prefix}{name}/"]
        else:
            found.append(prefix + name)
    return found
