"""Read what the ssh binary says when it fails (exit 255), and tell the kinds of failure apart."""

from __future__ import annotations

import re

from rhl_helpers.errors import AuthenticationFailed, HelperError, HostKeyProblem, Unreachable
from rhl_helpers.text import safe

# First match wins; the words are OpenSSH's own, the same for twenty years.
_HOST_KEY = (
    "host key verification failed",
    "remote host identification has changed",
    "host key is known for",
    "host key for",
    "no matching host key type found",
    "revoked host key",
)
_AUTH = (
    "permission denied",
    "too many authentication failures",
    "no more authentication methods to try",
    "no supported authentication methods",
)
_NO_CONNECTION = (
    "could not resolve hostname",
    "connection refused",
    "connection timed out",
    "operation timed out",
    "no route to host",
    "network is unreachable",
    "host is down",
    "bad configuration option",
    "terminating, ",
    "bad owner or permissions",
    "bad port",
    "stdio forwarding failed",
    "connect_to ",
    "open failed",
    "unable to negotiate",
    "hostname contains invalid characters",
)
_DROPPED = (
    "connection reset",
    "connection closed",
    "closed by remote host",
    "broken pipe",
    "kex_exchange_identification",
    "banner exchange",
    "not responding",
    "shared connection to",
)

# The stream of a jump host or a ProxyCommand has no address. What went wrong there, ssh does not pass on.
_ON_THE_WAY = ("by unknown port",)

OWN_WORDS = re.compile(
    rb"ssh: |Host key verification failed|No .* host key is known for|[^\s:]+@[^\s:]+: Permission denied"
    rb"|(Shared )?[Cc]onnection (to|closed|reset)|client_loop: |mux_client|kex_exchange_identification"
)
"""How the lines begin that ssh itself writes, and no helper."""


def _lines(stderr: bytes) -> list[str]:
    return [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]


def _first(lines: list[str], signs: tuple[str, ...]) -> str | None:
    return next((line for line in lines if any(sign in line.lower() for sign in signs)), None)


def is_drop(stderr: bytes) -> bool:
    """Tell whether ssh says that the other side cut the connection."""
    lines = _lines(stderr)
    other = _HOST_KEY + _AUTH + _NO_CONNECTION + _ON_THE_WAY
    return _first(lines, other) is None and _first(lines, _DROPPED) is not None


def connection_error(host: str, stderr: bytes) -> HelperError | None:
    """Give the error that ssh's words stand for; None where they say nothing of a connection."""
    lines = _lines(stderr)
    if _first(lines, _HOST_KEY) is not None:
        return _host_key(host, lines)
    denied = _first(lines, _AUTH)
    if denied is not None:
        return AuthenticationFailed(host, safe(denied))
    found = _first(lines, _NO_CONNECTION) or _first(lines, _DROPPED)
    if found is not None and _first(lines, _NO_CONNECTION) is None and _first(lines, _ON_THE_WAY):
        return Unreachable(host, "its ProxyJump or ProxyCommand failed", hint="try `ssh HOST true`")
    return None if found is None else Unreachable(host, safe(found))


def _host_key(host: str, lines: list[str]) -> HostKeyProblem:
    text = " ".join(lines).lower()
    if "has changed" in text:
        hint = "check the new key out of band, then remove the old one with `ssh-keygen -R`"
        return HostKeyProblem(host, "its host key has changed", hint=hint)
    if "revoked" in text:
        hint = "do not connect; ask the host's owner"
        return HostKeyProblem(host, "its host key is revoked", hint=hint)
    unknown = _first(lines, ("host key is known for", "no matching host key"))
    return HostKeyProblem(host, safe(unknown) if unknown else "its host key is unknown")
