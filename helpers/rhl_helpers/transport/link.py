"""One authenticated paramiko connection: TCP or a command below it, jump hosts, the host key, the login."""

from __future__ import annotations

import contextlib
import logging
import random
import socket
import time
from typing import TYPE_CHECKING, Any

from rhl_helpers.errors import HelperError, Unreachable
from rhl_helpers.text import safe
from rhl_helpers.transport import sockets
from rhl_helpers.transport.host_key import Dropped, negotiate
from rhl_helpers.transport.identities import log_in
from rhl_helpers.transport.loading import load_paramiko, new_transport
from rhl_helpers.transport.slots import Slots, Turns
from rhl_helpers.transport.ssh_config import SshSettings, resolve

if TYPE_CHECKING:
    import paramiko

CONNECT_SECONDS = 20.0
_KEEPALIVE_SECONDS = 30
_ATTEMPTS = 5
_FIRST_PAUSE = 0.1
_MAX_JUMPS = 8
# paramiko's word for a channel that got no answer.
_TIMED_OUT = "Timeout opening channel"
# paramiko reports dropped connections with tracebacks; what matters comes as an exception anyway.
_LOG_CHANNEL = "rhl_helpers.transport.paramiko"
logging.getLogger(_LOG_CHANNEL).addHandler(logging.NullHandler())
logging.getLogger(_LOG_CHANNEL).propagate = False


class Link:
    """One connection with its slots.

    Attributes:
        transport: paramiko's side of it.
        slots: how many sessions it carries.
        forwards: whether the host lets this login reach ports (False once it refused).
    """

    def __init__(self, transport: paramiko.Transport, below: Link | None, raw: Any) -> None:
        self.transport = transport
        self.slots = Slots()
        self.forwards = True
        self._below = below
        self._raw = raw
        self._retired = False
        self._turns = Turns()

    @property
    def usable(self) -> bool:
        """Whether new sessions may be opened on it."""
        return not self._retired and self.transport.is_active()

    def open_channel(
        self, kind: str, dest: tuple[str, int] | None = None, *, timeout: float
    ) -> paramiko.Channel:
        """Open a channel; a `ChannelException` raised here is about this channel and no other.

        Raises:
            paramiko.ChannelException: the host said no, and why.
            paramiko.SSHException, EOFError, OSError: the connection is gone or does not answer.
        """
        import paramiko  # noqa: PLC0415 - slow to import

        source = None if dest is None else ("127.0.0.1", 0)
        try:
            with self._turns.together():
                return self.transport.open_channel(kind, dest, source, timeout=timeout)
        except paramiko.SSHException as exc:
            if not self.transport.is_active() or _TIMED_OUT in str(exc):
                raise
        with self._turns.alone():
            self.transport.get_exception()
            return self.transport.open_channel(kind, dest, source, timeout=timeout)

    def retire(self) -> None:
        """Take no new sessions; close as soon as the ones in flight are over."""
        self._retired = True
        self.slots.stop()
        self.release_if_idle()

    def release_if_idle(self) -> None:
        """Close a retired connection that carries nothing any more."""
        if self._retired and self.slots.used == 0:
            self.close()

    def close(self) -> None:
        """Close at once, jump hosts below included."""
        self._retired = True
        self.slots.stop()
        shutdown = getattr(self._raw, "shutdown", None)
        if shutdown is not None:
            # Wakes paramiko's reading thread, which would notice only at its next poll.
            with contextlib.suppress(OSError, EOFError):
                shutdown(socket.SHUT_RDWR)
        self.transport.close()
        with contextlib.suppress(OSError, EOFError):
            self._raw.close()
        if self._below is not None:
            self._below.close()


