"""Read all that is judged of a host. Nothing but reading helpers gets through (S6)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal

from rhl_helpers.credentials import offer
from rhl_helpers.examining import HelpText, help_text
from rhl_helpers.host import Host
from rhl_helpers.reachability import (
    Greeting,
    Route,
    Way,
    addresses,
    aliases_of,
    greet,
    lets_ports_through,
    route,
    ssh_lets_ports_through,
    transport_for,
)
from rhl_helpers.transport.base import Transport
from rhl_helpers.transport.known_hosts import KeyVerdict
from rhl_helpers.transport.read_only import ReadOnlyTransport
from seamless_reconcile.doctor.asking import ask_all, attempt
from seamless_reconcile.doctor.helpers import FIRST, answers
from seamless_reconcile.doctor.look_here import server_folder
from seamless_reconcile.doctor.seen import HostSight, Login, Patient, Trouble
from seamless_reconcile.reaching import in_threads

Asked = Literal["auto", "paramiko", "openssh"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
REACH_SECONDS = 10.0
READ_SECONDS = 20.0
_MAX_CANDIDATES = 4


def look_host(
    patient: Patient,
    asked: Asked,
    *,
    timeout: float | None = None,
    local_help: Mapping[str, str] | None = None,
    version: str = "",
    config_file: str | None = None,
) -> HostSight:
    """Look at everything there is to see of a host; what fails ends only what depends on it.

    Args:
        patient: the host.
        asked: the transport the user asked for.
        timeout: seconds for each step, where the user set some.
        local_help: the help texts of the helpers of this machine.
        version: of remote-http-launcher on this machine.
        config_file: an ssh configuration file to use instead of the user's.
    """
    began = time.monotonic()
    sight = HostSight(patient, asked, local_help=local_help or {}, version=version)
    if patient.is_local:
        sight = _look_local(sight, timeout)
    else:
        with _Visit(patient, asked, timeout, config_file) as visit:
            sight = visit.look(sight)
    return replace(sight, seconds=time.monotonic() - began)


def _look_local(sight: HostSight, timeout: float | None) -> HostSight:
    from rhl_helpers.transport.local import LocalTransport, search_path  # noqa: PLC0415 - used here only

    host = Host(ReadOnlyTransport(LocalTransport()), read_timeout=timeout or READ_SECONDS)
    first = attempt(partial(host.call, help_text(FIRST)))
    sight = replace(
        sight,
        help={FIRST: first},
        state=server_folder(),
        programs={name: shutil.which(name, path=search_path()) for name in sight.patient.programs},
    )
    return ask_all(sight, host) if answers(sight) else sight


class _Visit:
    """One visit to a host reached by ssh; its connections end with it."""

    def __init__(
        self, patient: Patient, asked: Asked, timeout: float | None, config_file: str | None
    ) -> None:
        self._patient, self._asked, self._config = patient, asked, config_file
        self._seconds = timeout or REACH_SECONDS
        self._read = timeout or READ_SECONDS
        self._opened: list[Transport] = []

    def __enter__(self) -> _Visit:  # noqa: PYI034 - typing.Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        for transport in self._opened:
            transport.close()

    def look(self, sight: HostSight) -> HostSight:
        """Go as far as it leads; where it does not, see whether another name does."""
        sight = self._go(sight)
        return sight if sight.reached else replace(sight, better=self._better(sight))

    def _go(self, sight: HostSight) -> HostSight:
        way = attempt(partial(route, self._patient.name, config_file=self._config))
        sight = replace(sight, route=way)
        if isinstance(way, Trouble):
            return sight
        sight = replace(sight, offer=offer(way.settings))
        if not way.proxied:
            found = self._addresses(way.settings.hostname)
            sight = replace(sight, addresses=found)
            if isinstance(found, Trouble):
                return sight
        sight = replace(sight, greeting=attempt(partial(greet, way, timeout=self._seconds)))
        if not _worth_a_login(sight, way):
            return sight
        return self._log_in(sight, way)

    def _addresses(self, name: str) -> tuple[str, ...] | Trouble:
        return attempt(partial(addresses, self._patient.name, name, timeout=self._seconds))

    # --- logged in -------------------------------------------------------------------------

    def _log_in(self, sight: HostSight, way: Route) -> HostSight:
        """Log in both ways at once; the other one asks without the PATH prefix."""
        chosen: Way = way.way if self._asked == "auto" else self._asked
        other: Way = "openssh" if chosen == "paramiko" else "paramiko"
        shared = self._asked == "auto"
        host = self._host(way, chosen, shared=shared)
        second = self._host(way, other, bare=True)
        (first, took), (bare, _) = in_threads([partial(_timed, host), partial(_timed, second)])
        sight = replace(
            sight,
            help={FIRST: first},
            login=Login(chosen, _barred(first), took),
            other=Login(other, _barred(bare)),
            bare=None if _barred(bare) else bare,
        )
        if not sight.reached:
            return sight
        if sight.bare is None:
            third = self._host(way, chosen, bare=True, shared=shared)
            sight = replace(sight, bare=attempt(partial(third.call, help_text(FIRST))))
        sight = replace(sight, forwarding=self._forwarding(sight, way, chosen))
        if self._patient.hostname and not self._patient.tunnelled:
            sight = replace(sight, client_address=self._addresses(self._patient.hostname))
        return ask_all(sight, host) if answers(sight) else sight

    def _host(self, way: Route, kind: Way, *, bare: bool = False, shared: bool = False) -> Host:
        transport = ReadOnlyTransport(transport_for(way, kind, bare=bare, shared=shared))
        self._opened.append(transport)
        return Host(transport, read_timeout=self._read)

    def _forwarding(self, sight: HostSight, way: Route, chosen: Way) -> bool | None:
        if not self._patient.tunnelled:
            return None
        paramiko_works = chosen == "paramiko" or (sight.other is not None and sight.other.worked)
        if paramiko_works:
            transport = self._opened[0 if chosen == "paramiko" else 1]
            return lets_ports_through(transport, timeout=self._seconds)
        return ssh_lets_ports_through(way, timeout=self._seconds)

    # --- other names -----------------------------------------------------------------------

    def _better(self, sight: HostSight) -> tuple[str, ...]:
        """Find names for the same host that work, in the cluster file and in ssh's configuration."""
        names = list(dict.fromkeys(self._candidates(sight)))[:_MAX_CANDIDATES]
        found = in_threads([partial(self._works, name) for name in names])
        return tuple(name for name, works in zip(names, found, strict=True) if works)

    def _candidates(self, sight: HostSight) -> Iterator[str]:
        name, hostname = self._patient.name, self._patient.hostname
        if hostname and hostname != name and hostname not in LOOPBACK:
            yield hostname
        told = sight.route.settings.hostname if isinstance(sight.route, Route) else name
        for address in dict.fromkeys((told, hostname)):
            # Behind one loopback address there may be any number of hosts.
            if address and address not in LOOPBACK:
                yield from (alias for alias in aliases_of(address, config_file=self._config) if alias != name)

    def _works(self, name: str) -> bool:
        found = attempt(partial(route, name, config_file=self._config))
        if isinstance(found, Trouble):
            return False
        host = self._host(found, found.way, shared=True)
        return _barred(attempt(partial(host.call, help_text(FIRST)))) is None


def _worth_a_login(sight: HostSight, way: Route) -> bool:
    """Tell whether a login may come through although a step before it did not."""
    greeting = sight.greeting
    if isinstance(greeting, Trouble):
        # Through a proxy the ssh binary may get where paramiko does not; directly, silence is silence.
        return way.proxied or way.way == "openssh" or greeting.kind == "protocol"
    if isinstance(greeting, Greeting) and greeting.key.verdict is not KeyVerdict.MATCHES:
        return way.way == "openssh" or sight.asked == "openssh"
    return True


def _timed(host: Host) -> tuple[HelpText | Trouble, float]:
    began = time.monotonic()
    return attempt(partial(host.call, help_text(FIRST))), time.monotonic() - began


def _barred(said: HelpText | Trouble) -> Trouble | None:
    """Give what kept a login out; None where somebody was logged in, whatever the helper said."""
    if not isinstance(said, Trouble) or not said.no_connection:
        return None
    logged_in = said.kind == "timeout" and "nothing was run" not in said.detail
    return None if logged_in else said
