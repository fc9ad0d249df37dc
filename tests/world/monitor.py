"""Safety monitors: what must never happen is written down the moment it does.

They look at the truth of the simulated world, not at what any helper says, so they are independent of the
code under test. A violation carries the invariant's name (S1, S3, ...; see docs/safety.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from world.files import inside, overlaps

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.process import Process
    from world.world import World

SHARED_WORKDIR = "/tmp"


class Violation(NamedTuple):
    """Something that must never happen, and did; `call` is its index in the trace."""

    rule: str
    host: str
    detail: str
    call: int
    at: float


@dataclass(frozen=True)
class Allowed:
    """What the code under test may touch; None: anything of that sort.

    Attributes:
        keys: launcher keys that may be stopped, removed, launched, by host; and connection files.
        clears: directories that may lose data, by host (`~` not expanded by anybody: absolute).
        ports: local ports of forwards that may be ended.
    """

    keys: dict[str, frozenset[str]] | None = None
    clears: dict[str, frozenset[str]] | None = None
    client_keys: frozenset[str] | None = None
    ports: frozenset[int] | None = None
    protected: dict[str, frozenset[str]] = field(default_factory=dict)

    def key(self, host: str, key: str) -> bool:
        """Tell whether a key may be touched."""
        return self.keys is None or key in self.keys.get(host, ())

    def clear(self, host: str, path: str) -> bool:
        """Tell whether a directory may lose its data."""
        return self.clears is None or path in self.clears.get(host, ())


class Monitor:
    """Records violations, and notes: what is worth knowing but cannot be known to the code under test."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.notes: list[Violation] = []
        self.allowed = Allowed()
        self.read_only = False
        self.untraced: set[tuple[str, int]] = set()

    def clone(self) -> Monitor:
        """Copy it."""
        copy = Monitor()
        copy.violations = self.violations.copy()
        copy.notes = self.notes.copy()
        copy.allowed, copy.read_only = self.allowed, self.read_only
        copy.untraced = self.untraced.copy()
        return copy

    def violated(self, world: World, rule: str, host: str, detail: str) -> None:
        """Write a violation down."""
        self.violations.append(Violation(rule, host, detail, len(world.trace), world.clock.now()))

    def note(self, world: World, rule: str, host: str, detail: str) -> None:
        """Write down what the code under test could not have known."""
        self.notes.append(Violation(rule, host, detail, len(world.trace), world.clock.now()))

    def _told(self, world: World, rule: str, host: SimHost, process: Process, detail: str) -> None:
        """Write down what was done although a process lives: a violation where anything led to it.

        Beside a process that nothing led to, the successor's state file leads to the successor alone: from
        then on, too, what that process suffers is a note.
        """
        if (host.name, process.pid) not in self.untraced and knowable(host, process):
            self.violated(world, rule, host.name, detail)
        else:
            self.untraced.add((host.name, process.pid))
            self.note(world, rule, host.name, detail)

    # --- what is watched -------------------------------------------------------------------

    def changing(self, world: World, host: str, what: str) -> None:
        """Something asks for a change: not in a phase that only reads (S6)."""
        if self.read_only:
            self.violated(world, "S6", host, f"{what} in a read-only phase")

    def clearing(self, world: World, host: SimHost, target: str) -> None:
        """A directory is about to be cleared: nobody may work in, above or below it (S1)."""
        for process in host.working():
            where = host.tree.real(process.workdir or "/")
            shared = where == SHARED_WORKDIR and inside(target, where)
            if shared or not overlaps(target, where):
                continue
            detail = f"clear of {target} while {process.key} (pid {process.pid}) works in {where}"
            self._told(world, "S1", host, process, detail)

    def cleared(self, world: World, host: SimHost, target: str, removed: Iterable[str]) -> None:
        """Files are gone: they must have belonged to a cache that was to go (S2, S3)."""
        for owner in {owner_of(host, path) for path in removed}:
            if owner is None or host.caches[owner] == "foreign":
                self.violated(world, "S3", host.name, f"clear of {target} took foreign data")
            elif not self.allowed.clear(host.name, owner):
                self.violated(world, "S2", host.name, f"clear of {target} took the data of {owner}")

    def signalling(self, world: World, host: SimHost, key: str, pid: int) -> None:
        """A process is about to be signalled: it must be that key's (S2)."""
        if not self.allowed.key(host.name, key):
            self.violated(world, "S2", host.name, f"stop of {key}, which nobody named")
        if pid <= 1:
            self.violated(world, "stop", host.name, f"stop of {key} signals pid {pid}")
            return
        process = host.processes.get(pid)
        if process is not None and not process.zombie and process.key != key:
            detail = f"stop of {key} signals pid {pid}, which is {process.key or process.role}"
            self.violated(world, "stop", host.name, detail)

    def removing_state(self, world: World, host: SimHost, key: str) -> None:
        """A state file is about to go: no live process may need it (S4), no unread log hang on it (S5)."""
        if not self.allowed.key(host.name, key):
            self.violated(world, "S2", host.name, f"removal of the state of {key}, which nobody named")
        for process in host.of_key(key):
            detail = f"state of {key} removed while pid {process.pid} lives"
            if (host.name, process.pid) in self.untraced:
                self.note(world, "S4", host.name, detail)
            else:
                self.violated(world, "S4", host.name, detail)
        log = host.logs.get(key)
        if log is not None and log.unread:
            self.violated(world, "S5", host.name, f"state of {key} removed, its log unread")

    def launching(self, world: World, host: SimHost, key: str, workdir: str) -> None:
        """A service is about to start: the key must be dead (S4), its log saved (S5)."""
        if not self.allowed.key(host.name, key):
            self.violated(world, "S2", host.name, f"launch of {key}, which nobody named")
        for process in host.of_key(key):
            self._told(world, "S4", host, process, f"launch of {key} while pid {process.pid} lives")
        log = host.logs.get(key)
        if log is not None and log.unread:
            self.violated(world, "S5", host.name, f"launch of {key} truncated its unread log")
        real = host.tree.real(workdir)
        if host.caches.get(real) == "foreign":
            self.note(world, "L3", host.name, f"launch of {key} in the foreign directory {real}")

    def touching_file(self, world: World, key: str) -> None:
        """A connection file is about to change (S2)."""
        self.changing(world, "local", f"change of the connection file of {key}")
        if self.allowed.client_keys is not None and key not in self.allowed.client_keys:
            self.violated(world, "S2", "local", f"change of the connection file of {key}, which nobody named")

    def ending_forward(self, world: World, local_port: int, *, genuine: bool) -> None:
        """A forward is about to be ended: it must be one (S8), and named (S2)."""
        self.changing(world, "local", f"end of the forward on port {local_port}")
        if not genuine:
            self.violated(world, "S8", "local", f"kill of what is not the forward on port {local_port}")
        if self.allowed.ports is not None and local_port not in self.allowed.ports:
            self.violated(
                world, "S2", "local", f"end of the forward on port {local_port}, which nobody named"
            )


def knowable(host: SimHost, process: Process) -> bool:
    """Tell whether anything showed this process to the code under test, or would have on asking."""
    return process.key in host.state or process.pid in host.seen or process.pid in host.launched


def owner_of(host: SimHost, path: str) -> str | None:
    """Give the innermost registered directory a file lies in."""
    best: str | None = None
    for root in host.caches:
        if inside(path, root) and (best is None or len(root) > len(best)):
            best = root
    return best
