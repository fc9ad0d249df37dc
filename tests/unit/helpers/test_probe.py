"""Ports of this machine, asked by HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.host import free_port
from lab.web import serve
from rhl_helpers.local_client import LocalClient
from rhl_helpers.probe import probe
from rhl_helpers.transport.base import Answer
from rhl_helpers.transport.local import LocalTransport


@contextmanager
def answering(raw: bytes, *, linger: float = 0.0) -> Iterator[int]:
    """Answer one connection with some bytes, whatever it asks."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            stream, _ = server.accept()
            with stream:
                stream.recv(65536)
                stream.sendall(raw)
                time.sleep(linger)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Answer.OK),
        (b"HTTP/1.0 204 No Content\r\n\r\n", Answer.OK),
        (b"HTTP/1.1 299\r\n\r\n", Answer.OK),
        (b"HTTP/1.1 199 Odd\r\n\r\n", Answer.NOT_OK),
        (b"HTTP/1.1 300 Choices\r\n\r\n", Answer.NOT_OK),
        (b"HTTP/1.1 302 Found\r\n\r\n", Answer.NOT_OK),
        (b"HTTP/1.1 302 Found\r\nLocation: //[broken\r\n\r\n", Answer.NOT_OK),
        (b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\n\r\n", Answer.NOT_OK),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Answer.NOT_OK),
        (b"HTTP/1.1 200", Answer.OK),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Answer.SILENT),
        (b"HTTP/2 200\r\n\r\n", Answer.SILENT),
        (b"HTTP/1.1 2000 Hm\r\n\r\n", Answer.SILENT),
        (b"", Answer.SILENT),
        (b"\x00" * 200_000, Answer.SILENT),
    ],
)
def test_what_counts_as_an_answer(raw, answer):
    with answering(raw) as port:
        assert probe("127.0.0.1", port, "x", timeout=5) is answer


def test_an_answer_counts_although_the_connection_stays_open():
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", linger=2.5) as port:
        began = time.monotonic()
        assert probe("127.0.0.1", port, "x", timeout=5) is Answer.OK
        assert time.monotonic() - began < 2


def test_nobody_listens():
    assert probe("127.0.0.1", free_port(), "x", timeout=5) is Answer.CLOSED


def test_a_name_that_cannot_be_resolved_proves_nothing():
    assert probe("no-such-host.invalid", 80, "x", timeout=5) is Answer.SILENT


def test_silence_takes_no_longer_than_allowed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        began = time.monotonic()
        assert probe("127.0.0.1", server.getsockname()[1], "x", timeout=0.3) is Answer.SILENT
        assert 0.2 < time.monotonic() - began < 4


def test_an_answer_that_trickles_takes_no_longer_than_allowed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def trickle() -> None:
            stream, _ = server.accept()
            with stream:
                while not over.wait(0.02):
                    try:
                        stream.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        began = time.monotonic()
        assert probe("127.0.0.1", server.getsockname()[1], "x", timeout=0.3) is Answer.SILENT
        assert time.monotonic() - began < 4
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("healthcheck", "/healthcheck"),
        ("/healthcheck", "/healthcheck"),
        ("", "/"),
        ("a?b=c&d", "/a?b=c&d"),
        ("a\r\nX: y", "/a%0D%0AX:%20y"),
        ("ü", "/%C3%BC"),
    ],
)
def test_the_path_arrives_and_nothing_with_it(path, asked):
    with serve() as web:
        probe("127.0.0.1", web.port, path, timeout=5)
        assert web.asked == [asked]


def test_a_redirect_on_the_same_port_is_followed():
    with serve() as web:
        assert probe("127.0.0.1", web.port, "moved", timeout=5) is Answer.OK
        assert web.asked == ["/moved", "/healthcheck?again=1"]


def test_proxies_are_ignored(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serve() as web:
        assert LocalClient().probe("127.0.0.1", web.port, "healthcheck") is Answer.OK
        assert LocalTransport().probe("localhost", web.port, "healthcheck", timeout=5) is Answer.OK
