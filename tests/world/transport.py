"""A transport into the simulated world, with everything that can go wrong on the way."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO

from rhl_helpers.errors import AuthenticationFailed, CallTimeout, HostKeyProblem, Unreachable
from rhl_helpers.transport.base import MAX_OUTPUT, Answer, Reply
from world import asking, clearing, folders, guard, launching, listing, network, stopping
from world.command import Died, Helper, OutOfTime, Result

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World

HELPERS: dict[str, Helper] = {
    "rhl-ps": listing.ps,
    "rhl-inspect": listing.inspect,
    "rhl-ps-persistent": folders.ps_persistent,
    "rhl-logs": listing.logs,
    "rhl-pid-alive": asking.pid_alive,
    "rhl-handshake": asking.handshake,
    "rhl-verify-port": asking.verify_port,
    "rhl-conda-info": asking.conda_info,
    "rhl-stop": stopping.stop,
    "rhl-rm": stopping.rm,
    "rhl-clear": clearing.clear,
    "rhl-launch-service": launching.launch,
    "rhl-cache-conda": launching.cache_conda,
}
MUTATING = frozenset({"rhl-stop", "rhl-rm", "rhl-clear", "rhl-launch-service", "rhl-cache-conda"})

LOGIN_MESSAGE = b"Welcome to the cluster!\nQuota: 12% {ok}\n"

BEFORE = frozenset({"unreachable", "timeout", "auth", "host key", "kill before"})


class Killed(BaseException):
    """The code under test is killed, as by `kill -9`: nothing of it may catch this."""


class Fault:
    """Something that goes wrong with a call.

    Args:
        kind: before any effect: "unreachable", "timeout", "auth", "host key", "kill before".
            After it took effect: "lost" (the connection drops), "late" (the answer comes too late),
            "cut" (the session is killed, half the answer arrives), "clipped" (half the answer, exit 0),
            "login" (a login message precedes the answer), "kill after".
            In its place: "reply" (see `reply`).
        helper: which helper; None for any.
        host: on which host; None for any.
        nth: from the how-manyeth matching call on, counting from 1.
        times: how often; None for ever.
        reply: for "reply": the exit code, stdout and stderr to give.
        message: for "login": what is printed first.
    """

    __slots__ = ("count", "helper", "host", "kind", "message", "nth", "reply", "times")

    def __init__(
        self,
        kind: str,
        helper: str | None = None,
        *,
        host: str | None = None,
        nth: int = 1,
        times: int | None = 1,
        reply: tuple[int, bytes, bytes] | None = None,
        message: bytes = LOGIN_MESSAGE,
    ) -> None:
        self.kind = kind
        self.helper = helper
        self.host = host
        self.nth = nth
        self.times = times
        self.reply = reply
        self.message = message
        self.count = 0

    def strikes(self, host: str, helper: str) -> bool:
        """Count a call, and tell whether it goes wrong."""
        if (self.host not in (None, host)) or (self.helper not in (None, helper)):
            return False
        self.count += 1
        return self.count >= self.nth and (self.times is None or self.count < self.nth + self.times)

    def clone(self) -> Fault:
        """Copy it, with its count."""
        copy = Fault.__new__(Fault)
        for name in Fault.__slots__:
            setattr(copy, name, getattr(self, name))
        return copy


class SimTransport:
    """Run helpers on a simulated machine."""

    def __init__(self, world: World, host: str, *, probes: bool = True) -> None:
        self.world = world
        self.host = host
        self.probes = probes
        self.closed = False

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run one helper, as `rhl_helpers.transport.base.Transport` says."""
        words = tuple(argv)
        return self._call(
            words, lambda host: interpret(self.world, host, words), timeout, max_output, stdout_to
        )

    def run_command(self, command: str, *, timeout: float = 30.0) -> Reply:
        """Run a command line as sshd hands it to the guard (or to the shell, where there is none)."""
        words = tuple(command.split()) or ("",)
        return self._call(words, lambda host: _shell(self.world, host, command), timeout, MAX_OUTPUT, None)

    def _call(
        self,
        words: tuple[str, ...],
        work: Callable[[SimHost], Result],
        timeout: float,
        max_output: int,
        stdout_to: BinaryIO | None,
    ) -> Reply:
        world, name = self.world, self.host
        if world.interpose is not None:
            world.interpose(world, name, words)
        host = world.hosts[name]
        fault = (
            next((fault for fault in world.faults if fault.strikes(name, words[0])), None)
            if world.faults
            else None
        )
        start = world.clock.now()
        world.settle()
        world.showing.clear()
        world.saving.clear()
        if words[0] in MUTATING:
            world.monitor.changing(world, name, words[0])
        if fault is not None or not host.up:
            self._before(words, fault, host, timeout)
        world.deadline = start + timeout
        world.clock.sleep(host.latency)
        result = self._work(words, work, host)
        late = world.clock.now() - start > timeout
        if fault is not None or late:
            result = self._after(words, fault, result, late=late)
        world.step(name, words, result.code, None if fault is None else fault.kind)
        return self._deliver(result, max_output, stdout_to)

    def _work(self, words: tuple[str, ...], work: Callable[[SimHost], Result], host: SimHost) -> Result:
        try:
            return work(host)
        except OutOfTime:
            self.world.step(self.host, words, None, "timeout")
            raise CallTimeout(self.host, f"{words[0]}: no answer in time") from None

    def _before(self, words: tuple[str, ...], fault: Fault | None, host: SimHost, timeout: float) -> None:
        """Fail without any effect."""
        kind = "unreachable" if not host.up else (fault.kind if fault is not None else "")
        if kind not in BEFORE:
            return
        self.world.step(self.host, words, None, kind)
        if kind == "kill before":
            raise Killed
        if kind == "timeout":
            self.world.clock.sleep(timeout)
            raise CallTimeout(self.host, f"{words[0]}: no answer in time")
        if kind == "auth":
            raise AuthenticationFailed(self.host, "Authentication failed.")
        if kind == "host key":
            raise HostKeyProblem(self.host, "the host key is not the one on record")
        raise Unreachable(self.host, "Connection refused")

    def _after(self, words: tuple[str, ...], fault: Fault | None, result: Result, *, late: bool) -> Result:
        """Fail, or spoil the answer, after it took effect."""
        kind = fault.kind if fault is not None else "late"
        if kind in ("lost", "kill after") or late or kind == "late":
            self.world.step(self.host, words, None, kind)
            if kind == "kill after":
                raise Killed
            if kind == "lost":
                raise Unreachable(self.host, "Connection reset by peer")
            raise CallTimeout(self.host, f"{words[0]}: no answer in time")
        if kind in ("cut", "clipped"):
            self.world.saving.clear()
            half = result.out[: len(result.out) // 2]
            return Result(-1 if kind == "cut" else result.code, half, "" if kind == "cut" else result.err)
        if kind == "login" and fault is not None:
            return result._replace(out=fault.message + result.out)
        if kind == "reply" and fault is not None and fault.reply is not None:
            code, out, err = fault.reply
            return Result(code, out, err.decode())
        return result

    def _deliver(self, result: Result, max_output: int, stdout_to: BinaryIO | None) -> Reply:
        out = result.out[:max_output]
        truncated = len(out) < len(result.out)
        if stdout_to is not None:
            stdout_to.write(out)
            out = b""
        if self.world.showing or self.world.saving:
            self.world.delivered(whole=not truncated and result.code == 0)
        return Reply(self.host, result.code, out, result.err.encode(), truncated)

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:
        """Ask a port as the machine sees it; None where this transport has to leave that to a helper."""
        if not self.probes:
            return None
        machine = self.world.hosts[self.host]
        if not machine.up:
            raise Unreachable(self.host, "Connection refused")
        met = network.ask(self.world, machine, host, port, path)
        if met == network.SILENT:
            self.world.clock.sleep(timeout)
        return network.as_answer(met)

    def close(self) -> None:
        """Give nothing back: there is nothing to."""
        self.closed = True


def interpret(world: World, host: SimHost, argv: tuple[str, ...]) -> Result:
    """Run one helper, guard first."""
    helper = HELPERS.get(argv[0])
    if host.guard is not None:
        try:
            guard.check(host, argv, guard.parse_policy(host, host.guard))
        except guard.Refused as exc:
            return Result(1, err=f"{exc}\n")
    if helper is None or host.helpers == "missing":
        return Result(127, err=f"bash: line 1: {argv[0]}: command not found\n")
    args = list(argv[1:])
    if "-h" in args or "--help" in args:
        return Result(0, f"usage: {argv[0]}\n\n".encode())
    try:
        return helper(world, host, args)
    except Died as exc:
        return Result(exc.code, exc.out, exc.message if exc.message.endswith("\n") else exc.message + "\n")


def _shell(world: World, host: SimHost, command: str) -> Result:
    """Run a command line: through the guard if there is one."""
    if host.helpers == "conda" and not command.startswith("PATH="):
        return Result(127, err=f"bash: line 1: {command.split(maxsplit=1)[0]}: command not found\n")
    if host.guard is None:
        words = shlex.split(command)
        while words and guard.ASSIGNMENT.match(words[0]):
            words = words[1:]
        return interpret(world, host, tuple(words))
    try:
        words = guard.check_command(host, command)
    except guard.Refused as exc:
        return Result(1, err=f"{exc}\n")
    return interpret(world, host, tuple(words))
