"""A service that follows the launcher's status-file protocol to the letter, at a chosen pace.

Any service may be launched that waits for its state file, writes `running` with its port into it, answers a
handshake, and ends on a signal; this one can also be told to go wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import socket
import sys
import time
from typing import Any, NoReturn


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--status-file", type=pathlib.Path, required=True)
    parser.add_argument("--host", default="localhost")
    for name, default in (("boot", 0.0), ("start", 0.0), ("bind", -0.01), ("stop", 0.0), ("patience", 20.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--fate", default="well")
    parser.add_argument("--ignore", default="")
    parser.add_argument("--successor", type=int)
    parser.add_argument("--child", type=int, default=0)
    return parser.parse_args()


def read_state(path: pathlib.Path, patience: float) -> dict[str, Any]:
    deadline = time.monotonic() + patience
    while not path.exists():
        if time.monotonic() >= deadline:
            sys.exit(f"Status file '{path}' not found after {int(patience)} seconds")
        time.sleep(0.02)
    state: dict[str, Any] = json.loads(path.read_text())
    return state


def write_state(path: pathlib.Path, state: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".tmp")
    part.write_text(json.dumps(state) + "\n")
    part.replace(path)


def listen(host: str, port: int = 0) -> socket.socket:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    return server


def serve(server: socket.socket, ns: argparse.Namespace) -> None:
    """Answer every GET, until nobody asks any more."""
    server.settimeout(ns.timeout)
    kept = []
    while True:
        try:
            client, _ = server.accept()
        except TimeoutError:
            return
        if ns.fate == "mute":
            kept.append(client)
            continue
        client.recv(4096)
        status = 500 if ns.fate == "sick" else 200
        client.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        client.close()


def main() -> None:
    ns = arguments()
    for name in filter(None, ns.ignore.split(",")):
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    for _ in range(ns.child):
        if os.fork() == 0:
            time.sleep(600)
    time.sleep(ns.boot)
    state = read_state(ns.status_file, ns.patience)
    if ns.fate == "hangs":
        time.sleep(600)
    time.sleep(ns.start)
    if ns.fate == "failed":
        write_state(ns.status_file, {**state, "status": "failed"})
    if ns.fate in ("failed", "dies"):
        sys.exit("Traceback (most recent call last):\nRuntimeError: it would not start")
    server = listen(ns.host)
    if ns.bind < 0:
        server.listen()
    running = {**state, "status": "running", "port": server.getsockname()[1]}
    write_state(ns.status_file, running)

    def end(*_: object) -> NoReturn:
        time.sleep(ns.stop)
        if ns.successor:
            write_state(ns.status_file, {**running, "pid": ns.successor})
        os._exit(0)

    for name in ("SIGINT", "SIGTERM"):
        if name not in ns.ignore.split(","):
            signal.signal(signal.Signals[name], end)
    if ns.bind >= 0:
        time.sleep(ns.bind)
        server.listen()
    serve(server, ns)


if __name__ == "__main__":
    main()
