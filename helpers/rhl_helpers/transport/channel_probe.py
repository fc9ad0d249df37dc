"""Ask a port on a host through a channel of the ssh connection in hand."""

from __future__ import annotations

import time

from rhl_helpers.errors import CallTimeout, ProtocolError
from rhl_helpers.probe import Stream, probe_over
from rhl_helpers.transport.base import Answer
from rhl_helpers.transport.link import Link

_PROHIBITED = 1
_CONNECT_FAILED = 2
_SIGN_OF_LIFE_SECONDS = 2.0


def probe_through(
    link: Link, alias: str, where: tuple[str, int], path: str, *, deadline: float
) -> Answer | None:
    """Ask for a path; None (and remembered) where the host forwards nothing for this login.

    Raises:
        CallTimeout, ProtocolError: the connection itself does not answer, so the port was not asked.
    """
    import paramiko  # noqa: PLC0415 - slow to import

    def connect(seconds: float) -> Stream:
        return link.open_channel("direct-tcpip", where, timeout=max(0.1, seconds))

    try:
        answer = probe_over(connect, *where, path, timeout=deadline - time.monotonic())
    except paramiko.ChannelException as exc:
        if exc.code == _CONNECT_FAILED:
            return Answer.CLOSED
        if exc.code == _PROHIBITED:
            link.forwards = False
        return None
    except (paramiko.SSHException, EOFError, OSError):
        link.retire()
        raise CallTimeout(alias, f"port {where[1]} could not be asked in time") from None
    if answer is Answer.SILENT:
        _check_alive(link, alias)
    return answer


def _check_alive(link: Link, alias: str) -> None:
    """Make sure that a silent port is the port's silence, not the connection's (S2)."""
    import paramiko  # noqa: PLC0415

    if not link.transport.is_active():
        raise ProtocolError(alias, "the connection was cut while a port was asked")
    try:
        link.open_channel("session", timeout=_SIGN_OF_LIFE_SECONDS).close()
    except paramiko.ChannelException:
        # It answered, if only to say that all sessions are taken.
        return
    except (paramiko.SSHException, EOFError, OSError):
        link.retire()
        raise CallTimeout(alias, "the connection does not answer any more") from None
