"""The forward processes of this machine: find them, start one, end one and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import psutil

from rhl_helpers.client import Forward, ForwardFailed, Process, ProcessEvidence
from rhl_helpers.client_files import FOLDER_VARIABLE
from rhl_helpers.forwards import ForwardTarget, MonitorLine, parse_monitor, parse_ssh
from rhl_helpers.opening import collect

_TERM_SECONDS = 2.0
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class _Monitor:
    process: Process
    line: MonitorLine


@dataclass(frozen=True, slots=True)
class _Ssh:
    process: Process
    parent: int
    target: ForwardTarget
    shared: bool = False


def list_forwards() -> list[Forward]:
    """List the forwards of this user's client: monitors with their ssh, and whichever of the two is alone.

    Another client of the same user, with connection files elsewhere, has forwards of its own.
    """
    monitors: list[_Monitor] = []
    sshs: list[_Ssh] = []
    for process, argv in _own_processes():
        line, targets = parse_monitor(argv), parse_ssh(argv)
        if line is None and not targets:
            continue
        if not _same_client(process):
            continue
        if line is not None:
            monitors.append(_Monitor(_named(process), line))
            continue
        parent = process.ppid()
        sshs += [_Ssh(_named(process), parent, target, len(targets) > 1) for target in targets]
    return sorted(_paired(monitors, sshs), key=lambda forward: (forward.local_port, forward.ssh_host))


def _own_processes() -> Iterator[tuple[psutil.Process, list[str]]]:
    """Give this user's ssh and Python processes with their command lines, cheapest question first."""
    uid = os.getuid()
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                if not _may_forward(process.name()) or process.uids().real != uid:
                    continue
                yield process, process.cmdline()
        except psutil.Error:
            # Gone meanwhile, or not ours to look at.
            continue


def _same_client(process: psutil.Process) -> bool:
    """Tell whether a process was started where the connection files are the same as here.

    Where its environment cannot be read, that is assumed: it is this user's, by its owner.
    """
    try:
        theirs = process.environ()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
    except (psutil.AccessDenied, OSError):
        return True
    return all(theirs.get(name, "") == os.environ.get(name, "") for name in (FOLDER_VARIABLE, "HOME"))


def _may_forward(name: str) -> bool:
    lower = name.lower()
    return lower == "ssh" or lower.startswith(("python", "pypy"))


def _named(process: psutil.Process) -> Process:
    return Process(process.pid, process.create_time())


def _paired(monitors: Sequence[_Monitor], sshs: Sequence[_Ssh]) -> Iterator[Forward]:
    """Match each monitor with its ssh: its child where there are several alike."""
    free = list(sshs)
    for monitor in monitors:
        alike = [ssh for ssh in free if _same(ssh.target, monitor.line.target)]
        child = [ssh for ssh in alike if ssh.parent == monitor.process.pid]
        found = next(iter(child or alike), None)
        if found is not None:
            free.remove(found)
        yield _forward(
            monitor.line.target, monitor.line.remote_pid, monitor.process, found.process if found else None
        )
    for ssh in free:
        yield replace(_forward(ssh.target, None, None, ssh.process), shared=ssh.shared)


def _same(one: ForwardTarget, other: ForwardTarget) -> bool:
    # A wrapper may put a user name or a full name in the host's place: the ports and the target decide.
    return (one.local_port, one.remote_host, one.remote_port) == (
        other.local_port,
        other.remote_host,
        other.remote_port,
    )


def _forward(
    target: ForwardTarget, remote_pid: int | None, monitor: Process | None, ssh: Process | None
) -> Forward:
    return Forward(
        local_port=target.local_port,
        ssh_host=target.ssh_host,
        remote_host=target.remote_host,
        remote_port=target.remote_port,
        remote_pid=remote_pid,
        monitor=monitor,
        ssh=ssh,
    )


def end_forward(forward: Forward) -> None:
    """End a forward: its ssh first, then its monitor at once (it would take up to 20 s to notice).

    Killed the other way round, the monitor would leave its ssh behind, forwarding for ever.

    Raises:
        ForwardFailed: a pid belongs to something else now (S8), or a process would not end.
    """
    ssh = None if forward.ssh is None else _verified(forward.ssh, forward, monitor=False)
    monitor = None if forward.monitor is None else _verified(forward.monitor, forward, monitor=True)
    if ssh is not None:
        _terminate(ssh, forward)
    if monitor is not None:
        _kill(monitor, forward)
        collect(monitor.pid)


def _verified(named: Process, forward: Forward, *, monitor: bool) -> psutil.Process | None:
    """Give the process if it still is what it was: create time, owner, command line; None if it is gone."""
    try:
        process = psutil.Process(named.pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            same = process.create_time() == named.create_time and process.uids().real == os.getuid()
            argv = process.cmdline() if same else []
    except psutil.NoSuchProcess:
        return None
    except psutil.Error as exc:
        raise ForwardFailed(f"process {named.pid} cannot be looked at: {exc}") from None
    if not same or not _is_forward(argv, forward, monitor=monitor):
        if _gone(process):
            return None
        raise ForwardFailed(f"process {named.pid} is something else now; it was left alone")
    return process


def _is_forward(argv: list[str], forward: Forward, *, monitor: bool) -> bool:
    if monitor:
        line = parse_monitor(argv)
        return line is not None and _matches(line.target, forward) and line.remote_pid == forward.remote_pid
    targets = parse_ssh(argv)
    if len(targets) > 1 and any(_matches(target, forward) for target in targets):
        raise ForwardFailed(f"the ssh of port {forward.local_port} carries other forwards too")
    return len(targets) == 1 and _matches(targets[0], forward)


def _matches(target: ForwardTarget, forward: Forward) -> bool:
    return (target.local_port, target.remote_host, target.remote_port) == (
        forward.local_port,
        forward.remote_host,
        forward.remote_port,
    )


def _terminate(process: psutil.Process, forward: Forward) -> None:
    try:
        process.terminate()
        if _wait(process, _TERM_SECONDS):
            return
    except psutil.NoSuchProcess:
        return
    _kill(process, forward)


def _kill(process: psutil.Process, forward: Forward) -> None:
    try:
        process.kill()
        if _wait(process, _KILL_SECONDS):
            return
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as exc:
        raise ForwardFailed(f"port {forward.local_port}: {exc}") from None
    raise ForwardFailed(f"process {process.pid} of port {forward.local_port} does not end")


def _wait(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not _gone(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _gone(process: psutil.Process) -> bool:
    """Tell whether a process is over; a zombie, which its parent has yet to collect, is."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def evidence(pid: int) -> ProcessEvidence | None:
    """Say what this machine knows of a pid; None if there is no such process."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            zombie = process.status() == psutil.STATUS_ZOMBIE
            return ProcessEvidence(zombie, _command(process), process.create_time())
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return None


def _command(process: psutil.Process) -> tuple[str, ...]:
    try:
        return tuple(process.cmdline())
    except (psutil.AccessDenied, psutil.ZombieProcess):
        # Another user's, or dead: that it is there is all that can be said.
        return ()
