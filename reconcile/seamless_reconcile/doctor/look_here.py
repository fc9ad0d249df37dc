"""Read all that is judged of this machine; nothing is made, written or changed (S6)."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from rhl_helpers.client_files import client_folder
from rhl_helpers.credentials import agent_here
from rhl_helpers.masters import masters
from rhl_helpers.text import safe
from rhl_helpers.transport.read_only import READING
from seamless_reconcile.doctor.here import EFFECTS, LAUNCHER_DIR, NO_PROXY, PROXIES
from seamless_reconcile.doctor.seen import FileSight, HereSight, PathSight, Patient, Requirement, ServerFolder
from seamless_reconcile.resolver.files import (
    faults_of_folder_files,
    faults_of_home_files,
    folder_files,
    home_files,
)
from seamless_reconcile.resolver.isolation import isolated
from seamless_reconcile.state import state_folder

OURSELVES = "seamless-reconcile"
LAUNCHER = "remote-http-launcher"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*\(?([^;()]*)\)?\s*(;.*)?")
_BOUND = re.compile(r"(>=|<=|==|~=|!=|<|>)\s*([0-9][0-9.]*)")
_SSH_SECONDS = 5.0


def look_here(
    files: Sequence[str], patients: Sequence[Patient], *, folder: str, environ: Mapping[str, str]
) -> HereSight:
    """Look at this machine.

    Args:
        files: the manifests that were read.
        patients: what is wanted of it.
        folder: where seamless.yaml and seamless.profile.yaml are looked for.
        environ: the environment.
    """
    commands, clusters = _seamless_files(folder, environ)
    ssh = shutil.which("ssh") or ""
    found, on_path = _helpers()
    names = (*PROXIES, *NO_PROXY, LAUNCHER_DIR, *EFFECTS)
    home, state = Path.home(), state_folder()
    return HereSight(
        manifests=tuple(FileSight(file) for file in files),
        commands=commands,
        clusters=clusters,
        stand_in=environ.get("SEAMLESS_CACHE", ""),
        ssh=ssh,
        ssh_version=_ssh_version(ssh) if ssh else "",
        helpers=found,
        on_path=on_path,
        packages=tuple(requirements()),
        environ={name: safe(environ[name]) for name in names if name in environ},
        launcher=tuple(look(path) for path in _launcher_folders()),
        state=look(state),
        masters=masters(),
        agent=agent_here(),
        ssh_files=tuple(look(home / ".ssh" / name) for name in ("", "config", "known_hosts")),
        free={str(path): free for path in _disks(home, state) if (free := free_at(path)) is not None},
        remote=any(not patient.is_local for patient in patients),
        local=any(patient.is_local for patient in patients),
        tunnels=any(patient.tunnelled for patient in patients),
        hostnames=tuple(p.hostname for p in patients if p.hostname and not p.tunnelled),
    )


# --- files and folders ---------------------------------------------------------------------


def _seamless_files(
    folder: str, environ: Mapping[str, str]
) -> tuple[tuple[FileSight, ...], tuple[FileSight, ...]]:
    """Find the project files, nearest first, and the cluster files, with what is wrong with each."""
    with isolated(folder, environ):
        faults = {
            problem.at.file: problem.message
            for problem in (*faults_of_folder_files(), *faults_of_home_files())
            if problem.at is not None
        }
        commands = [FileSight(str(path), fault=faults.get(str(path), "")) for path in folder_files()]
        clusters = [FileSight(str(path), fault=faults.get(str(path), "")) for path in home_files()]
    return tuple(commands), tuple(clusters)


def look(path: Path) -> PathSight:
    """Look at a file or a folder; of one that is not there, whether it could be made."""
    try:
        told = path.stat()
    except OSError:
        return PathSight(str(path), writable=os.access(_existing(path), os.W_OK | os.X_OK))
    needed = os.W_OK | (os.X_OK if stat.S_ISDIR(told.st_mode) else 0)
    return PathSight(
        str(path),
        stat.S_IMODE(told.st_mode),
        mine=told.st_uid in (os.getuid(), 0),
        readable=os.access(path, os.R_OK),
        writable=os.access(path, needed),
    )


def _existing(path: Path) -> Path:
    """Give the nearest folder above that is there."""
    return next((parent for parent in path.parents if parent.exists()), Path("/"))


def free_at(path: Path) -> int | None:
    """Give the bytes free where a folder is, or would be."""
    try:
        return shutil.disk_usage(path if path.exists() else _existing(path)).free
    except OSError:
        return None


def _disks(home: Path, state: Path) -> Iterable[Path]:
    """Give one folder for each file system that matters."""
    seen: set[int] = set()
    for path in (home, state, Path(tempfile.gettempdir())):
        device = (path if path.exists() else _existing(path)).stat().st_dev
        if device not in seen:
            seen.add(device)
            yield path


def _launcher_folders() -> tuple[Path, ...]:
    client = client_folder()
    # What is above a folder of the user's own choice is none of ours.
    return (client,) if os.environ.get(LAUNCHER_DIR) else (client.parent, client)


def server_folder() -> ServerFolder:
    """Look at where helpers of this machine keep state files."""
    base = Path(os.environ.get(LAUNCHER_DIR) or "~/.remote-http-launcher").expanduser()
    path = base / "server"
    seen = look(path)
    return ServerFolder(seen.path, seen.mode, seen.mine, seen.writable, free_at(path))


# --- programs and versions -----------------------------------------------------------------


def _helpers() -> tuple[dict[str, str | None], bool]:
    from rhl_helpers.transport.local import search_path  # noqa: PLC0415 - used here only

    found = {name: shutil.which(name, path=search_path()) for name in sorted(READING)}
    return found, all(shutil.which(name) for name in found)


def _ssh_version(ssh: str) -> str:
    try:
        done = subprocess.run(
            [ssh, "-V"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SSH_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = (done.stderr or done.stdout).decode("utf-8", "replace").split(",")[0]
    return safe(words.strip(), limit=60)


def requirements(lines: Iterable[str] | None = None) -> Iterable[Requirement]:
    """Give what this program is made and tested for, and what is installed of it."""
    yield Requirement(OURSELVES, "", _installed(OURSELVES))
    try:
        needed = lines if lines is not None else metadata.requires(OURSELVES) or ()
    except metadata.PackageNotFoundError:
        return
    for line in needed:
        told = _REQUIREMENT.fullmatch(line.strip())
        if told is None:
            continue
        name, tested, optional = told[1], told[2].strip(), "extra" in (told[3] or "")
        installed = _installed(name)
        yield Requirement(name, tested, installed, installed is None or fits(installed, tested), optional)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def fits(version: str, tested: str) -> bool:
    """Tell whether a version is within a range such as `>=1.1,<2`; letters and the like are left aside."""
    have = _numbers(version)
    for sign, bound in _BOUND.findall(tested):
        want = _numbers(bound)
        upper = (*want[:-2], want[-2] + 1) if len(want) > 1 else ()
        width = max(len(have), len(want))
        left, right = (tuple(part) + (0,) * (width - len(part)) for part in (have, want))
        passed = {
            ">=": left >= right, "<=": left <= right, ">": left > right, "<": left < right,
            "==": left == right, "!=": left != right, "~=": left >= right and have[: len(upper)] < upper,
        }  # fmt: skip
        if not passed[sign]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    plain = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return tuple(int(part) for part in plain[0].split(".")) if plain else (0,)


def help_texts() -> dict[str, str]:
    """Give what the helpers of the installed remote-http-launcher say of themselves, without running them."""
    texts = {}
    for name in READING:
        try:
            module = importlib.import_module(
                f"ssh_guard.helpers.{name.removeprefix('rhl-').replace('-', '_')}"
            )
            texts[name] = f"usage: {module.USAGE}\n\n{module.DESCRIPTION}\n"
        except (ImportError, AttributeError):
            continue
    return texts


def launcher_version() -> str:
    """Give the version of remote-http-launcher on this machine; empty where there is none."""
    return _installed(LAUNCHER) or ""
