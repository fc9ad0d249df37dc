"""Processes of a simulated machine, what services among them know, and who answers on a port."""

from __future__ import annotations

from typing import Any, NamedTuple


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
        role: "service", "child" (of a service), "stranger", "ssh", "monitor".
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
        pace: how fast it is.
        patience: seconds it waits for its state file to appear.
        children: how many processes it starts, which outlive it if it is killed.
        successor: a pid it leaves in its state file as it ends, as if another had been launched meanwhile.
        timeout: seconds without a request until it exits; None for never.
        data: the file or directory it keeps data in.
    """

    __slots__ = (
        "args",
        "base",
        "children",
        "data",
        "fate",
        "host",
        "kind",
        "last_request",
        "pace",
        "path",
        "patience",
        "phase",
        "port",
        "ports",
        "status_key",
        "successor",
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
        self.pace = PROFILES[kind]
        self.patience = 20.0
        self.successor: int | None = None
        self.children = 0
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
