"""What a test of the contract may do to a machine, whether it is simulated or real."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rhl_helpers import calls
from rhl_helpers.host import Host
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import Answer, Reply, Transport

KEY = "svc-c-rw-p"
OTHER = "other-c-rw-p"
SECONDS = 40.0


class Lab(ABC):
    """A machine with the helpers on it, in a throw-away home.

    Attributes:
        home: the service account's home.
        transport: runs helpers there.
        host: the same, typed.
        real: whether anything of it is.
    """

    home: str
    transport: Transport
    real: bool

    @property
    def host(self) -> Host:
        """The machine as the product sees it."""
        return Host(self.transport)

    def path(self, below: str) -> str:
        """Give an absolute path below the home."""
        return f"{self.home}/{below}"

    def run(self, *argv: str) -> Reply:
        """Run a helper and give its raw reply."""
        return self.transport.run(argv, timeout=SECONDS)

    def row(self, key: str = KEY) -> ServerRow:
        """Give one well-formed row of rhl-ps."""
        rows = {row.key: row for row in self.host.call(calls.ps())}
        row = rows[key]
        assert isinstance(row, ServerRow)
        return row

    def state(self, content: Mapping[str, Any] | bytes, key: str = KEY) -> None:
        """Write a state file."""
        self.write_state(key, content if isinstance(content, bytes) else json.dumps(dict(content)).encode())

    def launch(self, *options: str, key: str = KEY, binary: str = "obedient", **more: Any) -> None:
        """Launch a service that follows the protocol."""
        status = f"~/.remote-http-launcher/server/{key}.json"
        argv = (binary, "--status-file", status, *options)
        self.host.call(calls.launch_service(key, more.pop("workdir", "~/work"), argv, **more))

    def hashserver(self, key: str = "hs", *, folder: str = "~/buffers", timeout: str = "600") -> None:
        """Launch a hashserver as the Seamless runtime does."""
        status = f"~/.remote-http-launcher/server/{key}.json"
        options = ("--status-file", status, "--host", "localhost", "--timeout", timeout)
        argv = ("hashserver", *options, folder, "--writable")
        self.host.call(calls.launch_service(key, folder, argv, network_interface="localhost"))

    def database(self, key: str = "db", *, folder: str = "~/databases", writable: bool = True) -> None:
        """Launch a database as the Seamless runtime does."""
        status = f"~/.remote-http-launcher/server/{key}.json"
        mode = ("--writable",) if writable else ()
        options = ("--status-file", status, "--host", "localhost", "--timeout", "600", *mode)
        argv = ("seamless-database", *options, f"{folder}/seamless.db")
        self.host.call(calls.launch_service(key, folder, argv, network_interface="localhost"))

    def until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for something, looking often."""
        for _ in range(int(seconds / 0.05)):
            if true():
                return
            self.wait(0.05)
        raise AssertionError("it did not come to pass")

    def status(self, key: str = KEY) -> str | None:
        """Give what the state file says."""
        data = self.read_state(key)
        return None if data is None else data.get("status")

    def running(self, key: str = KEY) -> ServerRow:
        """Wait until a service has written `running`, and give its row."""
        self.until(lambda: self.status(key) == "running")
        return self.row(key)

    def answers(self, port: int, path: str = "healthcheck") -> Answer:
        """Ask a port by rhl-handshake."""
        return self.host.call(calls.handshake(f"http://localhost:{port}/{path}"))

    # --- what each kind of machine does in its own way ------------------------------------

    @abstractmethod
    def write_state(self, key: str, raw: bytes) -> None:
        """Write a state file's bytes."""

    @abstractmethod
    def state_folder(self, key: str) -> None:
        """Make a directory where a state file should be."""

    @abstractmethod
    def vanished_state(self, key: str) -> None:
        """Have a state file that is listed but cannot be found."""

    @abstractmethod
    def read_state(self, key: str) -> dict[str, Any] | None:
        """Read a state file behind the helpers' back."""

    @abstractmethod
    def age_state(self, key: str) -> float:
        """Give how many seconds ago a state file was written."""

    @abstractmethod
    def client_file(self, key: str, content: Mapping[str, Any]) -> None:
        """Write a connection file."""

    @abstractmethod
    def has_client_file(self, key: str) -> bool:
        """Tell whether there is a connection file."""

    @abstractmethod
    def write_log(self, key: str, data: bytes) -> None:
        """Write a log."""

    @abstractmethod
    def read_log(self, key: str) -> bytes:
        """Read a log behind the helpers' back."""

    @abstractmethod
    def make(self, *paths: str) -> None:
        """Make files (and, with a slash at the end, directories) below the home; files hold 5 bytes."""

    @abstractmethod
    def link(self, path: str, target: str) -> None:
        """Make a symlink below the home to a path below the home."""

    @abstractmethod
    def listing(self, path: str) -> list[str] | None:
        """Give all files (and empty directories, with a slash) below a directory of the home."""

    @abstractmethod
    def touch(self, path: str, mtime: float) -> None:
        """Set a file's time."""

    @abstractmethod
    def process(self, kind: str = "sleep") -> int:
        """Start a process: "sleep", "zombie", "other" (user); "dead" gives a pid nobody has."""

    @abstractmethod
    def lives(self, pid: int) -> bool:
        """Tell whether a process runs (a zombie does not)."""

    @abstractmethod
    def signal(self, pid: int) -> None:
        """Send SIGINT to a service, as rhl-stop does first."""

    @abstractmethod
    def services(self) -> int:
        """Count the obedient services that run, and their children."""

    @abstractmethod
    def port(self, kind: str, statuses: Mapping[str, int] | None = None) -> int:
        """Have something listen: "http", "silent", "reset"; "closed" gives a port nobody has."""

    @abstractmethod
    def guarded(self, *policy: str, roots: Sequence[str] = ()) -> Guarded:
        """Give the same machine behind `rhl-guard` with that policy."""

    @abstractmethod
    def now(self) -> float:
        """Give the time, for measuring."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    def without_space(self) -> None:
        """From now on no file can be written."""

    @abstractmethod
    def without(self, what: str) -> Transport:
        """Give the same machine "without helpers", with them only "in conda", or with a "proxy" set."""

    @abstractmethod
    def chatty(self, message: str) -> Transport:
        """Give the same machine, where a login script prints a message first."""

    @abstractmethod
    def slow_state_write(self, seconds: float) -> Transport:
        """Give the same machine where rhl-launch-service writes the state that much after the start."""

    @abstractmethod
    def with_conda(self, *envs: str) -> None:
        """Have a conda installation with these environments."""

    @abstractmethod
    def insert(self, key: str, port: int) -> None:
        """Store something in a database service."""

    @abstractmethod
    def lazy(self) -> Lab:
        """Give a machine of the same kind where nobody reaps what has ended."""


class Guarded(ABC):
    """A machine behind the guard."""

    transport: Transport

    @property
    def host(self) -> Host:
        """The machine as the product sees it."""
        return Host(self.transport)

    @abstractmethod
    def command(self, line: str) -> Reply:
        """Send a raw command line, as `ssh host LINE` does."""
