"""Recognise port forwards by the command lines of their processes.

Two kinds: the launcher's monitor (`python -c SCRIPT --ssh-host …`), and the `ssh -N -L …` that it or a
person started. Nothing is looked up here: argv in, values out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# ssh's options that take a value; the other letters stand alone.
_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
_MONITOR_FLAGS = (
    "--ssh-host",
    "--remote-host",
    "--remote-port",
    "--local-port",
    "--remote-pid",
    "--status-path",
)
# What the launcher's script does, whatever its version: it starts ssh and watches a remote pid.
_SCRIPT_SIGNS = ("ExitOnForwardFailure", "--remote-pid", "subprocess")
_LOCAL_FORWARD = re.compile(r"localforward[ \t]*=?[ \t]*", re.IGNORECASE)
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class ForwardTarget:
    """From a local port, through an ssh host, to a port as that host sees it."""

    local_port: int
    ssh_host: str
    remote_host: str
    remote_port: int


@dataclass(frozen=True, slots=True)
class MonitorLine:
    """What a monitor's command line says."""

    target: ForwardTarget
    remote_pid: int


def parse_monitor(argv: Sequence[str]) -> MonitorLine | None:
    """Read the command line of a launcher's tunnel monitor; None if it is something else."""
    if "-c" not in argv:
        return None
    script, *words = argv[argv.index("-c") + 1 :] or [""]
    if not all(sign in script for sign in _SCRIPT_SIGNS):
        return None
    found = {flag: _after(words, flag) for flag in _MONITOR_FLAGS}
    local, remote = _port(found["--local-port"]), _port(found["--remote-port"])
    host, pid = found["--ssh-host"], found["--remote-pid"]
    if not host or not found["--remote-host"] or local is None or remote is None or not (pid or "").isdigit():
        return None
    return MonitorLine(
        ForwardTarget(local, host, (found["--remote-host"] or "").strip("[]"), remote), int(pid or 0)
    )


def parse_ssh(argv: Sequence[str]) -> tuple[ForwardTarget, ...]:
    """Read the command line of an `ssh -N` with local TCP forwards; empty if it is something else."""
    if not argv or argv[0].rpartition("/")[2] != "ssh":
        return ()
    specs: list[str] = []
    host: str | None = None
    no_command = False
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if word == "--" or not word.startswith("-") or word == "-":
            if word == "--":
                word = words.pop(0) if words else ""
            if host is not None:
                # A second plain word is a command for the host: a session, not a bare forward.
                return ()
            host = word
            continue
        flags, value = _cluster(word, words)
        no_command |= "N" in flags
        if value is not None:
            specs += _specs(value[0], value[1])
    if not no_command or not host:
        return ()
    targets = [_target(spec, host) for spec in specs]
    return tuple(target for target in targets if target is not None)


def _cluster(word: str, words: list[str]) -> tuple[str, tuple[str, str] | None]:
    """Split `-NfL spec`: the flags that stand alone, and the option with its value if one ends the word.

    A value that is the next word is taken off `words`.
    """
    for index, letter in enumerate(word[1:], start=1):
        if letter in _WITH_VALUE:
            rest = word[index + 1 :]
            return word[1:index], (letter, rest or (words.pop(0) if words else ""))
    return word[1:], None


def _specs(letter: str, value: str) -> list[str]:
    if letter == "L":
        return [value]
    match = _LOCAL_FORWARD.match(value) if letter == "o" else None
    # `-o "LocalForward 8080 host:80"`: the two halves are separate words.
    return [value[match.end() :].strip().replace(" ", ":")] if match else []


def _target(spec: str, host: str) -> ForwardTarget | None:
    """Read [bind:]port:host:hostport; IPv6 addresses stand in brackets. None for Unix sockets."""
    parts = re.findall(r"\[[^\]]*\]|[^:]+", spec)
    if len(parts) not in (3, 4) or "/" in spec:
        return None
    local, remote = _port(parts[-3]), _port(parts[-1])
    if local is None or remote is None:
        return None
    return ForwardTarget(local, host, parts[-2].strip("[]"), remote)


def _after(words: Sequence[str], flag: str) -> str | None:
    for index, word in enumerate(words):
        if word == flag:
            return words[index + 1] if index + 1 < len(words) else None
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None


def _port(text: str | None) -> int | None:
    if text is None or not _PORT.fullmatch(text):
        return None
    return int(text) if 0 < int(text) < 65536 else None  # noqa: PLR2004 - the range of ports
