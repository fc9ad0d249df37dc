"""Agree on a connection's keys with a host, and make sure that it is that host: strictly, always."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rhl_helpers.errors import HostKeyProblem, ProtocolError, Unreachable
from rhl_helpers.text import safe
from rhl_helpers.transport.known_hosts import KeyVerdict, host_names, lookup
from rhl_helpers.transport.ssh_config import SshSettings

if TYPE_CHECKING:
    import paramiko


class Dropped(Exception):
    """The host closed the connection before the login: sshd's MaxStartups does so at random."""


@dataclass(frozen=True, slots=True)
class ShownKey:
    """The key a host showed, and how it compares with what is known.

    Attributes:
        kind: its type, as in known_hosts.
        fingerprint: as `ssh-keygen -l` prints it.
        authority: whether a certificate authority speaks for the host.
    """

    kind: str
    fingerprint: str
    verdict: KeyVerdict
    authority: bool = False


def negotiate(transport: paramiko.Transport, settings: SshSettings, deadline: float) -> None:
    """Agree on keys with the host, and check that it is the host (strictly, always)."""
    _judge(settings, agree(transport, settings, deadline))


def agree(transport: paramiko.Transport, settings: SshSettings, deadline: float) -> ShownKey:
    """Agree on keys with the host, and give the key that it showed; nothing is judged yet.

    Raises:
        Dropped, Unreachable, ProtocolError: there was no agreement.
    """
    import paramiko  # noqa: PLC0415

    known = lookup(
        settings.known_hosts, host_names(settings.hostname, settings.port, settings.host_key_alias)
    )
    _prefer(transport, known.types)
    left = max(0.1, deadline - time.monotonic())
    transport.banner_timeout = left
    try:
        transport.start_client(timeout=left)
        # Where its time is up, the line above may return as if all were well: then there is no key yet.
        key = transport.get_remote_server_key()
    except paramiko.SSHException as exc:
        raise _negotiation_error(settings, exc, deadline) from None
    except (EOFError, ConnectionError) as exc:
        raise Dropped(str(exc) or "connection closed") from None
    except OSError as exc:
        raise Unreachable(settings.alias, safe(str(exc))) from None
    blob = base64.b64encode(key.asbytes()).decode("ascii")
    verdict = known.judge(key.get_name(), blob)
    return ShownKey(safe(key.get_name()), _fingerprint(blob), verdict, authority=known.authorities)


def _negotiation_error(settings: SshSettings, exc: Exception, deadline: float) -> Exception:
    words = str(exc)
    if "banner" in words and time.monotonic() < deadline:
        return Dropped("it closed the connection without a greeting")
    if "banner" in words or "timed out" in words.lower() or "No existing session" in words:
        return Unreachable(settings.alias, "the host accepts connections but does not speak ssh in time")
    return ProtocolError(settings.alias, f"ssh negotiation failed: {safe(words)}", hint="try `--ssh openssh`")


def _prefer(transport: paramiko.Transport, types: list[str]) -> None:
    """Ask for a host key of a type that is known, as the host may have several."""
    if not types:
        return
    wanted = [name for kind in types for name in _algorithms(kind)]
    security = transport.get_security_options()
    offered = list(security.key_types)
    preferred = [name for name in wanted if name in offered]
    security.key_types = [*preferred, *(name for name in offered if name not in preferred)]


def _algorithms(kind: str) -> list[str]:
    return ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] if kind == "ssh-rsa" else [kind]


def _judge(settings: SshSettings, key: ShownKey) -> None:
    """Raise unless the key is known: whatever the user's StrictHostKeyChecking, a program must not guess."""
    shown = f"{key.kind} {key.fingerprint}"
    if key.verdict is KeyVerdict.MATCHES:
        return
    if key.verdict is KeyVerdict.REVOKED:
        raise HostKeyProblem(
            settings.alias, f"its host key is revoked ({shown})", hint="do not connect; ask the host's owner"
        )
    if key.verdict is KeyVerdict.CHANGED:
        raise HostKeyProblem(
            settings.alias,
            f"its host key has changed ({shown})",
            hint="check the new key out of band, then remove the old one with `ssh-keygen -R`",
        )
    if key.authority:
        raise HostKeyProblem(
            settings.alias, f"its host key is certified ({shown})", hint="use `--ssh openssh`"
        )
    raise HostKeyProblem(settings.alias, f"its host key is unknown ({shown})")


def _fingerprint(blob: str) -> str:
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")
