"""Cold restarts of real services behind tunnels: by one apply, by hand, and at the limit."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

from benchmarks.measure import Command, Run
from benchmarks.peers import reconcile
from benchmarks.site import TELLS, Site
from lab import Lab
from lab.host import ADDRESS, HostSpec, free_port
from lab.user import User
from rhl_helpers import calls
from rhl_helpers.calls import Call
from rhl_helpers.host import Host
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.paramiko_ssh import ParamikoTransport
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.resolver.resolve import resolve_files

T = TypeVar("T")

STORAGE = ("hashserver", "database")
PROJECT = "demo"
_LIMIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


@contextmanager
def storage(hosts: int = 1, *, pairs: int = 1) -> Iterator[Site]:
    """Put up real hashservers and databases behind tunnels; all is to be cold, and converged."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab())
        machines = tuple(lab.add(HostSpec(f"n{index}", sshd=TELLS)) for index in range(hosts))
        user = User(lab, "user")
        user.clusters({f"c{index}": lab.cluster(host.name) for index, host in enumerate(machines)})
        user.project(PROJECT, "c0", execution="process")
        user.manifest(
            {
                f"{kind}-{index}-{pair}": {
                    "type": kind,
                    "cluster": f"c{index}",
                    "project": PROJECT if not pair else f"{PROJECT}{pair}",
                    "cache": "cold",
                }
                for index in range(hosts)
                for pair in range(pairs)
                for kind in STORAGE
            }
        )
        _, desired = resolve_files([user.folder / "seamless.reconcile.yaml"], environ=user.env)
        site = Site(user, machines, desired)
        reconcile(site, "apply", "--yes")()
        yield site


def soil(site: Site) -> None:
    """Put something into all caches, as a computation would."""
    for spec in site.desired.services.values():
        if spec.cache is None:
            continue
        folder = Path(spec.cache.path)
        if spec.cache.file is None:
            (folder / "ab").mkdir(exist_ok=True)
            (folder / "ab" / os.urandom(4).hex()).write_text("a buffer")
        else:
            os.utime(folder / spec.cache.file, (0, 0))


def ours(site: Site) -> Run:
    """Make everything cold by one apply."""
    soil(site)
    return reconcile(site, "apply", "--yes")()


# --- by hand -------------------------------------------------------------------------------


def by_hand(site: Site) -> Run:
    """Do what the guide says: stop, clear, remove the state, end the tunnels, launch again."""
    soil(site)
    which = f"--cluster c0 --project {PROJECT}"
    both = [f"--service {kind} {which}" for kind in STORAGE]
    lines = [f"seamless-service-{verb} {one}" for verb in ("stop", "clear", "rm") for one in both]
    began = time.perf_counter()
    Command(
        ["sh", "-ec", "\n".join(_until_cleared(line) for line in lines)], site.user.env, site.user.folder
    )()
    _end_forwards(site)
    Command(["seamless-init"], site.user.env, site.user.folder)()
    return Run(time.perf_counter() - began, 0.0, 0.0)


def _until_cleared(line: str) -> str:
    # A tree two directories deep takes rhl-clear as many passes.
    return f"{line} || {line}" if "-clear " in line else line


def _end_forwards(site: Site) -> None:
    """End this user's forwards and their monitors, as `kill` after `ps aux | grep ssh` does."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = " ".join(process.cmdline())
            if process.environ().get("HOME") == str(site.user.home) and (
                "ssh -N" in words or "--local-port" in words
            ):
                process.send_signal(signal.SIGKILL)


# --- the limit -----------------------------------------------------------------------------


def limit(site: Site) -> Run:
    """Do only what has to be done, all services at once, over connections that are there; look at nothing.

    No plan, no saved log, no look before an act, no receipt: what remains is what the helpers, sshd and
    the services themselves take.
    """
    soil(site)
    hosts = {
        host.name: Host(ParamikoTransport(host.name, config_file=str(site.lab.ssh_config)))
        for host in site.hosts
    }
    try:
        began = time.perf_counter()
        _end_forwards(site)
        with ThreadPoolExecutor(len(site.desired.services)) as pool:
            list(pool.map(lambda spec: _anew(hosts[spec.host], spec, site), site.desired.services.values()))
        return Run(time.perf_counter() - began, 0.0, 0.0)
    finally:
        for host in hosts.values():
            host.close()


def _anew(host: Host, spec: ServiceSpec, site: Site) -> None:
    host.call(calls.stop(spec.key))
    if spec.cache is not None:
        while not host.call(calls.clear(spec.cache.path)):
            pass
    host.call(calls.remove_server_state(spec.key))
    host.call(_launch(spec))
    row = _until(lambda: _running(host, spec))
    local = free_port()
    forward = [
        "ssh",
        "-f",
        "-N",
        "-o",
        "ExitOnForwardFailure=yes",
        "-L",
        f"{local}:{ADDRESS}:{row.port}",
        spec.host,
    ]
    # Detached, so that it outlives this function as a monitor's would; its HOME tells whose it is.
    subprocess.run(
        forward, env=site.user.env, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _until(lambda: _answers(f"http://{ADDRESS}:{local}/{spec.handshake.path if spec.handshake else ''}"))


def _launch(spec: ServiceSpec) -> Call[None]:
    return calls.launch_service(
        spec.key, spec.workdir, spec.argv, network_interface=spec.network_interface, meta=spec.meta
    )


def _running(host: Host, spec: ServiceSpec) -> ServerRow | None:
    row = host.call(calls.inspect(spec.key))
    return row if isinstance(row, ServerRow) and row.port and row.status == "running" else None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return bool(answer.status < 300)
    except OSError:
        return False


def _until(ask: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError("a service did not come up")
        time.sleep(_POLL_SECONDS)
    return found
