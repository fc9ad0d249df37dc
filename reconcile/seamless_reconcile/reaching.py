"""The real world behind the ports: connections, this machine, the clock, threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Literal, TypeVar

from rhl_helpers.host import Host
from rhl_helpers.transport.base import Connecting, Transport
from seamless_reconcile.gathering import AT_ONCE, gather_by
from seamless_reconcile.ports import Memory, Reach

T = TypeVar("T")

Kind = Literal["auto", "paramiko", "openssh"]


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


def in_threads(thunks: Sequence[Callable[[], T]]) -> list[T]:
    """Run reads at once, each waiting for its own host, and give their results in order.

    Ctrl-C waits for none of them.
    """
    return gather_by(AT_ONCE)(thunks)


class Connections:
    """One transport a host, made when first asked for, shared by everything in a run.

    Args:
        kind: "auto", "paramiko" or "openssh".
        timeout: seconds for every reading call, where the user set one.
    """

    def __init__(self, kind: Kind, timeout: float | None, config_file: str | None = None) -> None:
        self._kind, self._timeout, self._config = kind, timeout, config_file
        self._transports: dict[str, Transport] = {}
        self._lock = Lock()

    def _transport(self, name: str) -> Transport:
        from rhl_helpers.transport.select import make_transport  # noqa: PLC0415 - pulls in paramiko

        with self._lock:
            if name not in self._transports:
                self._transports[name] = make_transport(name, self._kind, config_file=self._config)
            return self._transports[name]

    def begin(self, names: Iterable[str]) -> None:
        """Begin to connect to hosts, in the background: what comes before the first call takes time too."""
        for name in names:
            transport = self._transport(name)
            if isinstance(transport, Connecting):
                transport.begin()

    def reading(self, name: str) -> Host:
        """Give a host that refuses everything that changes something (S6)."""
        from rhl_helpers.transport.read_only import ReadOnlyTransport  # noqa: PLC0415

        return Host(ReadOnlyTransport(self._transport(name)), read_timeout=self._timeout)

    def changing(self, name: str) -> Host:
        """Give a host that does as told: for apply alone."""
        return Host(self._transport(name), read_timeout=self._timeout)

    def close(self) -> None:
        """Give back all connections."""
        for transport in self._transports.values():
            transport.close()


def real_reach(
    hosts: Callable[[str], Host], memory: Memory, *, changing: bool, timeout: float | None = None
) -> Reach:
    """Put the real world together; only with `changing` can this machine's side be changed (S6)."""
    from rhl_helpers.local_client import LocalClient  # noqa: PLC0415
    from rhl_helpers.read_only_client import ReadOnlyClient  # noqa: PLC0415

    local = LocalClient(read_timeout=timeout)
    client = local if changing else ReadOnlyClient(local)
    return Reach(host=hosts, client=client, clock=SystemClock(), gather=in_threads, memory=memory)
