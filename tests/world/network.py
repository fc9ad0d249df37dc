"""Who answers on a port, asked from one machine or through a forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rhl_helpers.transport.base import Answer
from world import ending

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.process import Listener
    from world.world import World

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ANY = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what services bind to

# What a GET meets, other than an HTTP status.
REFUSED = "refused"
RESET = "reset"
SILENT = "silent"
NO_NAME = "no name"
NO_ROUTE = "no route"


def ask(world: World, asker: SimHost, address: str, port: int, path: str) -> int | str:
    """GET a path on a port; gives the HTTP status, or what was met instead."""
    host = world.at_address(asker, address)
    if host is None:
        return NO_NAME
    if host is not asker and not (host.up and asker.up):
        return NO_ROUTE
    listener = listening(host, address, port)
    if listener is None:
        return REFUSED
    return _meet(world, host, listener, port, path)


def listening(host: SimHost, address: str, port: int) -> Listener | None:
    """Give who accepts connections to that address and port of a machine."""
    listener = host.ports.get(port)
    if listener is None:
        return None
    if listener.interface in ANY or listener.interface == address:
        return listener
    if listener.interface in LOOPBACK and address in LOOPBACK:
        return listener
    return None


def _meet(world: World, host: SimHost, listener: Listener, port: int, path: str) -> int | str:
    if listener.kind == "service":
        process = host.processes.get(listener.pid or 0)
        if process is None or process.service is None:
            return listener.otherwise
        return ending.answer(world, host, process, port, path)
    if listener.kind == "http":
        clean = path.lstrip("/")
        return next((status for known, status in listener.statuses if known == clean), listener.otherwise)
    if listener.kind == "forward":
        return through(world, port, path)
    return listener.kind


def through(world: World, local_port: int, path: str) -> int | str:
    """GET through a forward: where its far end refuses, the near end has accepted already and resets."""
    forward = world.client.forward_at(local_port)
    if forward is None:
        return REFUSED
    host = world.hosts.get(forward.ssh_host)
    if host is None or not host.up:
        return SILENT
    met = ask(world, host, forward.remote_host, forward.remote_port, path)
    return RESET if met in (REFUSED, NO_NAME, NO_ROUTE) else met


def as_answer(met: int | str) -> Answer:
    """Say what was met in the words of the transports."""
    if isinstance(met, int):
        return Answer.OK if 200 <= met < 300 else Answer.NOT_OK
    return Answer.CLOSED if met == REFUSED else Answer.SILENT
