"""A tiny HTTP server for handshakes: answers, refuses, redirects or stays silent, by path."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.startswith("/silent"):
            self.server.over.wait(30)
            self.close_connection = True
            return
        codes = {"/healthcheck": 200, "/created": 204, "/moved": 302, "/away": 302}
        self.send_response(codes.get(self.path.partition("?")[0], 503))
        if self.path == "/moved":
            self.send_header("Location", "/healthcheck?again=1")
        if self.path == "/away":
            self.send_header("Location", "http://192.0.2.1/healthcheck")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class Server(http.server.ThreadingHTTPServer):
    """Listens on loopback; remembers the paths it was asked for."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.asked: list[str] = []
        self.over = threading.Event()

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.server_address[1])


@contextmanager
def serve(port: int = 0) -> Iterator[Server]:
    """Run a server until the block ends; on a free port, unless one is named."""
    with Server(port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


class Port:
    """A port that takes connections, counts them, and closes them at once."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.connections = 0


@contextmanager
def count_connections() -> Iterator[Port]:
    """Listen on a port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = Port(listener.getsockname()[1])

        def take() -> None:
            while True:
                try:
                    stream, _ = listener.accept()
                except OSError:
                    return
                port.connections += 1
                stream.close()

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield port
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
