"""Start a forward the way the Seamless client does: the launcher's monitor, which starts and watches ssh.

The launcher waits half a second and then hopes; here a forward is open once its port is listened on.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
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
from rhl_helpers.listeners import listens, own_ssh_listens
from rhl_helpers.text import safe
from rhl_helpers.transport.output import Output
from rhl_helpers.transport.process import DeadlineExceeded, kill_group, run_process
from rhl_helpers.transport.ssh_config import check_alias

_ATTEMPTS = 3
_OPEN_SECONDS = 20.0
_POLL_SECONDS = 0.02
# The monitor is a Python of its own: before that, there is no ssh to look for.
_EARLIEST_SECONDS = 0.06
_ASK_SECONDS = 8
_PORT_TAKEN = ("address already in use", "cannot listen to port", "could not request local forwarding")

_monitors: dict[int, subprocess.Popen[bytes]] = {}
"""The monitors this process started, kept so that one that ends is collected and does not stay a zombie."""


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
    for _ in range(_ATTEMPTS):
        target = ForwardTarget(_free_port(), ssh_host, _in_brackets(remote_host), remote_port)
        words = _start(target, remote_pid)
        if not words:
            return target.local_port
        if not any(sign in words.lower() for sign in _PORT_TAKEN):
            break
    raise ForwardFailed(f"{ssh_host}: no forward to {safe(remote_host)}:{remote_port}: {words}")


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def _start(target: ForwardTarget, remote_pid: int) -> str:
    """Start a monitor and wait until its forward listens; gives ssh's words where it does not."""
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
    _monitors[monitor.pid] = monitor
    try:
        opened = _wait_open(monitor, target.local_port, status)
    except BaseException:
        _abandon(monitor, folder)
        raise
    if not opened:
        _abandon(monitor, folder)
        return _ask_ssh(target)
    # The monitor writes its status half a second after its start, and would die if it could not. This
    # thread is waited for at exit.
    threading.Thread(target=_tidy, args=(monitor, status), name="rhl-forward-status").start()
    return ""


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


def _wait_open(monitor: subprocess.Popen[bytes], port: int, status: Path) -> bool:
    """Wait until the monitor's ssh listens on the port; False if it ended first or takes too long."""
    deadline = time.monotonic() + _OPEN_SECONDS
    ssh: list[psutil.Process] = []
    time.sleep(_EARLIEST_SECONDS)
    while time.monotonic() < deadline and monitor.poll() is None:
        ssh = [process for process in ssh if process.is_running()] or _below(monitor.pid)
        if any(listens(process, port) for process in ssh):
            return True
        # Where the user's ssh shares connections, another ssh does the listening.
        if status.exists() and own_ssh_listens(port):
            return True
        time.sleep(_POLL_SECONDS)
    return False


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
    _monitors.pop(monitor.pid, None)
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
        run_process(line, output, deadline=time.monotonic() + _ASK_SECONDS)
    except DeadlineExceeded:
        return "ssh gave no sign of a forward in time"
    except OSError as exc:
        return safe(f"ssh cannot be run: {exc}")
    lines = [line for line in output.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    return safe("; ".join(lines[-2:])) if lines else "ssh ended without a word"


def _tidy(monitor: subprocess.Popen[bytes], status: Path) -> None:
    deadline = time.monotonic() + _OPEN_SECONDS
    while not status.exists() and monitor.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    shutil.rmtree(status.parent, ignore_errors=True)


def collect(pid: int) -> None:
    """Collect a monitor of this process that has ended."""
    monitor = _monitors.get(pid)
    if monitor is not None and monitor.poll() is not None:
        del _monitors[pid]
