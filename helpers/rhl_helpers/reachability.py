"""What stands between this client and a host, step by step: configuration, name, port, host key, ports.

Nothing here logs in, except where a port is asked for through the host; nothing changes anything (S6).
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rhl_helpers.errors import HelperError, ProtocolError, Unreachable
from rhl_helpers.text import safe
from rhl_helpers.transport.base import Answer, Transport
from rhl_helpers.transport.host_key import Dropped, ShownKey, agree
from rhl_helpers.transport.output import Output
from rhl_helpers.transport.process import DeadlineExceeded, run_process
from rhl_helpers.transport.ssh_config import SshSettings, resolve, user_file

Way = Literal["paramiko", "openssh"]

_ATTEMPTS = 3
_PAUSE = 0.3
_MAX_ALIASES = 200
_MAX_INCLUDES = 32
# The discard port: hardly anything listens there, and being refused is the answer that is wanted.
_NOBODYS_PORT = 9


@dataclass(frozen=True, slots=True)
class Route:
    """How ssh would go to a host.

    Attributes:
        needs: what in its configuration only the ssh binary can do; None if nothing.
        master: whether the user's own ssh has a connection to it up (ControlPath).
        binary: whether there is an ssh binary, so that `ssh -G` told all this.
    """

    settings: SshSettings
    needs: str | None = None
    master: bool = False
    binary: bool = True

    @property
    def way(self) -> Way:
        """What `--ssh auto` takes."""
        return "openssh" if self.master or self.needs is not None else "paramiko"

    @property
    def proxied(self) -> bool:
        """Whether it goes through a ProxyJump or a ProxyCommand."""
        return self.settings.proxy_jump is not None or self.settings.proxy_command is not None


def route(host: str, *, config_file: str | None = None) -> Route:
    """Ask ssh what it would do for a host.

    Raises:
        Unreachable: the name or the configuration is not usable.
    """
    from rhl_helpers.transport.select import has_live_master, needs_openssh  # noqa: PLC0415 - used here only

    settings = resolve(host, config_file=config_file)
    binary = shutil.which("ssh") is not None
    return Route(settings, needs_openssh(settings), binary and has_live_master(settings), binary)


def transport_for(route: Route, way: Way, *, shared: bool = False, bare: bool = False) -> Transport:
    """Give the transport of one way; nothing is contacted yet.

    Args:
        route: as `route` gave it.
        way: which of the two.
        shared: use the user's own master connection, where one is up.
        bare: leave the login's PATH as it is.
    """
    settings = route.settings
    if way == "openssh":
        from rhl_helpers.transport.openssh import OpenSshTransport  # noqa: PLC0415 - used here only

        return OpenSshTransport(
            settings.alias, config_file=settings.config_file, shared=shared and route.master, bare=bare
        )
    from rhl_helpers.transport.paramiko_ssh import ParamikoTransport  # noqa: PLC0415 - slow to import

    return ParamikoTransport(settings.alias, config_file=settings.config_file, settings=settings, bare=bare)


def addresses(host: str, hostname: str, *, timeout: float) -> tuple[str, ...]:
    """Resolve a name, as programs of this machine do.

    Raises:
        Unreachable: there is no such name, or nobody told in time.
    """
    found: list[tuple[str, ...]] = []
    problems: list[Exception] = []

    def look() -> None:
        try:
            infos = socket.getaddrinfo(hostname, None, type=socket.SOCK_STREAM)
            found.append(tuple(dict.fromkeys(str(info[4][0]) for info in infos)))
        except (OSError, UnicodeError) as exc:
            problems.append(exc)

    # A resolver that does not answer takes as long as it likes: nobody waits for it longer than allowed.
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(timeout)
    if found:
        return found[0]
    why = safe(str(problems[0])) if problems else f"no answer from the name service within {timeout:g} s"
    raise Unreachable(host, f"cannot resolve {safe(hostname)}: {why}")


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a host says before anybody logs in.

    Attributes:
        software: what it calls itself.
        names: under which names its key is looked for.
    """

    software: str
    key: ShownKey
    names: tuple[str, ...]


def greet(route: Route, *, timeout: float) -> Greeting:
    """Connect, through the proxy where there is one, and let the host show its key; nobody logs in.

    Raises:
        HelperError: what stood in the way; of a jump host too.
    """
    settings, deadline = route.settings, time.monotonic() + timeout
    for attempt in range(_ATTEMPTS):
        try:
            return _greet_once(settings, deadline)
        except Dropped as exc:
            if attempt == _ATTEMPTS - 1 or time.monotonic() + _PAUSE > deadline:
                raise Unreachable(
                    settings.alias,
                    f"it takes connections and closes them before any greeting ({safe(str(exc))})",
                    hint="sshd may be at its MaxStartups limit or block this address; or it is no sshd",
                ) from None
            time.sleep(_PAUSE)
    raise AssertionError("unreachable: the last attempt raises")


