"""Log in with the user's keys, in the order ssh tries them: agent keys first, then key files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rhl_helpers.errors import AuthenticationFailed, Unreachable
from rhl_helpers.text import safe
from rhl_helpers.transport.ssh_config import SshSettings

if TYPE_CHECKING:
    import paramiko

_OTHER_WAYS = "the host wants {}; use `--ssh openssh`, which can do what your own ssh does"


def log_in(transport: paramiko.Transport, settings: SshSettings) -> None:
    """Authenticate with the first key the host accepts.

    Raises:
        AuthenticationFailed: with what was tried and what the host would take.
    """
    import paramiko  # noqa: PLC0415 - slow to import

    agent = _agent(settings)
    unusable: list[str] = []
    tried = 0
    allowed: list[str] = []
    try:
        for key in _keys(settings, agent, unusable):
            tried += 1
            try:
                further = transport.auth_publickey(settings.user, key)
            except paramiko.BadAuthenticationType as exc:
                allowed = list(exc.allowed_types)
                break
            except paramiko.AuthenticationException:
                if not transport.is_active():
                    break
                continue
            if not further:
                return
            allowed = [str(kind) for kind in further]
            break
    except (paramiko.SSHException, EOFError, OSError) as exc:
        raise Unreachable(
            settings.alias, f"the connection ended during the login: {safe(str(exc))}"
        ) from None
    finally:
        if agent is not None:
            agent.close()
    raise _refusal(settings, tried, unusable, allowed)


def _refusal(
    settings: SshSettings, tried: int, unusable: list[str], allowed: list[str]
) -> AuthenticationFailed:
    user = safe(settings.user)
    others = [safe(kind) for kind in allowed if kind != "publickey"]
    if others:
        wanted = " or ".join(others)
        return AuthenticationFailed(
            settings.alias, f"user {user}: a key is not enough", hint=_OTHER_WAYS.format(wanted)
        )
    keys = f"{tried} key(s) refused" if tried else "no usable key"
    detail = f"user {user}: {keys}" + (f"; not usable: {', '.join(unusable)}" if unusable else "")
    locked = any("passphrase" in reason for reason in unusable)
    return AuthenticationFailed(
        settings.alias, detail, hint="unlock the key with `ssh-add`, then try again" if locked else ""
    )


def _agent(settings: SshSettings) -> paramiko.Agent | None:
    import paramiko  # noqa: PLC0415

    if settings.says("identityagent", "none") or "SSH_AUTH_SOCK" not in os.environ:
        return None
    try:
        return paramiko.Agent()
    except (paramiko.SSHException, OSError):
        # A dead agent is no reason not to try the files.
        return None


def _keys(
    settings: SshSettings, agent: paramiko.Agent | None, unusable: list[str]
) -> Iterator[paramiko.PKey]:
    """Yield the keys to try; what cannot be used is noted in `unusable`."""
    held = list(agent.get_keys()) if agent is not None else []
    public = [_public_blob(path) for path in settings.identity_files]
    named = [key for blob in public for key in held if key.asbytes() == blob]
    yield from named
    if not settings.identities_only:
        yield from (key for key in held if key not in named)
    in_agent = {key.asbytes() for key in named}
    for path, blob in zip(settings.identity_files, public, strict=True):
        if blob not in in_agent:
            yield from _file_key(path, unusable)


def _public_blob(path: str) -> bytes | None:
    """Read the public half beside a key file: it tells which of the agent's keys is meant."""
    import binascii  # noqa: PLC0415

    try:
        with Path(f"{path}.pub").open(encoding="ascii") as handle:
            return binascii.a2b_base64(handle.read(65536).split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _file_key(path: str, unusable: list[str]) -> Iterator[paramiko.PKey]:
    import paramiko  # noqa: PLC0415
    from paramiko.pkey import UnknownKeyType  # noqa: PLC0415

    try:
        yield paramiko.PKey.from_path(path)
    except FileNotFoundError:
        # ssh's default names are listed whether they are there or not.
        return
    except (OSError, ValueError, TypeError, paramiko.SSHException, UnknownKeyType) as exc:
        # cryptography says it in different words and types from version to version.
        reason = "needs a passphrase" if "password" in str(exc).lower() else "not a key this program can read"
        unusable.append(f"{safe(Path(path).name)} ({reason})")
