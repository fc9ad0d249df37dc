"""What the user's ssh configuration says about one host.

`ssh -G` is asked, so `Include`, `Match`, tokens and the system-wide file count exactly as they do for
the `ssh` binary that carries the forwards. Without that binary paramiko's own reader serves.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhl_helpers.errors import Unreachable
from rhl_helpers.text import safe

_RESOLVE_SECONDS = 10.0
_TOKEN = re.compile(r"%(.)")
# A host name is put on command lines: nothing that could be taken for an option or a second word.
_ALIAS = re.compile(r"[A-Za-z0-9_.:@%\[\]/+=~-]+")
_LISTS = frozenset({"identityfile", "certificatefile"})


@dataclass(frozen=True, slots=True)
class SshSettings:
    """One host's ssh configuration, resolved.

    Attributes:
        alias: the host as the user wrote it.
        known_hosts: files to look host keys up in, the user's first.
        connect_timeout: seconds, where the user set one.
        options: everything else ssh knows, lower-case names, raw values.
        config_file: the configuration file this was read from, where one was named.
    """

    alias: str
    hostname: str
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    identities_only: bool = False
    proxy_jump: str | None = None
    proxy_command: str | None = None
    known_hosts: tuple[str, ...] = ()
    host_key_alias: str | None = None
    connect_timeout: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    certificate_files: tuple[str, ...] = ()
    config_file: str | None = None

    def says(self, option: str, *values: str) -> bool:
        """Tell whether an option has one of these values."""
        return self.options.get(option, "").lower() in values


def check_alias(host: str) -> None:
    """Refuse a host name that ssh could take for an option or several words.

    Raises:
        Unreachable: it is not a host name.
    """
    if host.startswith("-") or not _ALIAS.fullmatch(host):
        raise Unreachable(safe(host), "not a host name", hint="check the host name in the cluster file")


def user_file() -> str | None:
    """Give the user's own configuration file, if there is one, where ssh looks for it."""
    path = Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", "config")
    return str(path) if path.exists() else None


def resolve(host: str, *, config_file: str | None = None) -> SshSettings:
    """Ask what ssh would do for a host.

    Args:
        host: the alias, name or user@name.
        config_file: the only configuration file to read; None reads what ssh reads by itself.

    Raises:
        Unreachable: the name or the configuration is not usable.
    """
    check_alias(host)
    if shutil.which("ssh") is None:
        return _without_ssh(host, config_file)
    argv = ["ssh", *(("-F", config_file) if config_file else ()), "-G", "--", host]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_RESOLVE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Unreachable(host, f"ssh -G: {safe(str(exc))}") from None
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unreachable(
            host,
            f"the ssh configuration is not usable: {safe(words[-1]) if words else 'ssh -G failed'}",
            hint="try `ssh -G HOST`",
        )
    home = pwd.getpwuid(os.getuid()).pw_dir
    pairs = (line.split(" ", 1) for line in done.stdout.decode("utf-8", "replace").splitlines())
    return _settings(host, [(pair[0], pair[1]) for pair in pairs if len(pair) > 1], home, config_file)


def _without_ssh(host: str, config_file: str | None) -> SshSettings:
    """Read the user's file by paramiko, for a machine without the ssh binary."""
    import paramiko  # noqa: PLC0415 - slow to import, and only needed here

    home = str(Path.home())
    path = Path(config_file or f"{home}/.ssh/config")
    user, _, name = host.rpartition("@")
    config = paramiko.SSHConfig()
    try:
        if path.exists():
            config = paramiko.SSHConfig.from_path(str(path))
        found: Mapping[str, Any] = config.lookup(name)
    except (OSError, paramiko.SSHException) as exc:
        raise Unreachable(host, f"{path}: {safe(str(exc))}") from None
    pairs = [("hostname", name)]
    for key, value in found.items():
        pairs += [(key, each) for each in value] if isinstance(value, list) else [(key, str(value))]
    defaults = {
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "port": "22",
        "userknownhostsfile": f"{home}/.ssh/known_hosts",
        "globalknownhostsfile": "/etc/ssh/ssh_known_hosts",
    }
    names = {key for key, _ in pairs}
    pairs += [(key, value) for key, value in defaults.items() if key not in names]
    if "identityfile" not in names:
        pairs += [("identityfile", f"{home}/.ssh/id_{kind}") for kind in ("ed25519", "ecdsa", "rsa")]
    if user:
        pairs.append(("user", user))
    return _settings(host, pairs, home, config_file)


def _settings(host: str, pairs: Sequence[tuple[str, str]], home: str, config_file: str | None) -> SshSettings:
    options = {key: value for key, value in pairs if key not in _LISTS}
    lists = {name: [value for key, value in pairs if key == name] for name in _LISTS}
    tokens = _tokens(host, options, home)
    known = [
        path
        for name in ("userknownhostsfile", "globalknownhostsfile")
        for path in _files(options.get(name, ""), tokens, home)
    ]
    return SshSettings(
        alias=host,
        hostname=options.get("hostname", host),
        port=_number(host, options.get("port", "22")),
        user=options.get("user", ""),
        identity_files=tuple(_expand(path, tokens, home) for path in lists["identityfile"] if path != "none"),
        identities_only=options.get("identitiesonly", "no").lower() == "yes",
        proxy_jump=_unless_none(options.get("proxyjump")),
        proxy_command=_command(options.get("proxycommand"), tokens),
        known_hosts=tuple(known),
        host_key_alias=options.get("hostkeyalias"),
        connect_timeout=_seconds(options.get("connecttimeout")),
        options=options,
        certificate_files=tuple(_expand(path, tokens, home) for path in lists["certificatefile"]),
        config_file=config_file,
    )


def _tokens(host: str, options: Mapping[str, str], home: str) -> dict[str, str]:
    local = socket.gethostname()
    name = options.get("hostname", host)
    return {
        "%": "%",
        "d": home,
        "h": name,
        "i": str(os.getuid()),
        "k": options.get("hostkeyalias", host),
        "L": local.split(".")[0],
        "l": local,
        "n": host.rpartition("@")[2],
        "p": options.get("port", "22"),
        "r": options.get("user", ""),
        "u": pwd.getpwuid(os.getuid()).pw_name,
    }


def _fill(text: str, tokens: Mapping[str, str]) -> str:
    """Put ssh's %-tokens in; an unknown one stays as it is."""
    return _TOKEN.sub(lambda match: tokens.get(match[1], match[0]), text)


def _expand(path: str, tokens: Mapping[str, str], home: str) -> str:
    filled = _fill(path.strip('"'), tokens)
    return home + filled[1:] if filled.startswith("~/") else filled


def _files(value: str, tokens: Mapping[str, str], home: str) -> list[str]:
    """Split a list of files; ssh prints them unquoted, so a name with spaces is tried whole as well."""
    names = [value] if " " not in value else [value, *value.split()]
    return [_expand(name, tokens, home) for name in names if name and name != "none"]


def _command(value: str | None, tokens: Mapping[str, str]) -> str | None:
    command = _unless_none(value)
    return None if command is None else _fill(command, tokens)


def _unless_none(value: str | None) -> str | None:
    return None if value is None or value.lower() == "none" else value


def _number(host: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise Unreachable(host, f"not a port: {safe(value)}") from None


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None
