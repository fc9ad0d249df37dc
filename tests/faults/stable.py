"""Run the command many times, cheaply: a stable of one process that has everything imported, and forks.

A script. Each request (one JSON object on its unix socket) becomes a process that puts the faults of
the request into itself and then is the real command, from its command line to its exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from faults import tampering

_MODULES = (
    "paramiko",
    "psutil",
    "remote_http_launcher",
    "rhl_helpers.opening",
    "rhl_helpers.read_only_client",
    "rhl_helpers.transport.openssh",
    "rhl_helpers.transport.paramiko_ssh",
    "rhl_helpers.transport.select",
    "seamless_reconcile.cli.apply",
    "seamless_reconcile.cli.plan",
    "seamless_reconcile.report.applied",
    "seamless_reconcile.report.json_",
    "seamless_reconcile.report.text",
    "seamless_reconcile.resolver",
    "seamless_reconcile.workflow",
    "stamina",
)


def serve(path: str) -> int:
    """Fork one process a request; gives the exit code of the command, in the process that is one."""
    for module in _MODULES:
        importlib.import_module(module)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            stream, _ = server.accept()
            with stream.makefile("rb") as lines:
                request = json.loads(lines.readline())
            if request is not None:
                waiter = os.fork()
                if waiter == 0:
                    break
                os.waitpid(waiter, 0)
            stream.close()
    return _start(request, stream.detach())


def _start(request: dict[str, Any], reply: int) -> int:
    """Detach from the stable, fork the command, tell its pid, wait for it and note its exit code."""
    if os.fork():
        os._exit(0)
    pid = os.fork()
    if pid == 0:
        os.close(reply)
        return _become(request)
    with socket.socket(fileno=reply) as stream:
        stream.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    code = Path(request["code"])
    code.with_suffix(".new").write_text(str(os.waitstatus_to_exitcode(status)))
    code.with_suffix(".new").replace(code)
    os._exit(0)


def _become(request: dict[str, Any]) -> int:
    """Be the command, in this process."""
    from seamless_reconcile.cli.main import cli  # noqa: PLC0415 - imported when everything else is

    os.setsid()
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    tampering.install(request["faults"])
    sys.argv = request["argv"]
    try:
        cli.main(args=request["argv"][1:], prog_name="seamless-reconcile")
    except SystemExit as exc:
        return int(exc.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
