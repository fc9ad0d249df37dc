"""This machine, in a throw-away home, with the real helpers, guard and services."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from contract.init import descendants
from contract.lab import Guarded, Lab
from contract.lab_transport import BIN, LabTransport, RealGuarded

HERE = pathlib.Path(__file__).parent
SYSTEM_PATH = "/usr/bin:/bin"
TOOLS = {
    name: {"command_template": f"{name} {{x}}"}
    for name in (
        "hashserver",
        "seamless-database",
        "seamless-jobserver",
        "seamless-dask-wrapper",
        "obedient",
        "missing",
    )
}


class RealLab(Lab):
    """A throw-away home on this machine, and an init of its own."""

    real = True

    def __init__(self, folder: pathlib.Path, *, lazy: bool = False) -> None:
        self.folder = folder
        self.home = str(folder / "home")
        self.base = folder / "home" / ".remote-http-launcher"
        for name in ("server", "client"):
            (self.base / name).mkdir(parents=True)
        self.env = {"HOME": self.home, "PATH": f"{folder / 'bin'}:{BIN}:{SYSTEM_PATH}", "LC_ALL": "C.UTF-8",
                    "RHL_TOOLS_YAML": str(folder / "tools.yaml"), "PYTHONUNBUFFERED": "1"}  # fmt: skip
        (folder / "tools.yaml").write_text(json.dumps(TOOLS))
        (folder / "bin").mkdir()
        self._script("bin/obedient", f'exec {sys.executable} -S -E {HERE / "obedient.py"} "$@"')
        self.extra: dict[str, bool] = {}
        self.children: list[RealLab] = []
        self.stages: dict[int, int] = {}
        self.init = subprocess.Popen(
            [sys.executable, "-S", "-E", str(HERE / "init.py"), *(["--lazy"] if lazy else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.transport: LabTransport = LabTransport(self)

    def close(self) -> None:
        """End everything that was started."""
        for child in self.children:
            child.close()
        assert self.init.stdin is not None
        assert self.init.stdout is not None
        self.init.stdin.close()
        self.init.wait(20)
        self.init.stdout.close()

    def _script(self, name: str, line: str) -> pathlib.Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return path

    def ask(self, argv: Sequence[str], **request: Any) -> dict[str, Any]:
        """Have the init run something."""
        assert self.init.stdin is not None
        assert self.init.stdout is not None
        whole = {"argv": list(argv), "env": self.env, "cwd": self.home, **self.extra, **request}
        self.init.stdin.write(json.dumps(whole).encode() + b"\n")
        self.init.stdin.flush()
        answer: dict[str, Any] = json.loads(self.init.stdout.readline())
        return answer

    # --- state -----------------------------------------------------------------------------

    def write_state(self, key: str, raw: bytes) -> None:
        (self.base / "server" / f"{key}.json").write_bytes(raw)

    def state_folder(self, key: str) -> None:
        (self.base / "server" / f"{key}.json").mkdir()

    def vanished_state(self, key: str) -> None:
        (self.base / "server" / f"{key}.json").symlink_to(self.folder / "nothing")

    def read_state(self, key: str) -> dict[str, Any] | None:
        try:
            data: dict[str, Any] = json.loads((self.base / "server" / f"{key}.json").read_text())
        except FileNotFoundError:
            return None
        return data

    def age_state(self, key: str) -> float:
        return time.time() - (self.base / "server" / f"{key}.json").stat().st_mtime

    def client_file(self, key: str, content: Mapping[str, Any]) -> None:
        (self.base / "client" / f"{key}.json").write_text(json.dumps(dict(content)))

    def has_client_file(self, key: str) -> bool:
        return (self.base / "client" / f"{key}.json").exists()

    def write_log(self, key: str, data: bytes) -> None:
        with (self.base / "server" / f"{key}.log").open("ab") as log:
            log.write(data)

    def read_log(self, key: str) -> bytes:
        return (self.base / "server" / f"{key}.log").read_bytes()

    # --- files -----------------------------------------------------------------------------

    def make(self, *paths: str) -> None:
        for path in paths:
            target = pathlib.Path(self.path(path))
            if path.endswith("/"):
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(b"12345")

    def link(self, path: str, target: str) -> None:
        pathlib.Path(self.path(path)).symlink_to(self.path(target))

    def listing(self, path: str) -> list[str] | None:
        root = pathlib.Path(self.path(path))
        if not root.is_dir():
            return None
        found = []
        for folder, names, files in os.walk(root):
            where = pathlib.Path(folder).relative_to(root)
            found += [str(where / name) for name in files]
            found += [str(where / name) for name in names if (root / where / name).is_symlink()]
            if not names and not files and str(where) != ".":
                found.append(f"{where}/")
        return sorted(found)

    def touch(self, path: str, mtime: float) -> None:
        os.utime(self.path(path), (mtime, mtime))
        self.env["TZ"] = "UTC"

    # --- processes and ports ---------------------------------------------------------------

    def _stage(self, *words: str) -> tuple[int, int]:
        out = self.folder / f"stage{time.monotonic_ns()}"
        pid = self.ask([sys.executable, "-S", "-E", str(HERE / "stage.py"), *words], out=str(out))["pid"]
        self.until(lambda: out.exists() and out.read_text().endswith("\n"))
        return pid, int(out.read_text())

    def process(self, kind: str = "sleep") -> int:
        if kind == "sleep":
            return int(self.ask(["sleep", "600"], out=os.devnull)["pid"])
        if kind == "dead":
            pid = int(self.ask(["true"], out=os.devnull)["pid"])
            self.until(lambda: not pathlib.Path(f"/proc/{pid}").exists())
            return pid
        if kind == "other" and os.getuid() != 0:
            return 1
        return self._stage(kind)[1]

    def lives(self, pid: int) -> bool:
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"

    def signal(self, pid: int) -> None:
        os.kill(pid, signal.SIGINT)

    def services(self) -> int:
        found = 0
        for pid in descendants(self.init.pid):
            with contextlib.suppress(OSError):
                found += b"obedient.py" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        return found

    def port(self, kind: str, statuses: Mapping[str, int] | None = None) -> int:
        if kind == "closed":
            with socket.create_server(("localhost", 0)) as server:
                port: int = server.getsockname()[1]
                return port
        pid, port = self._stage(kind, json.dumps(dict(statuses or {})))
        self.stages[port] = pid
        return port

    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    # --- other ways to reach it ------------------------------------------------------------

    def guarded(self, *policy: str, roots: Sequence[str] = ()) -> Guarded:
        words = list(policy)
        if roots:
            (self.folder / "roots").write_text("# what may be touched\n\n" + "\n".join(roots) + "\n")
            words += ["--data-roots", str(self.folder / "roots")]
        return RealGuarded(self, words)

    def without_space(self) -> None:
        self.extra["no_space"] = True

    def without(self, what: str) -> LabTransport:
        if what == "proxy":
            self.env["http_proxy"] = f"http://localhost:{self.port('closed')}"
        else:
            self.env["PATH"] = f"{self.folder / 'bin'}:{SYSTEM_PATH}"
        if what == "conda":
            target = pathlib.Path(self.path("miniforge3/bin"))
            target.mkdir(parents=True)
            for helper in BIN.glob("rhl-*"):
                (target / helper.name).symlink_to(helper)
            return LabTransport(self, prefix=True)
        return LabTransport(self)

    def chatty(self, message: str) -> LabTransport:
        return LabTransport(self, message=message)

    def slow_state_write(self, seconds: float) -> LabTransport:
        """Wrap the real helper so that the disk it writes its state to is slow."""
        program = (
            "import sys, time\n"
            "from ssh_guard.helpers import launch_service as real\n"
            "write = real._write_state\n"
            f"real._write_state = lambda *args: (time.sleep({seconds}), write(*args))\n"
            "sys.argv[0] = 'rhl-launch-service'\n"
            "real.main()\n"
        )
        (self.folder / "slow.py").write_text(program)
        self._script("bin/rhl-launch-service", f'exec {sys.executable} {self.folder / "slow.py"} "$@"')
        return self.transport

    def with_conda(self, *envs: str) -> None:
        """Install a conda that knows `activate`, `info --base` and `env list --json`."""
        base = pathlib.Path(self.path("miniforge3"))
        listed = json.dumps({"envs": [str(base / "envs" / env) for env in envs]})
        self._script("bin/conda", f"case \"$1\" in info) echo {base};; env) echo '{listed}';; esac")
        known = "|".join(("base", *envs))
        profile = (
            f"export PATH={self.env['PATH']}\n"
            f'conda() {{ case "$2" in {known}) ;; '
            '*) echo "EnvironmentNameNotFound: no conda environment $2" >&2; return 1;; esac; }\n'
        )
        pathlib.Path(self.path(".bash_profile")).write_text(profile)

    def insert(self, key: str, port: int) -> None:
        body = json.dumps({"type": "transformation", "checksum": "a" * 64, "value": "b" * 64}).encode()
        request = urllib.request.Request(f"http://localhost:{port}/", data=body, method="PUT")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as response:
            assert response.status == 200

    def lazy(self) -> RealLab:
        folder = self.folder / "lazy"
        folder.mkdir()
        self.children.append(RealLab(folder, lazy=True))
        return self.children[-1]
