"""The helpers that ask whether something answers: rhl-pid-alive, -handshake, -verify-port, -conda-info."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from world import network
from world.command import Died, Result, traceback
from world.listing import alive
from world.state import decode

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


def pid_alive(world: World, host: SimHost, args: list[str]) -> Result:
    """Tell whether a pid exists."""
    if len(args) != 1:
        raise Died("rhl-pid-alive: exactly one PID is required")
    try:
        pid = int(args[0])
    except ValueError:
        pid = 0
    if pid <= 0:
        raise Died("rhl-pid-alive: PID must be a positive integer")
    return Result(0 if alive(host, pid) else 1)


def conda_info(world: World, host: SimHost, args: list[str]) -> Result:
    """Print what is remembered of conda."""
    if args:
        raise Died("rhl-conda-info: no arguments are accepted")
    path = f"{host.base}/conda-setup.json"
    if host.conda is None:
        raise Died(f"rhl-conda-info: cache file not found: {path}")
    decoded = decode(host.conda)
    if decoded.traceback:
        raise Died(traceback(decoded.problem))
    if decoded.data is None:
        wrong_type = "must contain" in decoded.problem
        text = "cache file must contain a JSON object" if wrong_type else decoded.problem.format(path=path)
        raise Died(f"rhl-conda-info: {text}")
    return Result(0, json.dumps(decoded.data, separators=(",", ":"), sort_keys=True).encode() + b"\n")


def handshake(world: World, host: SimHost, args: list[str]) -> Result:
    """GET a URL once."""
    if len(args) != 1:
        raise Died("rhl-handshake: exactly one URL is required")
    scheme, _, rest = args[0].partition("://")
    address, _, path = rest.partition("/")
    if scheme not in ("http", "https") or not address:
        raise Died("rhl-handshake: URL must use http or https and include a host")
    name, _, port = address.rpartition(":") if ":" in address else (address, "", "80")
    met = network.REFUSED if host.proxy else network.ask(world, host, name.strip("[]"), int(port), path)
    if met == network.SILENT:
        world.pause(10.0)
    if isinstance(met, str):
        return Result(1, err=_MET[met] + "\n")
    if 200 <= met < 300:
        return Result(0)
    return Result(2, err=f"HTTP Error {met}: {_PHRASES.get(met, 'Error')}\n")


_MET = {
    network.REFUSED: "<urlopen error [Errno 111] Connection refused>",
    network.RESET: "[Errno 104] Connection reset by peer",
    network.SILENT: "timed out",
    network.NO_NAME: "<urlopen error [Errno -2] Name or service not known>",
    network.NO_ROUTE: "<urlopen error [Errno 113] No route to host>",
}
_PHRASES = {400: "Bad Request", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}


HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9a-fA-F:]+")


def _bad_label(label: str) -> bool:
    return not label or label.startswith("-") or label.endswith("-")


def verify_port(world: World, host: SimHost, args: list[str]) -> Result:
    """Connect to a port, three times at most."""
    if len(args) != 2:
        raise Died("rhl-verify-port: HOST and PORT are required")
    if not HOST.fullmatch(args[0]) or any(_bad_label(label) for label in args[0].rstrip(".").split(".")):
        raise Died("rhl-verify-port: invalid host")
    try:
        port = int(args[1])
    except ValueError:
        raise Died("rhl-verify-port: port must be an integer") from None
    if not 1 <= port <= 65535:
        raise Died("rhl-verify-port: port must be in [1, 65535]")
    problem = ""
    for trial in range(3):
        other = world.at_address(host, args[0])
        if other is None:
            problem = "[Errno -2] Name or service not known"
        elif network.listening(other, args[0], port) is not None:
            return Result(0)
        else:
            problem = "[Errno 111] Connection refused"
        if trial < 2:
            world.pause(2.0)
    return Result(1, err=problem + "\n")
