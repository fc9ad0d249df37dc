"""What names, paths and the like may look like.

Names and paths end up in templates that the launcher evaluates and in command lines on other
hosts: nothing but these characters gets there, wherever it comes from (manifest, seamless.yaml,
cluster files, environment).
"""

from __future__ import annotations

import ipaddress
import re

MAX_NAME = 100
MAX_PATH = 1000

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
PATH_PATTERN = r"~?(/[A-Za-z0-9@%_+=:,.~-]+)+/?"
MARKER_PATTERN = r"[A-Za-z0-9._-]+"
EPOCH_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:+@/-]*"
CONDA_PATTERN = r"[A-Za-z0-9@%_+=:,./~][A-Za-z0-9@%_+=:,./~-]*"

_NAME = re.compile(NAME_PATTERN)
_PATH = re.compile(PATH_PATTERN)
_MARKER = re.compile(MARKER_PATTERN)
_EPOCH = re.compile(EPOCH_PATTERN)
_CONDA = re.compile(CONDA_PATTERN)
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~%:@,+=?&/-]*")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAX_HOST = 253
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?")
MAX_SECONDS = 366 * 24 * 3600.0


def name_fault(text: str) -> str | None:
    """Say what is wrong with a name of anything, or a key; None if nothing."""
    if not text:
        return "must not be empty"
    if len(text) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if not _NAME.fullmatch(text):
        return "may hold only letters, digits, '.', '_' and '-', and must begin with a letter or digit"
    if "--" in text:
        return "must not contain '--'"
    if "STAGE-" in text:
        return "must not contain 'STAGE-'"
    return None


def subproject_fault(text: str) -> str | None:
    """Say what is wrong with a subproject: names with `/` between them; None if nothing."""
    if len(text) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    faults = (name_fault(part) for part in text.split("/"))
    fault = next(filter(None, faults), None)
    return f"{fault} (in each part between '/')" if fault and "/" in text else fault


def path_fault(text: str) -> str | None:
    """Say what is wrong with a directory on a host; None if nothing."""
    if not text:
        return "must not be empty"
    if len(text) > MAX_PATH:
        return f"is longer than {MAX_PATH} characters"
    if not text.startswith(("/", "~/")):
        return "must be absolute, or begin with '~/'"
    parts = text.rstrip("/").split("/")[1:]
    if not parts or any(part in ("", ".", "..") for part in parts) or text.endswith("//"):
        return "must not contain '..', '.' or empty parts, nor be the root itself"
    if not _PATH.fullmatch(text):
        return "may hold only letters, digits and @ % _ + = : , . ~ -"
    return None


def marker_fault(text: str) -> str | None:
    """Say what is wrong with the name of a marker file; None if nothing."""
    if not _MARKER.fullmatch(text) or text in (".", "..") or text.startswith("-") or len(text) > MAX_NAME:
        return "must be a plain file name"
    return None


def epoch_fault(text: str) -> str | None:
    """Say what is wrong with an epoch; None if nothing."""
    if not _EPOCH.fullmatch(text) or len(text) > MAX_NAME:
        return "may hold only letters, digits and . _ : + @ / -, and must begin with a letter or digit"
    return None


def conda_fault(text: str) -> str | None:
    """Say what is wrong with the name or path of a conda environment; None if nothing."""
    if not _CONDA.fullmatch(text) or len(text) > MAX_PATH:
        return "must be the name or path of a conda environment, without spaces or quotes"
    return None


def host_fault(text: str) -> str | None:
    """Say what is wrong with a host name or address (the launcher's own rule); None if nothing."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        pass
    else:
        # A scope ("fe80::1%eth0") may hold anything.
        return "must not have a scope" if "%" in text else None
    if len(text) <= _MAX_HOST and all(
        _HOST_LABEL.fullmatch(label) for label in text.removesuffix(".").split(".")
    ):
        return None
    return "must be a host name or an IP address"


def url_path_fault(text: str) -> str | None:
    """Say what is wrong with the path of a handshake; None if nothing."""
    if not _URL_CHARACTERS.fullmatch(text) or text.startswith("//") or "://" in text or len(text) > MAX_PATH:
        return "must be the path of a URL, as in 'healthcheck'"
    return None


def seconds(text: str) -> float | None:
    """Read a duration such as "90", "10m", "1h30m", "45s"; None if it is none."""
    found = _DURATION.fullmatch(text.strip())
    if not found or not any(found.groups()):
        return None
    hours, minutes, rest = (int(group or 0) for group in found.groups())
    return float(hours * 3600 + minutes * 60 + rest)