def open_link(settings: SshSettings, *, deadline: float, jumps: int = 0) -> Link:
    """Connect, check the host key, log in; dropped connections are tried again after a pause.

    Args:
        settings: the host's.
        deadline: on the monotonic clock.
        jumps: how many connections already run through this one.

    Raises:
        Unreachable, HostKeyProblem, AuthenticationFailed, ProtocolError.
    """
    pause = _FIRST_PAUSE
    for attempt in range(_ATTEMPTS):
        try:
            return _open_once(settings, deadline, jumps)
        except Dropped as exc:
            wait = pause * (1 + random.random())  # noqa: S311 - only to spread the attempts
            if attempt == _ATTEMPTS - 1 or time.monotonic() + wait > deadline:
                raise Unreachable(
                    settings.alias,
                    f"the host drops new connections: {safe(str(exc))}",
                    hint="sshd may be at its MaxStartups limit, or block this address",
                ) from None
            time.sleep(wait)
            pause *= 2
    raise AssertionError("unreachable: the last attempt raises")


def _open_once(settings: SshSettings, deadline: float, jumps: int) -> Link:
    # The host has things to do at the beginning too: it does them while paramiko is imported here.
    below, raw = open_stream(settings, deadline, jumps)
    link = None
    try:
        transport = new_transport(raw)
        link = Link(transport, below, raw)
        transport.set_log_channel(_LOG_CHANNEL)
        negotiate(transport, settings, deadline)
        transport.auth_timeout = max(1.0, deadline - time.monotonic())
        log_in(transport, settings)
        transport.set_keepalive(_KEEPALIVE_SECONDS)
    except Dropped:
        complaint = raw.complaint() if isinstance(raw, sockets.CommandSocket) else None
        _close(link, raw)
        if complaint is not None:
            raise Unreachable(settings.alias, f"ProxyCommand: {complaint}") from None
        raise
    except BaseException:
        _close(link, raw)
        raise
    return link


def _close(link: Link | None, raw: Any) -> None:
    if link is not None:
        link.close()
    else:
        raw.close()


def open_stream(settings: SshSettings, deadline: float, jumps: int = 0) -> tuple[Link | None, Any]:
    """Open what the connection runs over; gives the jump host's connection where there is one."""
    left = max(0.1, deadline - time.monotonic())
    timeout = min(left, settings.connect_timeout or left)
    if settings.proxy_jump is not None:
        return _jump(settings, settings.proxy_jump, deadline, jumps)
    if settings.proxy_command is not None:
        return None, sockets.command(settings.alias, settings.proxy_command)
    return None, sockets.tcp(settings.alias, settings.hostname, settings.port, timeout=timeout)


def _jump(settings: SshSettings, chain: str, deadline: float, jumps: int) -> tuple[Link, Any]:
    """Go through the last host of a ProxyJump list, which is reached through those before it."""
    import dataclasses  # noqa: PLC0415

    load_paramiko()
    import paramiko  # noqa: PLC0415

    if jumps >= _MAX_JUMPS:
        raise Unreachable(settings.alias, "its ProxyJump chain does not end", hint="check your ssh config")
    before, _, last = chain.rpartition(",")
    hop = _hop(last, settings)
    if before:
        hop = dataclasses.replace(hop, proxy_jump=before, proxy_command=None)
    try:
        below = open_link(hop, deadline=deadline, jumps=jumps + 1)
    except HelperError as exc:
        raise type(exc)(settings.alias, f"jump host {safe(last)}: {exc.detail}", hint=exc.hint) from None
    try:
        channel = below.open_channel(
            "direct-tcpip",
            (settings.hostname, settings.port),
            timeout=max(0.1, deadline - time.monotonic()),
        )
    except (paramiko.SSHException, EOFError, OSError) as exc:
        below.close()
        raise Unreachable(
            settings.alias, f"jump host {safe(last)} cannot reach it: {safe(str(exc))}"
        ) from None
    return below, channel


def _hop(text: str, settings: SshSettings) -> SshSettings:
    """Resolve one host of a ProxyJump list: [user@]host[:port], or an ssh:// address."""
    import dataclasses  # noqa: PLC0415

    address = text.strip().removeprefix("ssh://")
    name, colon, port = address.rpartition(":")
    # A bare IPv6 address has several colons and no port.
    if not colon or not port.isdigit() or (":" in name and not name.endswith("]")):
        return resolve(address.strip("[]"), config_file=settings.config_file)
    hop = resolve(name.replace("[", "").replace("]", ""), config_file=settings.config_file)
    return dataclasses.replace(hop, port=int(port))
