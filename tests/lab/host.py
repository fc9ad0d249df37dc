"""One lab host: an sshd on a loopback port with a home, a PATH and a host key of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil

from lab import conda
from rhl_helpers.listeners import listening

if TYPE_CHECKING:
    from lab.lab import Lab

PROGRAMS = Path(sys.executable).parent
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
ADDRESS = "127.0.0.1"
MARK = "SEAMLESS_LAB"
_START_SECONDS = 10.0
_START_ATTEMPTS = 5


@dataclass(frozen=True)
class HostSpec:
    """What a host is like.

    Attributes:
        guard: `rhl-guard`'s path policy; "none" is a guard without one, "permissive" lets all paths
            through, None is no guard.
        roots: what `--data-roots` allows besides the host's own data folder.
        helpers: where the rhl-* commands are: on PATH, only in conda's base, or nowhere.
        noise: printed on stdout by the login shell's start-up file, before any command's own output.
        banner: sshd's login banner.
        jump: the host that its entry in the ssh config jumps through.
        sshd: further lines for its sshd_config.
        config: further lines for its entry in the ssh config.
    """

    name: str
    guard: Literal["data-roots", "seamless", "none", "permissive"] | None = None
    roots: tuple[str, ...] = ()
    helpers: Literal["path", "conda", "none"] = "path"
    max_sessions: int = 10
    max_startups: str | None = None
    forwarding: bool = True
    noise: str | None = None
    banner: str | None = None
    jump: str | None = None
    sshd: tuple[str, ...] = ()
    config: tuple[str, ...] = ()


STANDARD = {
    spec.name: spec
    for spec in (
        HostSpec("plain"),
        HostSpec("plain2"),
        # A jobserver works in /tmp.
        HostSpec("rooted", guard="data-roots", roots=("/tmp",)),
        HostSpec("marked", guard="seamless"),
        HostSpec("unpolicied", guard="none"),
        HostSpec("bare", helpers="none"),
        HostSpec("conda", helpers="conda"),
    )
}


def find_sshd() -> str:
    """Find the server binary.

    Raises:
        RuntimeError: it is not installed. The tests that need it must fail, never be left out.
    """
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise RuntimeError("no sshd on this machine: install the OpenSSH server to run the ssh tests")
    return found


def free_port() -> int:
    """Give a port nobody listened on a moment ago.

    Below those that services of the lab look for, and those that systems give to outgoing connections:
    a host that is stopped for a while must find its port free again.
    """
    while True:
        port = 10_240 + secrets.randbelow(20_000 - 10_240)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((ADDRESS, port))
            return port


class LabHost:
    """A running host. Made by `Lab.host` and `Lab.add`."""

    def __init__(self, lab: Lab, spec: HostSpec) -> None:
        self._lab = lab
        self.spec = spec
        self.name = spec.name
        self.folder = lab.root / spec.name
        self.home = self.folder / "home"
        self.data = self.home / "data"
        self.server_dir = self.home / ".remote-http-launcher" / "server"
        self.log = self.folder / "sshd.log"
        self.port = 0
        self.pid = 0
        self._host_key = self.folder / "host_key"
        self._prepare()

    @property
    def path(self) -> str:
        """The PATH of a login on this host."""
        return f"{PROGRAMS}:{SYSTEM_PATH}" if self.spec.helpers == "path" else SYSTEM_PATH

    @property
    def env(self) -> dict[str, str]:
        """The environment of a login on this host, to run things there without ssh."""
        return {"HOME": str(self.home), "PATH": self.path, MARK: str(self._lab.root)}

    @property
    def host_key(self) -> str:
        """The host's public key: type and base64."""
        return " ".join(Path(f"{self._host_key}.pub").read_text().split()[:2])

    def _prepare(self) -> None:
        self.data.mkdir(parents=True)
        noise = "" if self.spec.noise is None else f"echo {self.spec.noise!r}\n"
        (self.home / ".bashrc").write_text(noise + conda.install(self.home, PROGRAMS))
        (self.home / ".zshenv").write_text(noise)
        if self.spec.helpers == "conda":
            base = self.home / "miniforge3" / "bin"
            base.mkdir(parents=True)
            for helper in PROGRAMS.glob("rhl-*"):
                (base / helper.name).symlink_to(helper)
        self.new_host_key()
        self._write_authorized_keys()

    def new_host_key(self) -> None:
        """Make a new host key; a running sshd shows it after a restart."""
        self._host_key.unlink(missing_ok=True)
        keygen(self._host_key)

    def _write_authorized_keys(self) -> None:
        policy = {
            None: None,
            "none": "",
            "permissive": " --permissive-paths",
            "seamless": " --clear-policy seamless",
            "data-roots": f" --data-roots {self.folder / 'data-roots'}",
        }[self.spec.guard]
        (self.folder / "data-roots").write_text("\n".join((str(self.data), *self.spec.roots, "")))
        forced = "" if policy is None else f'command="rhl-guard{policy}" '
        (self.folder / "authorized_keys").write_text(forced + self._lab.public_key + "\n")

    def _config(self, *, penalties: bool) -> str:
        spec = self.spec
        lines = [
            # The first value of an option counts.
            *spec.sshd,
            f"Port {self.port}",
            f"ListenAddress {ADDRESS}",
            f"HostKey {self._host_key}",
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            f"PidFile {self.folder / 'sshd.pid'}",
            "UsePAM no",
            "StrictModes no",
            "UseDNS no",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PrintMotd no",
            "PrintLastLog no",
            f"MaxSessions {spec.max_sessions}",
            f"MaxStartups {spec.max_startups or '100:30:200'}",
            f"AllowTcpForwarding {'yes' if spec.forwarding else 'no'}",
            # Only the first SetEnv line counts.
            "SetEnv " + " ".join(f'"{name}={value}"' for name, value in self.env.items()),
        ]
        if penalties:
            # A few failed logins from loopback would lock the whole lab out.
            lines.append("PerSourcePenalties no")
        if spec.banner is not None:
            (self.folder / "banner").write_text(spec.banner + "\n")
            lines.append(f"Banner {self.folder / 'banner'}")
        return "\n".join(lines) + "\n"

    def start(self) -> None:
        """Start sshd on a free port (the same as before, if it ran) and wait until it greets."""
        sshd = find_sshd()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        for _ in range(_START_ATTEMPTS):
            self.port = self.port or free_port()
            config.write_text(self._config(penalties=True))
            check = subprocess.run([sshd, "-t", "-f", config], capture_output=True, text=True, check=False)
            if check.returncode != 0:
                config.write_text(self._config(penalties=False))
            argv = [sshd, "-D", "-f", str(config), "-E", str(self.log)]
            self.pid = self._lab.spawn(argv, env={"PATH": SYSTEM_PATH}, name=f"{self.name}-sshd")
            if self._greets():
                self._lab.write_ssh_files()
                return
            self.port = 0
        raise RuntimeError(
            f"sshd did not start: {self.log.read_text() if self.log.exists() else check.stderr}"
        )

    def _greets(self) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._lab.exit_code(self.pid) is not None:
                return False
            try:
                with socket.create_connection((ADDRESS, self.port), timeout=1) as stream:
                    # Another lab's sshd greets as well, if it was quicker to take the port.
                    return stream.recv(4) == b"SSH-" and self._listens()
            except OSError:
                time.sleep(0.01)
        return False

    def _listens(self) -> bool:
        try:
            return bool(listening([psutil.Process(self.pid)], self.port))
        except psutil.NoSuchProcess:
            return False

    def _sshd_processes(self) -> list[psutil.Process]:
        """The listener first, then one or two for each connection; not what runs in the sessions."""
        listener = psutil.Process(self.pid)
        found = [listener]
        for process in listener.children(recursive=True):
            try:
                if process.name().startswith("sshd"):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def cut(self) -> int:
        """Cut all connections, as a network that goes away; gives how many processes served them."""
        return self._signal(signal.SIGKILL, self._sshd_processes()[1:])

    def freeze(self) -> None:
        """Stop answering: the machine is there, but silent."""
        self._signal(signal.SIGSTOP, self._sshd_processes())

    def thaw(self) -> None:
        """Go on answering."""
        self._signal(signal.SIGCONT, self._sshd_processes())

    def stop(self) -> None:
        """End sshd and all its connections; the port refuses from now on. Services live on."""
        self._signal(signal.SIGKILL, self._sshd_processes())
        while self._lab.exit_code(self.pid) is None:
            time.sleep(0.005)

    @staticmethod
    def _signal(number: signal.Signals, processes: list[psutil.Process]) -> int:
        count = 0
        for process in processes:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue
            count += 1
        return count


def keygen(path: Path) -> None:
    """Make an ed25519 key pair without passphrase."""
    Path(f"{path}.pub").unlink(missing_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
