"""A wire between a client and a host that a test holds in its hands: it can be cut, frozen, slow or noisy.

```python
with Proxy(host.port) as wire:
    lab.add_place("distant", wire.port, key=host.host_key)
    wire.cut_after = 5000          # bytes that the host may still say on each connection
```
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

ADDRESS = "127.0.0.1"


class Proxy:
    """Passes connections on to a port, and does to them what it is told; what is set counts at once.

    Args:
        port: where connections go.

    Attributes:
        port: where they come in.
        cut_after: bytes from the host after which each new connection is cut; None is never.
        spoil_after: bytes from the host after which one byte of each new connection is another.
        latency: seconds that each piece takes, either way.
        connections: how many came.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server((ADDRESS, 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut_after: int | None = None
        self.spoil_after: int | None = None
        self.latency = 0.0
        self.connections = 0
        self._flows = threading.Event()
        self._flows.set()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="proxy")]

    def __enter__(self) -> Proxy:  # noqa: PYI034 - typing.Self needs Python 3.11
        """Take connections."""
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take none any more, and cut those there are."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._flows.set()
        self._threads[0].join()
        self.cut()
        for thread in self._threads:
            thread.join()

    def freeze(self) -> None:
        """Hold everything back; connections stay open."""
        self._flows.clear()

    def thaw(self) -> None:
        """Let everything through again."""
        self._flows.set()

    def cut(self) -> None:
        """Cut all connections."""
        streams, self._open = self._open, []
        for stream in streams:
            _shut(stream)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                far = socket.create_connection((ADDRESS, self._to), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._open += [near, far]
            for source, sink, said in ((near, far, False), (far, near, True)):
                thread = threading.Thread(target=self._pass, args=(source, sink, said), name="proxy-pass")
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, said: bool) -> None:
        """Pass on one direction; `said` is what the host says."""
        room = self.cut_after if said else None
        spoil = self.spoil_after if said else None
        passed = 0
        with source, contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                if self.latency:
                    time.sleep(self.latency)
                if spoil is not None and passed <= spoil < passed + len(data):
                    at = spoil - passed
                    data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
                passed += len(data)
                if room is not None and passed >= room:
                    sink.sendall(data[: len(data) - (passed - room)])
                    break
                sink.sendall(data)
        _shut(source)
        _shut(sink)


def _shut(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)
