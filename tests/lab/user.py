"""Somebody with services: a home, a working folder with a manifest, and commands; and what they leave.

```python
user = User(lab, "anna")
user.clusters({"here": lab.local_cluster(user.home)})
user.manifest({"database": {"state": "running"}}, cluster="here", project="demo")
user.apply()
assert user.plan().in_sync
```
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil
import yaml

from lab import clusters
from lab.host import MARK
from lab.seen import Applied, Seen

if TYPE_CHECKING:
    from lab.lab import Lab

T = TypeVar("T")

COMMAND = "seamless-reconcile"
MANIFEST = "seamless.reconcile.yaml"
_TIMEOUT = 60.0


def wait_for(what: Callable[[], T | None], *, seconds: float = 15.0, why: str = "") -> T:
    """Ask again and again until there is an answer."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain{f' for {why}' if why else ''}")
        time.sleep(0.01)
    return found


class Running:
    """A command that is still running, or has just ended."""

    def __init__(self, user: User, pid: int, name: str) -> None:
        self._user, self.pid, self._name = user, pid, name

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._user.lab.exit_code(self.pid)

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return (self._user.lab.root / f"{self._name}.out").read_text()

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return (self._user.lab.root / f"{self._name}.err").read_text()

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self, *, seconds: float = _TIMEOUT) -> subprocess.CompletedProcess[str]:
        """Wait until it has ended; it is killed if that takes too long."""
        deadline = time.monotonic() + seconds
        while (code := self.code) is None:
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
            time.sleep(0.01)
        return subprocess.CompletedProcess([self._name], code, self.out, self.err)


