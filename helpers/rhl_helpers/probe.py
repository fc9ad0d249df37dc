"""Ask a port for a path by HTTP GET, over a socket of one's own or one that is given.

A plain request, no proxy, no cookie, no body: the answer is only whether the service speaks.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote, urlsplit

from rhl_helpers.transport.base import Answer

_MAX_HEAD = 64 * 1024
# As the launcher's own handshake does, a redirect on the same port is followed.
_MAX_REDIRECTS = 5
# What may stand in a request line as it is; anything else, line ends first of all, is quoted.
_PLAIN = "/?&=%+,;:@!$'()*~"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_LOCATION = re.compile(rb"\r\nlocation:[ \t]*([^\r\n]+)", re.IGNORECASE)


class Stream(Protocol):
    """What a probe needs of a socket; a channel of paramiko has it too."""

    def settimeout(self, timeout: float, /) -> None:
        """Set the seconds the next operation may take."""

    def sendall(self, data: bytes, /) -> None:
        """Send everything."""

    def recv(self, size: int, /) -> bytes:
        """Receive something; nothing at the end."""

    def close(self) -> None:
        """Close it."""


def probe(host: str, port: int, path: str, *, timeout: float) -> Answer:
    """Ask a port of this machine's network for a path, proxies ignored.

    `timeout` is in seconds, for everything, redirects included.
    """

    def connect(seconds: float) -> Stream:
        return socket.create_connection((host, port), timeout=seconds)

    try:
        return probe_over(connect, host, port, path, timeout=timeout)
    except ConnectionRefusedError:
        return Answer.CLOSED
    except OSError:
        # Filtered, unroutable, unresolvable: nothing proves that the port is closed (S2).
        return Answer.SILENT


def probe_over(
    connect: Callable[[float], Stream], host: str, port: int, path: str, *, timeout: float
) -> Answer:
    """Ask for a path over connections made by `connect(seconds)`.

    Raises:
        Whatever `connect` raises.
    """
    deadline = time.monotonic() + timeout
    for _ in range(_MAX_REDIRECTS):
        left = deadline - time.monotonic()
        if left <= 0:
            return Answer.SILENT
        head = _ask(connect(left), host, port, path, deadline)
        status = _STATUS.match(head)
        if status is None:
            return Answer.SILENT
        code = int(status[1])
        if 200 <= code < 300:  # noqa: PLR2004 - HTTP's own numbers
            return Answer.OK
        moved = _moved(code, head, host, port)
        if moved is None:
            return Answer.NOT_OK
        path = moved
    return Answer.NOT_OK


def _ask(stream: Stream, host: str, port: int, path: str, deadline: float) -> bytes:
    """Send the request and give the head of the response; empty where there was none in time."""
    name = f"[{host}]" if ":" in host else host
    request = (
        f"GET /{quote(path.lstrip('/'), safe=_PLAIN)} HTTP/1.1\r\nHost: {name}:{port}\r\n"
        "Accept: */*\r\nUser-Agent: seamless-reconcile\r\nConnection: close\r\n\r\n"
    )
    head = bytearray()
    try:
        stream.settimeout(max(0.001, deadline - time.monotonic()))
        stream.sendall(request.encode("utf-8"))
        while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD:
            stream.settimeout(max(0.001, deadline - time.monotonic()))
            data = stream.recv(_MAX_HEAD)
            if not data:
                break
            head += data
    except OSError:
        # A reset or silence; a status line that did come is still an answer.
        return bytes(head)
    finally:
        stream.close()
    return bytes(head)


def _moved(code: int, head: bytes, host: str, port: int) -> str | None:
    """Give where a redirect points to, if that is a path on the same port."""
    location = _LOCATION.search(head)
    if code not in (301, 302, 303, 307, 308) or location is None:
        return None
    try:
        target = urlsplit(location[1].decode("latin-1").strip())
        same = not target.netloc or (target.hostname == host.lower() and target.port == port)
    except ValueError:
        return None
    if not same or target.scheme not in ("", "http") or not target.path.isascii():
        return None
    return target.path + (f"?{target.query}" if target.query else "")
