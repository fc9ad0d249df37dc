"""What this client has to log in with: its agent and its key files. Nothing is sent anywhere."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rhl_helpers.text import safe
from rhl_helpers.transport.ssh_config import SshSettings

_AGENT_SECONDS = 5.0
_NO_KEYS = 1


class AgentState(Enum):
    """How the ssh agent answers."""

    NONE = "none"  # SSH_AUTH_SOCK is not set
    OFF = "off"  # the host's configuration says so
    SILENT = "silent"  # it is named, and does not answer
    EMPTY = "empty"  # it answers, and holds no key
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Agent:
    """The ssh agent.

    Attributes:
        keys: how many keys it holds.
        socket: where it was looked for.
        problem: why it does not answer.
    """

    state: AgentState
    keys: int = 0
    socket: str = ""
    problem: str = ""


class KeyState(Enum):
    """What a key file is good for."""

    USABLE = "usable"
    IN_AGENT = "in the agent"
    LOCKED = "needs a passphrase"
    EXPOSED = "others may read it, so ssh ignores it"
    UNREADABLE = "cannot be read"
    TOKEN = "on a security key"  # noqa: S105 - no password
    FOREIGN = "not a key this program can read"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One key file that is there."""

    path: str
    state: KeyState


@dataclass(frozen=True, slots=True)
class Offer:
    """What would be offered to one host, agent keys first."""

    agent: Agent
    files: tuple[KeyFile, ...] = ()

    def having(self, *states: KeyState) -> tuple[KeyFile, ...]:
        """Give the files in any of these states."""
        return tuple(file for file in self.files if file.state in states)


def agent_here(socket: str | None = None) -> Agent:
    """Ask the agent how many keys it holds, by `ssh-add`; it is asked for nothing else."""
    path = socket or os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        return Agent(AgentState.NONE)
    env = {**os.environ, "SSH_AUTH_SOCK": path, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["ssh-add", "-l"],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_AGENT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Agent(AgentState.SILENT, socket=path, problem=f"no answer within {_AGENT_SECONDS:g} s")
    except OSError as exc:
        return Agent(AgentState.SILENT, socket=path, problem=safe(str(exc)))
    if done.returncode == 0:
        return Agent(AgentState.READY, done.stdout.count(b"\n"), path)
    if done.returncode == _NO_KEYS:
        return Agent(AgentState.EMPTY, socket=path)
    words = done.stderr.strip().splitlines()
    return Agent(AgentState.SILENT, socket=path, problem=safe(words[-1]) if words else "it does not answer")


def offer(settings: SshSettings) -> Offer:
    """Give what this client would log in with on one host."""
    agent = _agent_for(settings)
    held = _held(agent)
    files = (KeyFile(path, _state(path, held)) for path in settings.identity_files if _is_there(path))
    return Offer(agent, tuple(files))


def _agent_for(settings: SshSettings) -> Agent:
    named = settings.options.get("identityagent", "SSH_AUTH_SOCK")
    if named.lower() == "none":
        return Agent(AgentState.OFF)
    if named.upper() == "SSH_AUTH_SOCK":
        return agent_here()
    path = os.environ.get(named[1:].strip("{}"), "") if named.startswith("$") else named
    return agent_here(str(Path(path).expanduser())) if path else Agent(AgentState.NONE)


def _held(agent: Agent) -> frozenset[str]:
    """Give the public keys the agent holds, as base64."""
    if agent.state is not AgentState.READY:
        return frozenset()
    try:
        done = subprocess.run(
            ["ssh-add", "-L"],
            env={**os.environ, "SSH_AUTH_SOCK": agent.socket},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_AGENT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return frozenset(words[1] for line in lines if len(words := line.split()) > 1)


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        # In a folder that may not be looked into: it may well be there.
        return True


def _state(path: str, held: frozenset[str]) -> KeyState:
    public = _public(path)
    if public and public[1] in held:
        return KeyState.IN_AGENT
    try:
        told = Path(path).stat()
        if told.st_uid == os.getuid() and stat.S_IMODE(told.st_mode) & 0o077:
            return KeyState.EXPOSED
        Path(path).open("rb").close()
    except OSError:
        return KeyState.UNREADABLE
    if public and public[0].startswith("sk-"):
        return KeyState.TOKEN
    return _loaded(path)


def _public(path: str) -> list[str]:
    """Give type and base64 of the public half beside a key file; empty if there is none."""
    try:
        with Path(f"{path}.pub").open(encoding="utf-8", errors="replace") as handle:
            words = handle.read(65536).split()
    except OSError:
        return []
    return words[:2] if len(words) > 1 else []


def _loaded(path: str) -> KeyState:
    from rhl_helpers.transport.loading import load_paramiko  # noqa: PLC0415 - slow to import

    load_paramiko()
    import paramiko  # noqa: PLC0415 - see above
    from paramiko.pkey import UnknownKeyType  # noqa: PLC0415 - see above

    try:
        paramiko.PKey.from_path(path)
    except (OSError, ValueError, TypeError, paramiko.SSHException, UnknownKeyType) as exc:
        # cryptography says it in different words and types from version to version.
        return KeyState.LOCKED if "password" in str(exc).lower() else KeyState.FOREIGN
    return KeyState.USABLE
