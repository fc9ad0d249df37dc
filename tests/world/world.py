"""The simulated world: machines, this client, time, a trace of everything, and the monitors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from world.client import SimClient
from world.clock import Clock
from world.command import OutOfTime
from world.machine import SimHost
from world.monitor import Monitor, Violation
from world.transport import Fault, SimTransport

LOCAL = "local"

Interpose = Callable[["World", str, tuple[str, ...]], None]
Witness = Callable[["World", "tuple[Effect, ...]"], None]


class Effect(NamedTuple):
    """One thing that changed: what, and on what."""

    host: str
    what: str
    on: str


class Step(NamedTuple):
    """One helper call as it went; `exit_code` is None where no answer came back."""

    at: float
    host: str
    argv: tuple[str, ...]
    exit_code: int | None
    effects: tuple[Effect, ...]
    fault: str | None


class World:
    """Everything there is.

    Attributes:
        trace: every helper call and every step on this machine, in order.
        faults: what goes wrong on the way; see `world.transport.Fault`.
        interpose: called before each helper call with the world, the host's name and argv: another client.
        witness: called after each step that changed something, with the world and what changed.
    """

    def __init__(self) -> None:
        self.clock = Clock(self)
        self.hosts: dict[str, SimHost] = {}
        self.trace: list[Step] = []
        self.monitor = Monitor()
        self.faults: list[Fault] = []
        self.interpose: Interpose | None = None
        self.witness: Witness | None = None
        self.pending: list[Effect] = []
        self.showing: list[tuple[str, list[int]]] = []
        self.saving: list[tuple[str, str, int]] = []
        self.deadline = float("inf")
        self.add_host(LOCAL, home="/home/me")
        self.client = SimClient(self)

    def add_host(self, name: str, *, home: str | None = None, **settings: Any) -> SimHost:
        """Add a machine; settings are attributes of `SimHost`."""
        host = SimHost(name, home=home or "/home/svc", now=self.clock.now())
        for setting, value in settings.items():
            if not hasattr(host, setting):
                raise AttributeError(setting)
            setattr(host, setting, value)
        self.hosts[name] = host
        return host

    @property
    def local(self) -> SimHost:
        """This machine."""
        return self.hosts[LOCAL]

    @property
    def violations(self) -> list[Violation]:
        """What must never happen, and did."""
        return self.monitor.violations

    def transport(self, host: str = LOCAL, *, probes: bool = True) -> SimTransport:
        """Give a way to run helpers there; `probes`: whether it can ask ports without a helper."""
        return SimTransport(self, host, probes=probes)

    def at_address(self, asker: SimHost, address: str) -> SimHost | None:
        """Give the machine an address means to somebody on `asker`."""
        if address in ("localhost", "127.0.0.1", "::1") or address in asker.addresses:
            return asker
        return next((host for host in self.hosts.values() if address in host.addresses), None)

    # --- what one call does ----------------------------------------------------------------

    def effect(self, host: str, what: str, on: str) -> None:
        """Write down that something changed."""
        self.pending.append(Effect(host, what, on))

    def step(self, host: str, argv: tuple[str, ...], exit_code: int | None, fault: str | None = None) -> None:
        """Write down a call, with what changed in it."""
        effects = tuple(self.pending)
        self.pending.clear()
        self.trace.append(Step(self.clock.now(), host, argv, exit_code, effects, fault))
        if effects and self.witness is not None:
            self.witness(self, effects)

    def settle(self) -> None:
        """Write down what happened by itself since the last call, as a step without argv."""
        if self.pending:
            self.step("", (), None)

    def shown(self, host: SimHost, pids: list[Any]) -> None:
        """The answer being given names these pids; counts once it is delivered."""
        self.showing.append((host.name, [pid for pid in pids if type(pid) is int]))

    def read_in_full(self, host: SimHost, key: str) -> None:
        """The answer being given is a whole log; counts once it is delivered."""
        self.saving.append((host.name, key, host.logs[key].version))

    def delivered(self, *, whole: bool) -> None:
        """The answer has arrived, cut or whole."""
        for name, pids in self.showing:
            self.hosts[name].seen.update(pids)
        if whole:
            for name, key, version in self.saving:
                self.hosts[name].logs[key].saved = version

    def pause(self, seconds: float) -> None:
        """Let a helper wait, but no longer than its caller does.

        Raises:
            OutOfTime: where the caller has given up.
        """
        left = self.deadline - self.clock.now()
        self.clock.sleep(min(seconds, left))
        if seconds > left:
            raise OutOfTime

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Declare a phase in which nothing may change (S6)."""
        before, self.monitor.read_only = self.monitor.read_only, True
        try:
            yield
        finally:
            self.monitor.read_only = before

    def new_run(self) -> None:
        """Forget what the code under test has seen: a new process of it starts with nothing in mind."""
        for host in self.hosts.values():
            host.seen.clear()
            host.launched.clear()

    def clone(self) -> World:
        """Copy everything, due events included; transports must be asked for anew."""
        copy = World.__new__(World)
        copy.clock = self.clock.clone(copy)
        copy.hosts = {name: host.clone() for name, host in self.hosts.items()}
        copy.trace = self.trace.copy()
        copy.monitor = self.monitor.clone()
        copy.faults = [fault.clone() for fault in self.faults]
        copy.interpose = self.interpose
        copy.witness = None
        copy.pending = self.pending.copy()
        copy.showing, copy.saving = self.showing.copy(), self.saving.copy()
        copy.deadline = self.deadline
        copy.client = self.client.clone(copy)
        return copy
