"""Things a lab puts on a real machine: ports that answer in some way, and processes in some state.

`stage.py http '{"path": status}' | silent | reset` prints the port; `stage.py zombie | other` prints the pid.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def serve(kind: str, statuses: dict[str, int]) -> None:
    server = socket.create_server(("localhost", 0))
    say(server.getsockname()[1])
    kept = []
    while True:
        client, _ = server.accept()
        if kind == "silent":
            kept.append(client)
            continue
        request = client.recv(4096)
        if kind == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            path = request.split(b" ")[1].decode().lstrip("/")
            client.sendall(f"HTTP/1.1 {statuses.get(path, 404)} X\r\nContent-Length: 0\r\n\r\n".encode())
        client.close()


def zombie() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    # Look at its end without taking note of it.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    say(pid)
    time.sleep(600)


def other() -> None:
    os.setuid(65534)
    say(os.getpid())
    time.sleep(600)


if __name__ == "__main__":
    if sys.argv[1] == "zombie":
        zombie()
    elif sys.argv[1] == "other":
        other()
    else:
        serve(sys.argv[1], json.loads(sys.argv[2]) if sys.argv[2:] else {})
