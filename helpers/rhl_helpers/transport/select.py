"""Choose how a host is reached. Cheap to import: what a choice needs is imported when it is made."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from rhl_helpers.errors import HelperError
from rhl_helpers.transport.base import LOCAL, MAX_OUTPUT, Answer, Connecting, Reply, Transport

if TYPE_CHECKING:
    from rhl_helpers.transport.ssh_config import SshSettings

Kind = Literal["auto", "paramiko", "openssh"]


def make_transport(host: str, kind: Kind = "auto", *, config_file: str | None = None) -> Transport:
    """Give the transport for a host; nothing is contacted or looked up before its first call.

    Args:
        host: "local" for this machine; anything else is an ssh host, `localhost` too.
        kind: `auto` is paramiko unless the host's ssh configuration needs the ssh binary.
        config_file: an ssh configuration file to use instead of the user's.
    """
    if host == LOCAL:
        from rhl_helpers.transport.local import LocalTransport  # noqa: PLC0415

        return LocalTransport()
    if kind == "paramiko":
        from rhl_helpers.transport.paramiko_ssh import ParamikoTransport  # noqa: PLC0415

        return ParamikoTransport(host, config_file=config_file)
    if kind == "openssh":
        from rhl_helpers.transport.openssh import OpenSshTransport  # noqa: PLC0415

        return OpenSshTransport(host, config_file=config_file)
    return DeferredTransport(host, lambda: choose(host, config_file=config_file))


def choose(host: str, *, config_file: str | None = None) -> Transport:
    """Read the host's ssh configuration and choose.

    Raises:
        Unreachable: the name or the configuration is not usable.
    """
    from rhl_helpers.transport.ssh_config import resolve  # noqa: PLC0415

    settings = resolve(host, config_file=config_file)
    shared = has_live_master(settings)
    if shared or needs_openssh(settings) is not None:
        from rhl_helpers.transport.openssh import OpenSshTransport  # noqa: PLC0415

        return OpenSshTransport(host, config_file=config_file, shared=shared)
    from rhl_helpers.transport.paramiko_ssh import ParamikoTransport  # noqa: PLC0415

    return ParamikoTransport(host, config_file=config_file, settings=settings)


def needs_openssh(settings: SshSettings) -> str | None:
    """Say what in a host's configuration only the ssh binary can do; None if nothing."""
    rules: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("GSSAPIAuthentication", lambda: _gssapi(settings)),
        ("certificates", lambda: _has_certificate(settings)),
        ("PKCS11Provider", lambda: _set(settings, "pkcs11provider")),
        ("IdentityAgent", lambda: _own_agent(settings)),
        ("no public key login", lambda: _no_public_key(settings)),
        ("HostbasedAuthentication", lambda: settings.says("hostbasedauthentication", "yes")),
        ("ProxyUseFdpass", lambda: settings.says("proxyusefdpass", "yes")),
        ("KnownHostsCommand", lambda: _set(settings, "knownhostscommand")),
        ("VerifyHostKeyDNS", lambda: settings.says("verifyhostkeydns", "yes", "true")),
        ("a host certificate authority", lambda: _has_authority(settings)),
        ("a security key", lambda: _only_security_keys(settings)),
    )
    return next((name for name, holds in rules if holds()), None)


def has_live_master(settings: SshSettings) -> bool:
    """Tell whether the user's own ssh has a connection to that host up (ControlPath)."""
    path = settings.options.get("controlpath", "none")
    if path == "none":
        return False
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return False
    except OSError:
        return False
    import subprocess  # noqa: PLC0415

    config = ("-F", settings.config_file) if settings.config_file else ()
    try:
        done = subprocess.run(
            ["ssh", *config, "-O", "check", "--", settings.alias],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _set(settings: SshSettings, option: str) -> bool:
    return settings.options.get(option, "none").lower() != "none"


def _gssapi(settings: SshSettings) -> bool:
    """Tell whether GSSAPI is meant: several systems switch it on for everybody, ticket or not."""
    if not settings.says("gssapiauthentication", "yes"):
        return False
    cache = os.environ.get("KRB5CCNAME")
    if cache is not None or Path(f"/tmp/krb5cc_{os.getuid()}").exists():  # noqa: S108 - Kerberos' own default
        return True
    from rhl_helpers.transport.ssh_config import resolve, user_file  # noqa: PLC0415

    own = settings.config_file or user_file()
    return own is not None and resolve(settings.alias, config_file=own).says("gssapiauthentication", "yes")


def _has_certificate(settings: SshSettings) -> bool:
    return bool(settings.certificate_files) or any(
        Path(f"{path}-cert.pub").exists() for path in settings.identity_files
    )


def _own_agent(settings: SshSettings) -> bool:
    return settings.options.get("identityagent", "none").lower() not in ("none", "ssh_auth_sock")


def _no_public_key(settings: SshSettings) -> bool:
    preferred = settings.options.get("preferredauthentications", "publickey")
    return settings.says("pubkeyauthentication", "no", "false") or "publickey" not in preferred.split(",")


def _has_authority(settings: SshSettings) -> bool:
    from rhl_helpers.transport.known_hosts import host_names, lookup  # noqa: PLC0415

    names = host_names(settings.hostname, settings.port, settings.host_key_alias)
    known = lookup(settings.known_hosts, names)
    return known.authorities and not known.accepted


def _only_security_keys(settings: SshSettings) -> bool:
    """Tell whether all key files that are there belong to hardware tokens."""
    present = [path for path in settings.identity_files if Path(path).exists()]
    return bool(present) and all(_is_security_key(path) for path in present)


def _is_security_key(path: str) -> bool:
    try:
        return Path(f"{path}.pub").read_text(encoding="ascii", errors="replace").startswith("sk-")
    except OSError:
        return path.endswith("_sk")


class DeferredTransport:
    """A transport that is chosen at its first call, so that a slow look-up holds nobody else up.

    Args:
        host: the host it leads to.
        choose: gives the transport; asked again at the next call if it fails.
    """

    def __init__(self, host: str, choose: Callable[[], Transport]) -> None:
        self.host = host
        self._choose = choose
        self._chosen: Transport | None = None
        self._lock = threading.Lock()

    def _get(self) -> Transport:
        with self._lock:
            if self._chosen is None:
                self._chosen = self._choose()
            return self._chosen

    def begin(self) -> None:
        """Begin to choose and to connect, in the background; what stands in the way is told later."""
        threading.Thread(target=self._begin, daemon=True).start()

    def _begin(self) -> None:
        with contextlib.suppress(HelperError):
            chosen = self._get()
            if isinstance(chosen, Connecting):
                chosen.begin()

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        max_output: int = MAX_OUTPUT,
        stdout_to: BinaryIO | None = None,
    ) -> Reply:
        """Run one helper; see `Transport.run`."""
        return self._get().run(argv, timeout=timeout, max_output=max_output, stdout_to=stdout_to)

    def probe(self, host: str, port: int, path: str, *, timeout: float) -> Answer | None:
        """Ask a port; see `Transport.probe`."""
        return self._get().probe(host, port, path, timeout=timeout)

    def close(self) -> None:
        """Close what was chosen, if anything was."""
        with self._lock:
            chosen, self._chosen = self._chosen, None
        if chosen is not None:
            chosen.close()
