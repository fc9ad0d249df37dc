"""The rules of this machine as a client. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rhl_helpers.credentials import AgentState
from seamless_reconcile.doctor.remedies import word
from seamless_reconcile.doctor.seen import FileSight, HereSight, PathSight
from seamless_reconcile.doctor.surroundings import LITTLE
from seamless_reconcile.doctor.values import HERE, Checked, HostReport, fix, ok, skipped, warn

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
NO_PROXY = ("no_proxy", "NO_PROXY")
LAUNCHER_DIR = "REMOTE_HTTP_LAUNCHER_DIR"
_LOOPBACK = ("localhost", "127.0.0.1")

EFFECTS = {
    "SEAMLESS_CACHE": "stands in for all cluster and project files",
    "SEAMLESS_CLIENT_DEBUG": "the client logs its sessions",
    "SEAMLESS_DEBUG_REMOTE_DB": "the client logs what it asks the database",
    "SEAMLESS_REMOTE_CONNECT_TIMEOUT": "seconds to connect (10 by default)",
    "SEAMLESS_REMOTE_READ_TIMEOUT": "seconds to wait for data (1200)",
    "SEAMLESS_REMOTE_TOTAL_TIMEOUT": "seconds for a whole request (unlimited)",
    "SEAMLESS_REMOTE_HEALTHCHECK_TIMEOUT": "seconds for a health check (10)",
    "SEAMLESS_DATABASE_MAX_INFLIGHT": "database requests at once (30)",
}
"""The variables that change what the Seamless client does."""
_NUMBERS = tuple(name for name in EFFECTS if name.endswith(("_TIMEOUT", "_INFLIGHT")))
_SSH_REMEDY = "install an OpenSSH client here"


def report_here(sight: HereSight) -> HostReport:
    """Judge this machine."""
    return HostReport(HERE, tuple(_checks(sight)))


def _checks(sight: HereSight) -> Iterator[Checked]:
    yield _project_files(sight)
    yield _cluster_files(sight)
    yield _ssh(sight)
    yield _helpers(sight)
    yield _versions(sight)
    yield _proxies(sight)
    yield _launcher_dir(sight)
    yield _launcher_folder(sight)
    yield _state(sight)
    yield _masters(sight)
    yield _agent(sight)
    yield _ssh_files(sight)
    yield _variables(sight)
    yield _disk(sight)


# --- files ---------------------------------------------------------------------------------


def _project_files(sight: HereSight) -> Checked:
    files = (*sight.manifests, *sight.commands)
    if sight.stand_in and sight.commands:
        files = (*sight.manifests, *(FileSight(file.path, used=False) for file in sight.commands))
    return _files("C101", files, "neither a manifest nor seamless.yaml or seamless.profile.yaml here")


def _cluster_files(sight: HereSight) -> Checked:
    if sight.stand_in:
        return ok("C102", f"SEAMLESS_CACHE={sight.stand_in} stands in for them", used=[])
    return _files("C102", sight.clusters, "none (~/.seamless/clusters.yaml, ~/.seamless/clusters/*.yaml)")


def _files(id_: str, files: Sequence[FileSight], none: str) -> Checked:
    evidence = {"files": [{"path": file.path, "used": file.used} for file in files]}
    faulty = [file for file in files if file.fault]
    if faulty:
        told = "; ".join(f"{file.path}: {file.fault}" for file in faulty)
        return fix(id_, told, "correct it; seamless-reconcile validate says more", HERE, **evidence)
    if not files:
        return skipped(id_, none)
    told = ", ".join(file.path if file.used else f"{file.path} (not used)" for file in files)
    return ok(id_, told, **evidence)


# --- programs ------------------------------------------------------------------------------


def _ssh(sight: HereSight) -> Checked:
    if sight.ssh:
        return ok("C103", f"{sight.ssh} ({sight.ssh_version or 'version unknown'})")
    if sight.tunnels:
        return fix("C103", "there is no ssh on PATH, and tunnels are asked for", _SSH_REMEDY, HERE)
    if sight.remote:
        return warn("C103", "there is no ssh on PATH: no tunnels, no --ssh openssh", _SSH_REMEDY, HERE)
    return skipped("C103", "there is none on PATH; no host is reached by it")


def _helpers(sight: HereSight) -> Checked:
    missing = [name for name, path in sight.helpers.items() if path is None]
    if missing:
        told = f"not found: {', '.join(missing)}"
        remedy = "pip install remote-http-launcher, where this program is installed"
        return fix("C104", told, remedy, HERE)
    first = next((path for path in sight.helpers.values() if path), "")
    folder = first.rpartition("/")[0]
    evidence = {"folder": folder}
    if not sight.on_path and sight.local:
        told = f"in {folder}, which is not on PATH: the Seamless client will not find them"
        return warn("C104", told, f'export PATH={word(folder)}:"$PATH"', HERE, **evidence)
    return ok("C104", f"in {folder}", **evidence)


def _versions(sight: HereSight) -> Checked:
    evidence = {one.name: {"installed": one.installed, "tested": one.tested} for one in sight.packages}
    odd = [one for one in sight.packages if one.installed is not None and not one.fits]
    absent = [one for one in sight.packages if one.installed is None and not one.optional]
    if absent:
        names = " ".join(f"'{one.name}{one.tested}'" for one in absent)
        told = f"not installed: {', '.join(one.name for one in absent)}"
        return fix("C105", told, f"pip install {names}", HERE, **evidence)
    if odd:
        told = ", ".join(f"{one.name} {one.installed} (tested: {one.tested})" for one in odd)
        names = " ".join(f"'{one.name}{one.tested}'" for one in odd)
        return warn("C105", f"outside of what is tested: {told}", f"pip install {names}", HERE, **evidence)
    shown = ("seamless-reconcile", "remote-http-launcher", "seamless-config")
    told = ", ".join(f"{one.name} {one.installed}" for one in sight.packages if one.name in shown)
    return ok("C105", told, **evidence)


# --- environment ---------------------------------------------------------------------------


def _proxies(sight: HereSight) -> Checked:
    there = [name for name in PROXIES if sight.environ.get(name)]
    if not there:
        return ok("C106", "none is set")
    told = ", ".join(there)
    exempt = {part.strip().lower() for name in NO_PROXY for part in sight.environ.get(name, "").split(",")}
    wanted = dict.fromkeys((*_LOOPBACK, *sight.hostnames))
    missing = [name for name in wanted if not _exempt(name, exempt)]
    if not missing:
        return ok("C106", f"{told}; no_proxy exempts what has to be", set=there)
    remedy = f'export no_proxy="{",".join(missing)},$no_proxy" NO_PROXY="{",".join(missing)},$NO_PROXY"'
    seen = f"{told} set, and no_proxy leaves out {', '.join(missing)}: handshakes go to the proxy"
    return warn("C106", seen, remedy, HERE, set=there, missing=missing)


def _exempt(name: str, exempt: set[str]) -> bool:
    name = name.lower()
    return "*" in exempt or any(
        part and (name == part.lstrip(".") or name.endswith(f".{part.lstrip('.')}")) for part in exempt
    )


def _launcher_dir(sight: HereSight) -> Checked:
    value = sight.environ.get(LAUNCHER_DIR)
    if not value:
        return ok("C107", "not set")
    told = (
        f"set to {value}: the client keeps its connection files right in it, helpers look in its client "
        "folder; hosts do not have it set"
    )
    return warn("C107", told, f"unset {LAUNCHER_DIR}", HERE, value=value)


def _variables(sight: HereSight) -> Checked:
    there = {name: sight.environ[name] for name in EFFECTS if sight.environ.get(name)}
    if not there:
        return ok("C113", "none is set")
    told = "; ".join(f"{name}={value} ({EFFECTS[name]})" for name, value in there.items())
    wrong = [name for name in _NUMBERS if name in there and not _is_number(there[name])]
    if wrong:
        return fix("C113", told, f"give {', '.join(wrong)} a number, or unset it", HERE, set=there)
    if "SEAMLESS_CACHE" in there:
        return warn("C113", told, "unset SEAMLESS_CACHE, unless that is meant", HERE, set=there)
    return ok("C113", told, set=there)


def _is_number(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False


# --- folders and files of this user --------------------------------------------------------


def _launcher_folder(sight: HereSight) -> Checked:
    folders = [folder for folder in sight.launcher if folder.there]
    if not folders:
        return skipped("C108", "not there yet: it is made when it is needed")
    return _folders("C108", folders)


def _folders(id_: str, folders: Sequence[PathSight]) -> Checked:
    told = ", ".join(f"{folder.path} ({folder.mode:o})" for folder in folders)
    locked = [folder for folder in folders if not folder.writable]
    if locked:
        names = " ".join(word(folder.path) for folder in locked)
        seen = f"cannot be written: {', '.join(folder.path for folder in locked)}"
        return fix(id_, seen, f"chown -R $USER {names}; chmod u+rwx {names}", HERE)
    shared = [folder for folder in folders if folder.open_to_others]
    if shared:
        names = " ".join(word(folder.path) for folder in shared)
        seen = f"others may write: {', '.join(f'{folder.path} ({folder.mode:o})' for folder in shared)}"
        return fix(id_, seen, f"chmod go-w {names}", HERE)
    return ok(id_, told)


def _state(sight: HereSight) -> Checked:
    folder = sight.state
    if folder is None:
        return skipped("C109", "not looked at")
    if not folder.there and folder.writable:
        return ok("C109", f"{folder.path}: made when it is needed")
    if not folder.there:
        remedy = "make it, or name another by SEAMLESS_RECONCILE_STATE_DIR"
        return fix("C109", f"{folder.path} cannot be made", remedy, HERE)
    return _folders("C109", [folder])


def _masters(sight: HereSight) -> Checked:
    dead = [one for one in sight.masters if not one.live]
    live = len(sight.masters) - len(dead)
    used = f"{live} in use by a run of yours" if live else "none"
    if not dead:
        return ok("C110", used)
    names = " ".join(word(one.folder) for one in dead)
    return warn("C110", f"left behind: {', '.join(one.folder for one in dead)}", f"rm -r {names}", HERE)


def _agent(sight: HereSight) -> Checked:
    agent = sight.agent
    if agent is None or agent.state is AgentState.NONE:
        return skipped("C111", "SSH_AUTH_SOCK is not set: key files alone are tried")
    if agent.state is AgentState.SILENT:
        told = f"{agent.socket} does not answer: {agent.problem}"
        return warn("C111", told, 'eval "$(ssh-agent)"; ssh-add', HERE)
    return ok("C111", f"{agent.socket} holds {agent.keys} key{'' if agent.keys == 1 else 's'}")


def _ssh_files(sight: HereSight) -> Checked:
    there = [file for file in sight.ssh_files if file.there]
    if not there:
        told = "there is no ~/.ssh: no key, and no host is known"
        if not sight.remote:
            return skipped("C112", told)
        # The host's own checks say what stands in the way, if something does.
        return ok("C112", told)
    closed = [file for file in there if not file.readable]
    if closed:
        names = " ".join(word(file.path) for file in closed)
        told = f"cannot be read: {', '.join(file.path for file in closed)}"
        return fix("C112", told, f"chown -R $USER {names}; chmod u+rw {names}", HERE)
    shared = [file for file in there if file.open_to_others or not file.mine]
    if shared:
        names = " ".join(word(file.path) for file in shared)
        told = f"others may write, so ssh refuses: {', '.join(file.path for file in shared)}"
        return fix("C112", told, f"chown $USER {names}; chmod go-w {names}", HERE)
    return ok("C112", ", ".join(file.path for file in there))


def _disk(sight: HereSight) -> Checked:
    little = {path: free for path, free in sight.free.items() if free < LITTLE}
    if little:
        told = "; ".join(f"{path}: {free // 2**20} MiB free" for path, free in little.items())
        return fix("C114", told, "free some space", HERE, free=dict(sight.free))
    told = "; ".join(f"{path}: {free // 2**20} MiB free" for path, free in sight.free.items())
    return ok("C114", told or "not looked at", free=dict(sight.free))
