"""Look host keys up in known_hosts files, the way ssh does: patterns, hashes and markers count.

Keys are compared as the base64 text they are written in; none is parsed.
"""

from __future__ import annotations

import base64
import binascii
import enum
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_DEFAULT_PORT = 22
_HASHED = "|1|"


class KeyVerdict(enum.Enum):
    """How a host's key compares with what is known."""

    MATCHES = "matches"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What the files say of one host: (type, base64) pairs.

    Attributes:
        accepted: keys of this host.
        revoked: keys that must never be accepted for it.
        authorities: whether a certificate authority speaks for it.
    """

    accepted: frozenset[tuple[str, str]] = frozenset()
    revoked: frozenset[tuple[str, str]] = frozenset()
    authorities: bool = False

    @property
    def types(self) -> list[str]:
        """The types of the accepted keys, sorted."""
        return sorted({kind for kind, _ in self.accepted})

    def judge(self, kind: str, blob: str) -> KeyVerdict:
        """Compare a key that a host showed; a revoked one never passes."""
        if (kind, blob) in self.revoked:
            return KeyVerdict.REVOKED
        if (kind, blob) in self.accepted:
            return KeyVerdict.MATCHES
        return KeyVerdict.CHANGED if kind in self.types else KeyVerdict.UNKNOWN


def host_names(hostname: str, port: int, alias: str | None) -> list[str]:
    """Give the names a host's key may stand under; a HostKeyAlias is the only one."""
    if alias is not None:
        return [alias]
    name = hostname.lower()
    return [name] if port == _DEFAULT_PORT else [f"[{name}]:{port}", name]


def lookup(files: Iterable[str], names: Iterable[str]) -> KnownKeys:
    """Read what the files say of a host under any of its names; files that are not there say nothing."""
    wanted = list(names)
    found: dict[str, set[tuple[str, str]]] = {"": set(), "@revoked": set(), "@cert-authority": set()}
    for path in files:
        try:
            with Path(path).open(encoding="utf-8", errors="replace") as handle:
                lines = handle.readlines()
        except OSError:
            continue
        for line in lines:
            _take(line.split(), wanted, found)
    return KnownKeys(
        frozenset(found[""]), frozenset(found["@revoked"]), authorities=bool(found["@cert-authority"])
    )


def _take(words: list[str], names: list[str], found: dict[str, set[tuple[str, str]]]) -> None:
    if not words or words[0].startswith("#"):
        return
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in found or len(words) < 3:  # noqa: PLR2004 - hosts, type, key
        return
    if any(_matches(name, words[0]) for name in names):
        found[marker].add((words[1], words[2]))


def _matches(name: str, pattern: str) -> bool:
    """Match one name against a line's host field; a negated pattern that matches excludes."""
    if pattern.startswith(_HASHED):
        return _matches_hash(name, pattern)
    accepted = False
    for each in pattern.lower().split(","):
        if each.startswith("!"):
            if _glob(name, each[1:]):
                return False
        elif _glob(name, each):
            accepted = True
    return accepted


def _glob(name: str, pattern: str) -> bool:
    # Only * and ? are special in ssh; brackets are part of "[host]:port".
    if "*" not in pattern and "?" not in pattern:
        return name == pattern
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _matches_hash(name: str, field: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in field.split("|")[2:4])
    except (ValueError, binascii.Error):
        return False
    # HMAC-SHA1 is the file format's choice; nothing here depends on it for secrecy.
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
