"""Paths on hosts, as text: this client cannot look, so everything is decided lexically and cautiously."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

# Stricter than the helper's own list: it would clear /home, /root, /dev and /usr/lib.
_SYSTEM_ROOTS = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/lost+found", "/proc",
    "/run", "/sbin", "/snap", "/sys", "/usr", "/var/lib", "/var/log", "/var/run", "/System", "/Library",
    "/Applications", "/private/etc", "/private/var/db",
)  # fmt: skip
# Service accounts may have their homes here: below such a home (and only there) a cache may lie.
_HOMES_WITHIN = "/var/lib"
_MIN_DEPTH = 2


def expand(path: str, home: str | None) -> str:
    """Put the home in for a leading "~", where it is known, and tidy the path."""
    if home and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    return posixpath.normpath(path) if path else path


def contains(parent: str, child: str) -> bool:
    """Tell whether `child` lies strictly below `parent`."""
    return child != parent and child.startswith(parent.rstrip("/") + "/")


def ancestors(path: str) -> Iterator[str]:
    """Give every directory that a tidy path lies strictly below (see `contains`); the root as ""."""
    for index, character in enumerate(path):
        if character == "/":
            yield path[:index]


def overlap(one: str, other: str) -> bool:
    """Tell whether two directories are the same or one lies in the other."""
    return one == other or contains(one, other) or contains(other, one)


def may_overlap(one: str, other: str, home: str | None) -> bool:
    """Tell whether two directories may overlap; where the home is unknown, when in doubt yes.

    A path under "~" of an unknown home is compared by its tail: `~/a/b` may be `/any/home/a/b`.
    """
    left, right = expand(one, home), expand(other, home)
    if left.startswith("~") == right.startswith("~"):
        return overlap(left, right)
    tilde, absolute = (left, right) if left.startswith("~") else (right, left)
    parts = tilde.removeprefix("~").strip("/").split("/")
    # Could `absolute` be an ancestor of some home, or lie at or below the tail in one?
    tail = "/".join(parts)
    return (
        absolute.count("/") <= _MIN_DEPTH
        or f"/{tail}/" in f"{absolute}/"
        or tail.startswith(posixpath.basename(absolute) + "/")
    )


def _at_home(full: str, home: str | None) -> bool:
    """Tell whether a path lies below the home of an account that lives in a system directory."""
    return home is not None and contains(_HOMES_WITHIN, home) and contains(home, full)


def refusal(path: str, *, root: str | None = None, home: str | None = None) -> str | None:
    """Say why a path must never be cleared, or None if it may (S3).

    Args:
        path: the directory, absolute or starting with "~/".
        root: the configured directory it must lie strictly below.
        home: the service account's home on that host, where known.
    """
    parts = path.split("/")
    if not path.startswith(("/", "~/")):
        return "not an absolute path"
    if ".." in parts or "." in parts[1:] or "//" in path:
        return "not a plain path"
    if any(part.startswith(".") for part in parts):
        return "a hidden directory"
    full = expand(path, home)
    if full == "~" or (home and (full == home or contains(full, home))):
        return "a home directory or above one"
    if full.startswith("/"):
        if full.count("/") < _MIN_DEPTH:
            return "too close to the file system's root"
        if any(full == top or contains(top, full) for top in _SYSTEM_ROOTS) and not _at_home(full, home):
            return "a system directory"
        if posixpath.dirname(full) in ("/home", "/Users"):
            return "a home directory or above one"
    if root is not None and not contains(expand(root, home), full):
        return f"not below its configured root {root}"
    return None
