"""Which addresses a process listens on."""

from __future__ import annotations

import errno
import socket

import psutil

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what GatewayPorts makes ssh bind to


def listening(processes: list[psutil.Process], port: int) -> frozenset[str]:
    """Give the addresses that these processes listen on at a TCP port."""
    found = set()
    for process in processes:
        # Called `connections` before psutil 6.
        ask = getattr(process, "net_connections", None) or process.connections
        try:
            each = ask("tcp")
        except (psutil.Error, OSError):
            continue
        found |= {one.laddr.ip for one in each if one.status == psutil.CONN_LISTEN and one.laddr.port == port}
    return frozenset(found)


def covers(found: frozenset[str], wanted: frozenset[str]) -> bool:
    """Tell whether somebody who listens on `found` is met at every address of `wanted`."""
    return bool(found & _EVERYWHERE) or (bool(wanted) and wanted <= found)


def free_port() -> tuple[int, frozenset[str]]:
    """Find a port that is free at every loopback address, as ssh binds them all; gives both.

    Which of its addresses a client tries first is its own affair: all must lead to the same place.

    Raises:
        OSError: there is none.
    """
    addresses = sorted({str(info[4][0]) for info in socket.getaddrinfo(None, 0, type=socket.SOCK_STREAM)})
    for _ in range(20):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            free = {address: _is_free(address, port) for address in addresses if address != "127.0.0.1"}
        if False not in free.values():
            return port, frozenset({"127.0.0.1", *(address for address, yes in free.items() if yes)})
    raise OSError(errno.EADDRINUSE, "no port is free at all loopback addresses")


def in_use(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    return _is_free("127.0.0.1", port) is False or _is_free("::1", port) is False


def _is_free(address: str, port: int) -> bool | None:
    """Tell whether a port could be bound at an address; None where this machine has no such address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, port))
    except OSError as exc:
        return False if exc.errno == errno.EADDRINUSE else None
    return True
