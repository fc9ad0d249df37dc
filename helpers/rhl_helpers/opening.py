"""Start a forward the way the Seamless client does: the launcher's monitor, which starts and watches ssh.

The launcher waits half a second and then hopes; here a forward is open once its port is listened on.
"""

from __future__ import annotations

import contextlib
import enum
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from rhl_helpers.client import ForwardFailed
from rhl_helpers.errors import HelperError
from rhl_helpers.forwards import ForwardTarget
from rhl_helpers.listeners import covers, free_port, in_use, listening
from rhl_helpers.text import safe
from rhl_helpers.transport.output import Output
from rhl_helpers.transport.process import DeadlineExceeded, kill_group, run_process
from rhl_helpers.transport.ssh_config import check_alias

_ATTEMPTS = 4
_OPEN_SECONDS = 20.0
_POLL_SECONDS = 0.02
# The monitor is a Python of its own: before that, there is no ssh to look for.
_EARLIEST_SECONDS = 0.06
_ASK_SECONDS = 8
_PAUSE_SECONDS = 0.15
_PORT_TAKEN = ("address already in use", "cannot listen to port", "could not request local forwarding")
_SHARED = (
    "your ssh config shares the connection to this host (ControlMaster), and the launcher's tunnel needs one "
    "of its own: set `ControlMaster no` and `ControlPath none` for it"
)


def open_forward(ssh_host: str, remote_host: str, remote_port: int, remote_pid: int) -> int:
    """Open a forward on a free local port; gives that port.

    Raises:
        ForwardFailed: with ssh's own words.
    """
    try:
        check_alias(ssh_host)
    except HelperError as exc:
        raise ForwardFailed(str(exc)) from None
    words = ""
    for attempt in range(_ATTEMPTS):
        port, addresses = free_port()
        target = ForwardTarget(port, ssh_host, _in_brackets(remote_host), remote_port)
        outcome = _start(target, remote_pid, addresses)
        if outcome is _Outcome.OPEN:
            return target.local_port
        words = _why(outcome, target, last=attempt == _ATTEMPTS - 1)
        if words and not any(sign in words.lower() for sign in _PORT_TAKEN):
            break
        if outcome is _Outcome.ENDED:
            # A host that takes few logins at once (MaxStartups) drops some of those that come together.
            time.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
    raise ForwardFailed(f"{ssh_host}: no forward to {safe(remote_host)}:{remote_port}: {words}")


def _why(outcome: _Outcome, target: ForwardTarget, *, last: bool) -> str:
    """Give ssh's words where another attempt would not help; empty where it may.

    If the port is in use although ssh has ended, somebody took it, or the user's shared connection
    keeps the forward: only ssh can tell.
    """
    if outcome is _Outcome.TAKEN:
        return _PORT_TAKEN[0]
    return _ask_ssh(target) if last or outcome is _Outcome.SLOW or in_use(target.local_port) else ""


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _start(target: ForwardTarget, remote_pid: int, addresses: frozenset[str]) -> _Outcome:
    """Start a monitor and wait until its forward listens."""
    folder = Path(tempfile.mkdtemp(prefix="rhl-forward-"))
    status = folder / "status"
    monitor = subprocess.Popen(
        _monitor_line(target, remote_pid, status),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # It outlives this program, as the one of the Seamless client does.
        start_new_session=True,
    )
    try:
        outcome = _wait_open(monitor, target.local_port, addresses)
    except BaseException:
        _abandon(monitor, folder)
        raise
    if outcome is not _Outcome.OPEN:
        _abandon(monitor, folder)
        return outcome
    # From here on it is on its own; `collect` takes its exit code, if this program is still there then.
    monitor.returncode = 0
    # It writes its status half a second after its start, and would die if it could not. This thread is
    # waited for at exit.
    threading.Thread(target=_tidy, args=(monitor.pid, status), name="rhl-forward-status").start()
    return outcome


def _monitor_line(target: ForwardTarget, remote_pid: int, status: Path) -> list[str]:
    # Imported here: it takes 50 ms, and most runs open nothing.
    from remote_http_launcher import TUNNEL_MONITOR_SCRIPT  # noqa: PLC0415

    return [
        *(sys.executable, "-c", TUNNEL_MONITOR_SCRIPT),
        *("--ssh-host", target.ssh_host),
        *("--remote-host", target.remote_host),
        *("--remote-port", str(target.remote_port)),
        *("--local-port", str(target.local_port)),
        *("--remote-pid", str(remote_pid)),
        *("--status-path", str(status)),
    ]


class _Outcome(enum.Enum):
    OPEN = "ssh listens at all addresses"
    TAKEN = "somebody else listens at one of them"
    ENDED = "ssh, and with it the monitor, ended"
    SLOW = "ssh takes too long"


def _wait_open(monitor: subprocess.Popen[bytes], port: int, addresses: frozenset[str]) -> _Outcome:
    """Wait until the monitor's ssh listens on the port.

    ssh is content with one address where another one is taken: then part of the clients would talk to
    a stranger. It binds one right after the other, so what is not there a moment later never will be.
    """
    deadline = time.monotonic() + _OPEN_SECONDS
    ssh: list[psutil.Process] = []
    seen = False
    time.sleep(_EARLIEST_SECONDS)
    while time.monotonic() < deadline and monitor.poll() is None:
        ssh = [process for process in ssh if process.is_running()] or _below(monitor.pid)
        found = listening(ssh, port)
        if covers(found, addresses):
            return _Outcome.OPEN
        if found and seen:
            return _Outcome.TAKEN
        seen = bool(found)
        time.sleep(_POLL_SECONDS)
    return _Outcome.SLOW if monitor.poll() is None else _Outcome.ENDED


def _below(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _abandon(monitor: subprocess.Popen[bytes], folder: Path) -> None:
    """End a monitor that did not get anywhere, its ssh first, and leave nothing behind."""
    for process in _below(monitor.pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if monitor.poll() is None:
        kill_group(monitor.pid)
    monitor.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _ask_ssh(target: ForwardTarget) -> str:
    """Run ssh as the monitor did, to hear what it says: the monitor keeps that to itself."""
    output = Output(0, None)
    spec = f"{target.local_port}:{target.remote_host}:{target.remote_port}"
    line = [
        *("ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
        *("-o", f"ConnectTimeout={_ASK_SECONDS}", "-L", spec, "--", target.ssh_host),
    ]
    try:
        if run_process(line, output, deadline=time.monotonic() + _ASK_SECONDS) == 0:
            return _hand_back(spec, target.ssh_host)
    except DeadlineExceeded:
        return "ssh gave no sign of a forward in time"
    except OSError as exc:
        return safe(f"ssh cannot be run: {exc}")
    lines = [line for line in output.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return safe("; ".join(lines[-2:])) if lines else "ssh ended without a word"


def _hand_back(spec: str, ssh_host: str) -> str:
    """Take a forward off the user's shared connection again: ssh left it there and ended."""
    with contextlib.suppress(OSError, DeadlineExceeded):
        line = ["ssh", "-O", "cancel", "-L", spec, "--", ssh_host]
        run_process(line, Output(0, None), deadline=time.monotonic() + _ASK_SECONDS)
    return _SHARED


def _tidy(monitor: int, status: Path) -> None:
    deadline = time.monotonic() + _OPEN_SECONDS
    while not status.exists() and psutil.pid_exists(monitor) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    shutil.rmtree(status.parent, ignore_errors=True)


def collect(pid: int) -> None:
    """Collect a monitor that has ended, if this process started it: it would stay a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
