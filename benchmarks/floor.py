"""The floor: the same helper calls by a tight libssh2 loop, with nothing around it. Run by the peers' Python.

Reads a JSON list of hosts on stdin, each {"host", "port", "user", "key", "calls": [command line, ...]}.
All hosts at once in threads; on one host one connection, and all calls on it at once.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading

from ssh2.error_codes import LIBSSH2_ERROR_EAGAIN
from ssh2.session import LIBSSH2_SESSION_BLOCK_INBOUND, LIBSSH2_SESSION_BLOCK_OUTBOUND, Session

_QUICK = getattr(socket, "TCP_QUICKACK", None)


def _wait(session: Session, stream: socket.socket) -> None:
    way = session.block_directions()
    reading = [stream] if way & LIBSSH2_SESSION_BLOCK_INBOUND or not way else []
    writing = [stream] if way & LIBSSH2_SESSION_BLOCK_OUTBOUND else []
    select.select(reading, writing, [], 0.05)
    if _QUICK is not None:
        stream.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)


def read(target: dict) -> list[int]:
    """Run all calls on one host; gives how many bytes each printed."""
    stream = socket.create_connection((target["host"], target["port"]))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    session = Session()
    session.handshake(stream)
    session.userauth_publickey_fromfile(target["user"], target["key"])
    session.set_blocking(False)
    channels = []
    for call in target["calls"]:
        while (channel := session.open_session()) in (None, LIBSSH2_ERROR_EAGAIN):
            _wait(session, stream)
        while channel.execute(call) == LIBSSH2_ERROR_EAGAIN:
            _wait(session, stream)
        channels.append(channel)
    sizes = [0] * len(channels)
    todo = dict(enumerate(channels))
    while todo:
        moved = False
        for index, channel in list(todo.items()):
            size, _ = channel.read(65536)
            if size > 0:
                sizes[index] += size
                moved = True
            elif channel.eof():
                del todo[index]
                moved = True
        if not moved:
            _wait(session, stream)
    stream.close()
    return sizes


def main() -> None:
    """Read all hosts."""
    targets = json.load(sys.stdin)
    sizes: list[list[int]] = []
    threads = [threading.Thread(target=lambda t=target: sizes.append(read(t))) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(sizes) != len(targets) or not all(all(one) for one in sizes):
        raise SystemExit(f"not every call was answered: {sizes}")


if __name__ == "__main__":
    main()
