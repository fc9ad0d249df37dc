"""Run helpers on a host over one paramiko connection that carries all calls."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

from rhl_helpers.errors import CallTimeout, ProtocolError, Unreachable
from rhl_helpers.text import safe
from rhl_helpers.transport.base import MAX_OUTPUT, Answer, Reply
from rhl_helpers.transport.connector import Connector
from rhl_helpers.transport.link import CONNECT_SECONDS, Link, open_link
from rhl_helpers.transport.loading import load_paramiko
from rhl_helpers.transport.output import Output, remote_command
from rhl_helpers.transport.ssh_config import SshSettings, check_alias, resolve

if TYPE_CHECKING:
    import paramiko

_CHUNK = 65536
# A connection that opens no session in this time is dead without having said so (a laptop that slept).
_OPEN_SECONDS = 8.0
_OPEN_FAILURES = 4
_OPEN_PAUSE = 0.05


class ParamikoTransport:
    """One connection a host, calls multiplexed over it, made again when it was dropped.

    An `Unreachable` means that nothing was run; a `ProtocolError` or `CallTimeout` that it may have been.

    Args:
        host: the alias or name, as in the user's ssh configuration.
        config_file: the configuration file to use instead of the user's.
        settings: the host's settings, where they have been resolved already.
        bare: leave the login's PATH as it is, without the conda bases.
    """

    def __init__(
        self,
        host: str,
        *,
        config_file: str | None = None,
        settings: SshSettings | None = None,
        bare: bool = False,
    ) -> None:
        check_alias(host)
        self.host = host
        self._bare = bare
        self._config_file = config_file
        self._settings = settings
        self._connector = Connector(self._connect)

    def _connect(self) -> Link:
        if self._settings is None:
            self._settings = resolve(self.host, config_file=self._config_file)
        return open_link(self._settings, deadline=time.monotonic() + CONNECT_SECONDS)

    def begin(self) -> None:
        """Begin to connect, in the background."""
        self._connector.begin()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run one helper; see `Transport.run`."""
        deadline = time.monotonic() + timeout
        output = Output(max_output, stdout_to)
        link, channel = self._open_session(deadline)
        complete = False
        try:
            self._start(channel, remote_command(argv, bare=self._bare), deadline)
            code = self._collect(link, channel, output, deadline)
            complete = True
        finally:
            # A remote command that was not seen to end keeps its slot: that connection takes no more (L5).
            _release(link, channel, retire=not complete)
        return output.reply(self.host, code)

    def _link(self, deadline: float) -> Link:
        link = self._connector.get(deadline)
        if link is None:
            raise CallTimeout(self.host, "no connection within the time allowed; nothing was run")
        return link

    def _open_session(self, deadline: float) -> tuple[Link, paramiko.Channel]:
        """Open a session on a connection that works; nothing has been run when this fails."""
        load_paramiko()
        import paramiko  # noqa: PLC0415 - slow to import

        failures = 0
        while True:
            link = self._link(deadline)
            if not link.slots.take(deadline):
                if not link.usable and time.monotonic() < deadline:
                    continue
                raise CallTimeout(self.host, "all sessions of the connection are in use; nothing was run")
            try:
                seconds = max(0.1, min(_OPEN_SECONDS, deadline - time.monotonic()))
                return link, link.open_channel("session", timeout=seconds)
            except paramiko.ChannelException as exc:
                # The host's MaxSessions is lower than ours: wait until one of those in use has ended.
                # With none in use, the host may just not have noticed yet that the last one has.
                failures += not link.slots.refused()
                problem = self._no_session(exc)
            except (paramiko.SSHException, EOFError, OSError) as exc:
                failures += 1
                link.slots.give_back()
                link.retire()
                problem = Unreachable(self.host, f"the connection was dropped: {safe(str(exc))}")
            if failures >= _OPEN_FAILURES:
                raise problem
            if time.monotonic() >= deadline:
                raise CallTimeout(self.host, "no session within the time allowed; nothing was run")
            time.sleep(_OPEN_PAUSE * failures)

    def _no_session(self, exc: Exception) -> Unreachable:
        return Unreachable(
            self.host,
            f"the host opens no session: {safe(str(exc))}",
            hint="its sshd allows none (MaxSessions 0), or this login may not run commands",
        )

    def _start(self, channel: paramiko.Channel, command: str, deadline: float) -> None:
        import paramiko  # noqa: PLC0415

        # paramiko waits for the host's answer without a limit of its own.
        watchdog = threading.Timer(max(0.0, deadline - time.monotonic()), channel.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as exc:
            if time.monotonic() >= deadline:
                raise CallTimeout(self.host, "the host did not start the helper in time") from None
            raise ProtocolError(
                self.host, f"the session ended before the helper started: {safe(str(exc))}"
            ) from None
        finally:
            watchdog.cancel()

    def _collect(self, link: Link, channel: paramiko.Channel, output: Output, deadline: float) -> int:
        """Take what the helper prints until it has ended; gives its exit code."""
        poller = select.poll()
        poller.register(channel.fileno(), select.POLLIN)
        while not (channel.eof_received or channel.closed) or _pending(channel):
            left = deadline - time.monotonic()
            if left <= 0:
                raise CallTimeout(self.host, "the helper did not end in time")
            poller.poll(left * 1000)
            _drain(channel, output)
        if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            raise CallTimeout(self.host, "the helper closed its output but did not end in time")
        code = channel.recv_exit_status()
        if code < 0 and not link.transport.is_active():
            raise ProtocolError(self.host, "the connection was cut before the helper had ended")
        return code

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:
        """Ask a port through the connection in hand; see `Transport.probe`.

        None where the host lets this login reach no ports.
        """
        from rhl_helpers.transport.channel_probe import probe_through  # noqa: PLC0415

        deadline = time.monotonic() + timeout
        link = self._link(deadline)
        if not link.forwards:
            return None
        return probe_through(link, self.host, (host, port), path, deadline=deadline)

    def close(self) -> None:
        """Close the connection."""
        self._connector.close()


def _pending(channel: paramiko.Channel) -> bool:
    return channel.recv_ready() or channel.recv_stderr_ready()


def _drain(channel: paramiko.Channel, output: Output) -> None:
    while channel.recv_ready():
        output.out(channel.recv(_CHUNK))
    while channel.recv_stderr_ready():
        output.err(channel.recv_stderr(_CHUNK))


def _release(link: Link, channel: paramiko.Channel, *, retire: bool) -> None:
    if retire:
        # Closing may wait for a host that no longer reads; the caller's deadline has passed already.
        threading.Thread(target=_abandon, args=(link, channel), daemon=True).start()
    else:
        channel.close()
        link.slots.give_back()
        link.release_if_idle()


def _abandon(link: Link, channel: paramiko.Channel) -> None:
    link.retire()
    channel.close()
    link.slots.give_back()
    link.release_if_idle()