def _greet_once(settings: SshSettings, deadline: float) -> Greeting:
    from rhl_helpers.transport import sockets  # noqa: PLC0415 - used here only
    from rhl_helpers.transport.known_hosts import host_names  # noqa: PLC0415 - see above
    from rhl_helpers.transport.link import Link, open_stream  # noqa: PLC0415 - see above
    from rhl_helpers.transport.loading import load_paramiko, new_transport  # noqa: PLC0415 - see above

    load_paramiko()
    import paramiko  # noqa: PLC0415 - slow to import

    below, raw = open_stream(settings, deadline)
    link = None
    try:
        transport = new_transport(raw)
        link = Link(transport, below, raw)
        transport.set_log_channel("rhl_helpers.transport.paramiko")
        key = agree(transport, settings, deadline)
        names = host_names(settings.hostname, settings.port, settings.host_key_alias)
        return Greeting(safe(str(transport.remote_version)), key, tuple(names))
    except Dropped:
        complaint = raw.complaint() if isinstance(raw, sockets.CommandSocket) else None
        if complaint is not None:
            raise Unreachable(settings.alias, f"ProxyCommand: {complaint}") from None
        raise
    except paramiko.SSHException as exc:
        raise ProtocolError(settings.alias, f"ssh negotiation failed: {safe(str(exc))}") from None
    finally:
        (link or raw).close()


def lets_ports_through(transport: Transport, *, timeout: float) -> bool | None:
    """Tell whether a host lets this login reach ports there, as tunnels need; None if that is not told.

    A port of its loopback is asked on which nobody listens: being refused by the port is a yes.
    """
    try:
        answer = transport.probe("127.0.0.1", _NOBODYS_PORT, "/", timeout=timeout)
    except HelperError:
        return None
    return isinstance(answer, Answer)


def ssh_lets_ports_through(route: Route, *, timeout: float) -> bool | None:
    """Tell the same by the ssh binary; None if that is not told."""
    settings = route.settings
    options = ("BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "LogLevel=INFO")
    line = ["ssh", *(("-F", settings.config_file) if settings.config_file else ())]
    line += [word for option in options for word in ("-o", option)]
    line += ["-W", f"127.0.0.1:{_NOBODYS_PORT}", "--", settings.alias]
    output = Output(1, None)
    try:
        run_process(line, output, deadline=time.monotonic() + timeout)
    except (DeadlineExceeded, OSError):
        return None
    said = output.stderr.lower()
    if b"administratively prohibited" in said:
        return False
    return True if output.started or b"connect failed" in said else None


# --- other names for the same host ---------------------------------------------------------


def aliases_of(hostname: str, *, config_file: str | None = None) -> tuple[str, ...]:
    """Give the names in the user's ssh configuration that lead to an address, other than itself."""
    files = (config_file,) if config_file else (user_file(), str(Path.home() / ".ssh" / "config"))
    names: dict[str, None] = {}
    for file in files:
        for name in _names_in(Path(file)) if file else ():
            names[name] = None
    found = []
    for name in list(names)[:_MAX_ALIASES]:
        if name.lower() == hostname.lower():
            continue
        with contextlib.suppress(Unreachable):
            if resolve(name, config_file=config_file).hostname.lower() == hostname.lower():
                found.append(name)
    return tuple(found)


def _names_in(path: Path) -> Iterator[str]:
    """Give the plain names that stand after `Host`, in a file and in what it includes."""
    pending, seen = [path], 0
    while pending and seen < _MAX_INCLUDES:
        file, seen = pending.pop(0), seen + 1
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            words = line.replace("=", " ", 1).split()
            if len(words) > 1 and words[0].lower() == "host":
                yield from (word for word in words[1:] if not set(word) & set("*?!\"'"))
            elif len(words) > 1 and words[0].lower() == "include":
                pending += _included(words[1:], file)


def _included(patterns: Sequence[str], file: Path) -> Iterator[Path]:
    for pattern in patterns:
        path = Path(pattern).expanduser()
        base = Path("/") if path.is_absolute() else file.parent
        with contextlib.suppress(OSError, ValueError, NotImplementedError):
            yield from sorted(base.glob(str(path.relative_to("/")) if path.is_absolute() else pattern))
