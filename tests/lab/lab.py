"""A lab: a handful of real sshd hosts on loopback ports, and a client that knows them.

```python
with Lab() as lab:
    host = lab.host("plain")            # started when it is first asked for
    transport = ParamikoTransport("plain", config_file=str(lab.ssh_config))
    lab.run(["seamless-reconcile", "plan"], cwd=folder)   # with the client's HOME and PATH
```

Everything started through it or on its hosts is ended with it, by pid.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from lab import clusters, conda
from lab.host import ADDRESS, MARK, PROGRAMS, STANDARD, SYSTEM_PATH, HostSpec, LabHost, keygen

_KEEPER = Path(__file__).with_name("keeper.py")
_END_SECONDS = 30.0


class Lab:
    """The hosts, their keeper, and the client's files.

    Args:
        slow_reaping: seconds after which the hosts' init collects dead processes; 0 is at once.
    """

    def __init__(self, *, slow_reaping: float = 0.0) -> None:
        # Short: ssh's control sockets stand below it. Not below /tmp, where jobservers work: guards refuse
        # what is above a home.
        self.root = Path(tempfile.mkdtemp(prefix="lab-", dir="/var/tmp"))
        self.ssh_config = self.root / "ssh_config"
        self.known_hosts = self.root / "known_hosts"
        self.key = self.root / "id_ed25519"
        self.bin = self.root / "bin"
        self.client_home = self.root / "client"
        self._hosts: dict[str, LabHost] = {}
        self._places: dict[str, tuple[int, str]] = {}
        self._lock = threading.RLock()
        self._runs = 0
        self._slow_reaping = slow_reaping
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Lab:  # noqa: PYI034 - typing.Self needs Python 3.11
        """Start the keeper and prepare the client; hosts start when they are asked for."""
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, str(_KEEPER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            keygen(self.key)
            self._prepare_client()
            self.reap_after(self._slow_reaping)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self.close()

    def close(self) -> None:
        """End what runs on the hosts and what the client left running, then remove the files."""
        try:
            if self._keeper is not None and self._keeper.stdin and self._keeper.stdout:
                # What runs in the background on the client's side goes first, while its ssh can still end.
                sweep(self.root, but=self._keeper.pid)
                self._keeper.stdin.close()
                self._keeper.wait(_END_SECONDS)
                self._keeper.stdout.close()
            sweep(self.root)
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    def _prepare_client(self) -> None:
        self.bin.mkdir()
        wrapper = self.bin / "ssh"
        real = shutil.which("ssh")
        if real is None:
            raise RuntimeError("no ssh on this machine: install the OpenSSH client to run the ssh tests")
        wrapper.write_text(f'#!/bin/sh\nexec {real} -F {self.ssh_config} "$@"\n')
        wrapper.chmod(0o755)
        self.add_home(self.client_home.name)
        self.write_ssh_files()

    def add_home(self, name: str) -> Path:
        """Make the home of a client that knows the hosts; gives the folder."""
        home = self.root / name
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh" / "config").symlink_to(self.ssh_config)
        (home / ".seamless").mkdir()
        (home / ".bashrc").write_text(conda.install(home, PROGRAMS))
        return home

    # --- hosts -----------------------------------------------------------------------------

    @property
    def public_key(self) -> str:
        """The client's public key, as authorized_keys has it."""
        return Path(f"{self.key}.pub").read_text().strip()

    def host(self, name: str) -> LabHost:
        """Give one of the standard hosts, or one that was added; started at the first call."""
        with self._lock:
            return self._hosts[name] if name in self._hosts else self.add(STANDARD[name])

    def add(self, spec: HostSpec) -> LabHost:
        """Start a host of one's own."""
        with self._lock:
            if spec.name in self._hosts:
                raise ValueError(f"there is a host {spec.name} already")
            host = LabHost(self, spec)
            self._hosts[spec.name] = host
            host.start()
            return host

    def add_place(self, name: str, port: int, *, key: str = "") -> None:
        """Let the clients know a host of which nothing is there but a port of this machine.

        `key` is the host key that they know it by.
        """
        with self._lock:
            self._places[name] = (port, key)
            self.write_ssh_files()

    def write_ssh_files(self) -> None:
        """Write the client's ssh config and known_hosts for all hosts there are."""
        with self._lock:
            entries = [self._entry(host) for host in self._hosts.values() if host.port]
            entries += [
                f"Host {name}\n  HostName {ADDRESS}\n  Port {port}\n"
                for name, (port, _) in self._places.items()
            ]
            keys = [
                f"[{ADDRESS}]:{host.port} {host.host_key}\n" for host in self._hosts.values() if host.port
            ]
            keys += [f"[{ADDRESS}]:{port} {key}\n" for port, key in self._places.values() if key]
            _replace(self.ssh_config, "\n".join((*entries, self._defaults())))
            _replace(self.known_hosts, "".join(keys))

    def _entry(self, host: LabHost) -> str:
        jump = () if host.spec.jump is None else (f"ProxyJump {host.spec.jump}",)
        lines = (f"HostName {ADDRESS}", f"Port {host.port}", *jump, *host.spec.config)
        return f"Host {host.name}\n" + "".join(f"  {line}\n" for line in lines)

    def _defaults(self) -> str:
        return (
            "Host *\n"
            f"  User {getpass.getuser()}\n"
            f"  IdentityFile {self.key}\n"
            "  IdentitiesOnly yes\n"
            "  IdentityAgent none\n"
            f"  UserKnownHostsFile {self.known_hosts}\n"
            "  GlobalKnownHostsFile /dev/null\n"
            "  StrictHostKeyChecking yes\n"
        )

    # --- the client --------------------------------------------------------------------------

    @property
    def env(self) -> dict[str, str]:
        """The client's environment: its HOME, and a PATH whose `ssh` knows the hosts."""
        return {
            "HOME": str(self.client_home),
            "PATH": f"{self.bin}:{PROGRAMS}:{SYSTEM_PATH}",
            "USER": getpass.getuser(),
            "LANG": "C.UTF-8",
            MARK: str(self.root),
        }

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 120.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the client, under the keeper: what it leaves behind is adopted and ended.

        `env` is put on top of the client's own. A command that takes longer than `timeout` seconds is
        killed, which shows as a negative return code.
        """
        with self._lock:
            self._runs += 1
            name = f"run-{self._runs}"
        pid = self.spawn(argv, env={**self.env, **(env or {})}, cwd=cwd, name=name)
        deadline = time.monotonic() + timeout
        while (code := self.exit_code(pid)) is None:
            if time.monotonic() > deadline:
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
            time.sleep(0.005)
        out, err = (self.root / f"{name}.{stream}" for stream in ("out", "err"))
        return subprocess.CompletedProcess(list(argv), code, out.read_text(), err.read_text())

    def write_clusters(self, definitions: Mapping[str, Any]) -> Path:
        """Write the client's ~/.seamless/clusters.yaml; see `cluster`."""
        return clusters.write(self.client_home, definitions)

    def cluster(self, name: str, *, tunnel: bool = True) -> dict[str, Any]:
        """Define a cluster on one host with all five service types."""
        return clusters.on_host(self.host(name), tunnel=tunnel)

    def local_cluster(self) -> dict[str, Any]:
        """Define a cluster on the client's own machine with all five service types."""
        return clusters.local(self.client_home)

    # --- the keeper --------------------------------------------------------------------------

    def spawn(
        self, argv: Sequence[str], *, env: Mapping[str, str], name: str, cwd: Path | None = None
    ) -> int:
        """Start a process under the keeper; its output goes to NAME.out and NAME.err below the root."""
        request = {
            "do": "start",
            "argv": [str(word) for word in argv],
            "env": dict(env),
            "cwd": str(cwd or self.root),
            "out": str(self.root / f"{name}.out"),
            "err": str(self.root / f"{name}.err"),
        }
        return int(self._ask(request)["pid"])

    def exit_code(self, pid: int) -> int | None:
        """Give the exit code of a spawned process; None while it runs."""
        code = self._ask({"do": "code", "pid": pid})["code"]
        return None if code is None else int(code)

    def reap_after(self, seconds: float) -> None:
        """Set how long dead processes stay zombies on the hosts; 0 is not at all."""
        self._ask({"do": "reap", "after": seconds})

    @contextlib.contextmanager
    def slow_init(self, seconds: float = 3.0) -> Iterator[None]:
        """Behave like a machine whose init collects dead processes only after a while."""
        self.reap_after(seconds)
        try:
            yield
        finally:
            self.reap_after(self._slow_reaping)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._keeper is None or self._keeper.stdin is None or self._keeper.stdout is None:
                raise RuntimeError("the lab is not running")
            self._keeper.stdin.write(json.dumps(request).encode() + b"\n")
            self._keeper.stdin.flush()
            reply: dict[str, Any] = json.loads(self._keeper.stdout.readline())
            return reply


def sweep(root: Path, *, but: int | None = None) -> None:
    """Kill what carries this lab's mark in its environment: tunnels, local services, strays.

    `but` spares that process and all below it.
    """
    spared = set()
    if but is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            keeper = psutil.Process(but)
            spared = {but, *(process.pid for process in keeper.children(recursive=True))}
    for process in psutil.process_iter():
        if process.pid in spared or process.pid == os.getpid():
            continue
        try:
            if process.environ().get(MARK) == str(root):
                process.kill()
        except (psutil.Error, OSError):
            continue


def _replace(path: Path, text: str) -> None:
    """Write a file that others may be reading."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)
