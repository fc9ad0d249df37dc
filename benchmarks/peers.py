"""What else a user could use to read hosts, each set up as well as its own documentation says.

pyinfra, Ansible, parallel-ssh and libssh2 live in an environment of their own, made when it is missing
(dependency group `peers`). What cannot be installed is left out, and the page says so.
"""

from __future__ import annotations

import getpass
import json
import shlex
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Command
from benchmarks.site import Site
from lab.host import ADDRESS

_HERE = Path(__file__).parent
_ROOT = _HERE.parent
FOLDER = _ROOT / ".peers"
_PACKAGES = {
    "pyinfra": "pyinfra",
    "ansible": "ansible-core",
    "parallel-ssh": "parallel-ssh",
    "libssh2": "ssh2-python",
}

_ASK = """\
import importlib.metadata, json
print(json.dumps({one.name: one.version for one in importlib.metadata.distributions()}))
"""


@dataclass(frozen=True, slots=True)
class Peers:
    """The environment with the others.

    Attributes:
        folder: where it is.
        versions: what is in it, by name; the missing ones are not.
    """

    folder: Path
    versions: Mapping[str, str]

    def program(self, name: str) -> str:
        """Give the path of a program in it."""
        return str(self.folder / "bin" / name)


def prepare(folder: Path = FOLDER) -> Peers:
    """Make the environment where it is missing; without a package index, with what there is."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if len(_versions(python)) < len(_PACKAGES):
        pip = [str(python), "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1"]
        subprocess.run(pip, check=False)
        group = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--group",
            f"{_ROOT / 'pyproject.toml'}:peers",
        ]
        subprocess.run(group, check=False)
    return Peers(folder, _versions(python))


def _versions(python: Path) -> dict[str, str]:
    done = subprocess.run([str(python), "-c", _ASK], capture_output=True, text=True, check=True)
    there = json.loads(done.stdout)
    return {name: there[package] for name, package in _PACKAGES.items() if package in there}


# --- what each does ------------------------------------------------------------------------


def calls(site: Site, index: int) -> list[str]:
    """Give the helper calls that a passive plan makes on one host."""
    name = site.hosts[index].name
    found = ["rhl-ps --json"]
    for spec in site.desired.services.values():
        if spec.host == name and spec.cache is not None:
            what = ["--file", spec.cache.file] if spec.cache.file else ["--marker", spec.cache.marker]
            found.append(shlex.join(["rhl-ps-persistent", spec.cache.path, "--json", *what]))
    return found


def targets(site: Site) -> str:
    """Give all hosts with their calls, as `floor` reads them."""
    user = getpass.getuser()
    return json.dumps(
        [
            {
                "host": ADDRESS,
                "port": host.port,
                "user": user,
                "key": str(site.lab.key),
                "calls": calls(site, n),
            }
            for n, host in enumerate(site.hosts)
        ]
    )


def by_hand(site: Site) -> Command:
    """`ssh HOST HELPER`, one after the other, as one would type it."""
    lines = [
        shlex.join(["ssh", host.name, call]) for n, host in enumerate(site.hosts) for call in calls(site, n)
    ]
    return Command(["sh", "-ec", "\n".join(lines)], site.user.env, site.user.folder)


def service_ps(site: Site) -> Command:
    """`seamless-service-ps` of one cluster, or of all."""
    which = ["--cluster", "c0"] if len(site.hosts) == 1 else ["--all-clusters"]
    return Command(["seamless-service-ps", "--persistent", *which], site.user.env, site.user.folder)


def others(site: Site, peers: Peers) -> dict[str, Command]:
    """Give the commands of those peers that are installed, by name; the floor last."""
    makers = {"pyinfra": _pyinfra, "ansible": _ansible, "parallel-ssh": _parallel_ssh, "libssh2": _floor}
    return {name: make(site, peers) for name, make in makers.items() if name in peers.versions}


def _pyinfra(site: Site, peers: Peers) -> Command:
    inventory = site.user.folder / "inventory.py"
    hosts = [
        (
            host.name,
            {
                "ssh_hostname": ADDRESS,
                "ssh_port": host.port,
                "ssh_user": getpass.getuser(),
                "ssh_key": str(site.lab.key),
                "ssh_known_hosts_file": str(site.lab.known_hosts),
                "ssh_look_for_keys": False,
                "calls": " && ".join(calls(site, index)),
            },
        )
        for index, host in enumerate(site.hosts)
    ]
    inventory.write_text(f"hosts = {hosts!r}\n")
    deploy = site.user.folder / "deploy.py"
    deploy.write_text(
        "from pyinfra import host\nfrom pyinfra.operations import server\n"
        "server.shell(commands=[host.data.calls])\n"
    )
    argv = [peers.program("pyinfra"), "-y", "--parallel", str(len(hosts)), str(inventory), str(deploy)]
    return Command(argv, site.user.env, site.user.folder)


def _ansible(site: Site, peers: Peers) -> Command:
    inventory = site.user.folder / "inventory.ini"
    lines = [
        f"{host.name} calls={shlex.quote(' && '.join(calls(site, n)))}" for n, host in enumerate(site.hosts)
    ]
    inventory.write_text("\n".join(lines) + "\n")
    argv = [peers.program("ansible"), "all", "-i", str(inventory), "-m", "raw", "-a", "true && {{ calls }}"]
    env = {**site.user.env, "ANSIBLE_PIPELINING": "True"}
    return Command([*argv, "-f", str(len(site.hosts))], env, site.user.folder)


def _parallel_ssh(site: Site, peers: Peers) -> Command:
    argv = [peers.program("python"), str(_HERE / "pssh_read.py")]
    return Command(argv, site.user.env, site.user.folder, stdin=targets(site))


def _floor(site: Site, peers: Peers) -> Command:
    argv = [peers.program("python"), str(_HERE / "floor.py")]
    return Command(argv, site.user.env, site.user.folder, stdin=targets(site))


def reconcile(site: Site, *words: str) -> Command:
    """This program, in the site's working folder."""
    return Command(
        [str(Path(sys.executable).with_name("seamless-reconcile")), *words], site.user.env, site.user.folder
    )