class User:
    """A person at a machine that knows the lab's hosts.

    Args:
        lab: the lab.
        name: names the home; one a user.
    """

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.home = lab.add_home(name)
        self.folder = self.home / "work"
        self.folder.mkdir()
        self.site = Site(self.home)
        self.variables: dict[str, str] = {}
        self._started = 0

    @property
    def env(self) -> dict[str, str]:
        """The environment of this user's commands."""
        return {**self.lab.env, "HOME": str(self.home), **self.variables}

    @property
    def state(self) -> Path:
        """The folder where the command keeps what it remembers."""
        return self.home / ".local" / "state" / "seamless-reconcile"

    @property
    def client_files(self) -> Path:
        """The folder of the Seamless client's connection files."""
        return self.home / ".remote-http-launcher" / "client"

    # --- files -------------------------------------------------------------------------------

    def clusters(self, definitions: Mapping[str, Any]) -> None:
        """Write ~/.seamless/clusters.yaml."""
        clusters.write(self.home, definitions)

    def local(self) -> dict[str, Any]:
        """Define a cluster on this very machine."""
        return clusters.local(self.home)

    def manifest(self, services: Mapping[str, Any], *, name: str = MANIFEST, **defaults: Any) -> Path:
        """Write a manifest into the working folder."""
        content = {"version": 1, "defaults": defaults, "services": dict(services)}
        return self.write(yaml.safe_dump(content, sort_keys=False), name)

    def write(self, text: str, name: str = MANIFEST) -> Path:
        """Write a file into the working folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def project(self, project: str, cluster: str, *, execution: str = "remote", remote: str = "") -> None:
        """Write what Seamless's own programs read in a working folder."""
        self.write(f"- project: {project}\n", "seamless.yaml")
        profile = f"- cluster: {cluster}\n- execution: {execution}\n"
        self.write(profile + (f"- remote: {remote}\n" if remote else ""), "seamless.profile.yaml")

    def start_afresh(self) -> None:
        """End this user's services on this machine, and forget all they and their clients left."""
        self.site.wipe()
        for folder in (self.client_files, self.home / "data"):
            shutil.rmtree(folder, ignore_errors=True)

    # --- commands ----------------------------------------------------------------------------

    def start(self, *argv: object, env: Mapping[str, str] | None = None) -> Running:
        """Start a command in the working folder."""
        self._started += 1
        name = f"{self.name}-{self._started}"
        words = [str(word) for word in argv]
        pid = self.lab.spawn(words, env={**self.env, **(env or {})}, cwd=self.folder, name=name)
        return Running(self, pid, name)

    def run(
        self, *argv: object, env: Mapping[str, str] | None = None, seconds: float = _TIMEOUT
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the working folder, to its end."""
        return self.start(*argv, env=env).end(seconds=seconds)

    def sr(
        self, *words: object, code: int | None = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run seamless-reconcile; `code` is the exit code it must have, None for any."""
        done = self.run(COMMAND, *words, env=env)
        told = f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert code is None or done.returncode == code, told
        assert "Traceback" not in done.stderr, told
        assert "internal error" not in done.stderr, told
        return done

    def terminal(
        self, *words: object, answer: str = "", columns: int = 100, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run seamless-reconcile in a terminal, and answer its question; stdout is what appeared there."""
        script = Path(__file__).with_name("terminal.py")
        told = {"TERM": "xterm-256color", **(env or {})}
        return self.run(sys.executable, script, columns, answer, COMMAND, *words, env=told)

    def plan(self, *words: object, code: int | None = 0) -> Seen:
        """Plan, as data."""
        return Seen(json.loads(self.sr("plan", "--json", *words, code=code).stdout))

    def apply(self, *words: object, code: int | None = 0) -> Applied:
        """Apply without being asked, as data."""
        return Applied(json.loads(self.sr("apply", "--yes", "--json", *words, code=code).stdout))

    def converge(self, *words: object) -> Applied:
        """Apply, then make sure that nothing is left to do."""
        applied = self.apply(*words)
        assert applied.converged
        assert applied.seen.in_sync, applied.seen.raw
        return applied

    # --- what is there -----------------------------------------------------------------------

    def forwards(self) -> dict[int, str]:
        """Give the ssh processes that forward ports for this user: pid to command line."""
        found = {}
        for process in psutil.process_iter(["name"]):
            try:
                if process.info["name"] != "ssh" or "-L" not in (line := process.cmdline()):
                    continue
                env = process.environ()
            except psutil.Error:
                continue
            if (env.get(MARK), env.get("HOME")) == (str(self.lab.root), str(self.home)):
                found[process.pid] = " ".join(line)
        return found

    def kill(self, pid: int) -> None:
        """Kill a process of this user's, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not running(pid), why=f"{pid} to be gone")

    def records(self) -> list[Path]:
        """Give the record folders of this user's applies, oldest first."""
        return sorted((self.state / "runs").glob("*"), key=lambda path: path.stat().st_mtime_ns)


class Site:
    """What the launcher has left in a home where services run.

    Args:
        home: the home there.
    """

    def __init__(self, home: Path) -> None:
        self.server = home / ".remote-http-launcher" / "server"

    def state_file(self, key: str) -> Path:
        """Give where a service's state is."""
        return self.server / f"{key}.json"

    def state(self, key: str) -> dict[str, Any]:
        """Give what a service's state file says; empty if there is none."""
        try:
            found: dict[str, Any] = json.loads(self.state_file(key).read_text())
        except FileNotFoundError:
            return {}
        return found

    def pid(self, key: str) -> int:
        """Give the pid in a service's state file."""
        return int(self.state(key)["pid"])

    def log(self, key: str) -> str:
        """Give a service's log."""
        return (self.server / f"{key}.log").read_text(errors="replace")

    def footprint(self, *keys: str) -> dict[str, tuple[Any, ...]]:
        """Give what changes when services are launched anew: pid, port, launch id."""
        return {
            key: (state.get("pid"), state.get("port"), state.get("meta", {}).get("reconcile"))
            for key in keys
            for state in [self.state(key)]
        }

    def alive(self, key: str) -> bool:
        """Tell whether the process in a service's state file is alive."""
        return running(self.pid(key))

    def kill(self, key: str, number: int = signal.SIGKILL) -> int:
        """Signal a service's process; waits until a killed one is gone. Gives its pid."""
        pid = self.pid(key)
        os.kill(pid, number)
        if number == signal.SIGKILL:
            wait_for(lambda: not psutil.pid_exists(pid), why=f"{pid} to be gone")
        return pid

    def processes(self, key: str = "") -> Iterator[psutil.Process]:
        """Give the processes that were given this key's state file, or any here, whatever it says by now."""
        named = str(self.state_file(key) if key else self.server)
        for process in psutil.process_iter():
            try:
                if any(named in word for word in process.cmdline()):
                    yield process
            except psutil.Error:
                continue

    def wipe(self) -> None:
        """Kill all services and remove what the launcher knows of them."""
        for process in list(self.processes()):
            for each in (*_below(process), process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        shutil.rmtree(self.server, ignore_errors=True)


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def running(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
