"""The rules of what surrounds services on a host: conda, programs, state files, disk, clock. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from rhl_helpers.examining import CondaCache
from rhl_helpers.rows import MalformedRow, ServerRow
from seamless_reconcile.doctor.helpers import answers, not_asked
from seamless_reconcile.doctor.remedies import on, place, plain, word
from seamless_reconcile.doctor.seen import HostSight, ServerFolder, Trouble
from seamless_reconcile.doctor.values import Checked, fix, ok, skipped, untold, warn

IDS = ("C501", "C502", "C503", "C601", "C602", "C603", "C604")
CLOCK_SECONDS = 10.0
LITTLE = 100 * 1024 * 1024
"""Bytes free on a disk below which something will soon go wrong."""
_STATE_FOLDER = "/.remote-http-launcher/server"
_FULL = ("no space left", "disk quota exceeded")


def surrounding_checks(sight: HostSight) -> Iterator[Checked]:
    """Judge conda, programs, state files, disk and clock."""
    if not answers(sight):
        yield from (skipped(id_, not_asked(sight)) for id_ in IDS)
        return
    yield _conda(sight)
    yield _environments(sight)
    yield _programs(sight)
    yield _state_files(sight)
    yield _state_folder(sight)
    yield _disk(sight)
    yield _clock(sight)


# --- conda and programs --------------------------------------------------------------------


def _conda(sight: HostSight) -> Checked:
    host, said = sight.patient.name, sight.conda
    prime = on(host, "rhl-cache-conda")
    where = place(host)
    if isinstance(said, Trouble):
        if said.kind == "failed":
            return fix("C501", said.detail, f"make it anew: {prime}", where)
        return untold("C501", str(said))
    if said is None:
        return untold("C501", "it was not read")
    if said.info is not None:
        base = said.info.get("conda_base")
        return ok("C501", f"primed: {len(said.environments)} environments of {base}")
    if sight.patient.environments:
        needed = ", ".join(sight.patient.environments)
        told = f"never primed, and services run in the environment {needed}"
        return fix("C501", told, prime, where, looked_for=said.path)
    return skipped("C501", "never primed; no environment is asked for")


def _environments(sight: HostSight) -> Checked:
    host, cache = sight.patient.name, sight.conda
    wanted = sight.patient.environments
    if not wanted:
        return skipped("C502", "none is asked for")
    if not isinstance(cache, CondaCache) or cache.info is None:
        return skipped("C502", "the conda cache comes first")
    missing = [name for name in wanted if not cache.has(name)]
    if not missing:
        return ok("C502", f"{', '.join(wanted)}: there", environments=list(cache.environments))
    told = f"not among those the cache knows: {', '.join(missing)}"
    names = " ".join(plain(name, "ENVIRONMENT") for name in missing)
    remedy = (
        f"make {names} there, or correct `conda:` in the cluster file; then {on(host, 'rhl-cache-conda')}"
    )
    return fix("C502", told, remedy, place(host), known=list(cache.environments))


def _programs(sight: HostSight) -> Checked:
    wanted = sight.patient.programs
    if not wanted:
        return skipped(
            "C503", "conda environments hold them" if sight.patient.environments else "none is asked for"
        )
    if sight.programs:
        missing = [name for name in wanted if sight.programs.get(name) is None]
        if not missing:
            return ok("C503", f"found: {', '.join(wanted)}", programs=dict(sight.programs))
        remedy = "pip install 'seamless-reconcile[services]', or name a conda environment in the cluster file"
        return fix("C503", f"not found: {', '.join(missing)}", remedy, place(sight.patient.name))
    running = _running(sight)
    if set(wanted) <= running:
        return ok("C503", f"{', '.join(wanted)}: running there now")
    return skipped(
        "C503", f"no helper tells whether {', '.join(n for n in wanted if n not in running)} is there"
    )


def _running(sight: HostSight) -> set[str]:
    rows = sight.listed if isinstance(sight.listed, tuple) else ()
    live = [row.command for row in rows if isinstance(row, ServerRow) and row.live and row.command]
    return {posixpath.basename(command.split()[0]) for command in live if command.split()}


# --- state files ---------------------------------------------------------------------------


def _state_files(sight: HostSight) -> Checked:
    host, listed = sight.patient.name, sight.listed
    where = place(host)
    if isinstance(listed, Trouble):
        if listed.kind in ("failed", "protocol"):
            told = f"they cannot be listed: {listed.detail}"
            remedy = f"{on(host, 'rhl-ps')} names the file: look at it, and move it away"
            return fix("C601", told, remedy, where)
        return untold("C601", str(listed))
    if listed is None:
        return untold("C601", "they were not listed")
    bad = [row for row in listed if isinstance(row, MalformedRow)]
    if bad:
        told = f"malformed: {', '.join(f'{row.key} ({row.reason})' for row in bad)}"
        remedy = (
            f"seamless-reconcile audit {_of(sight)} says what to do with {'it' if len(bad) == 1 else 'each'}"
        )
        return fix("C601", told, remedy, where, keys=[row.key for row in bad])
    return ok("C601", f"{len(listed)} can be read" if listed else "none")


def _of(sight: HostSight) -> str:
    return f"--host {plain(sight.patient.name)}"


def _state_folder(sight: HostSight) -> Checked:
    host = sight.patient.name
    odd = _odd_folder(sight)
    if odd:
        remedy = (
            "unset REMOTE_HTTP_LAUNCHER_DIR in the startup files there, or set it for every login alike: "
            "services launched without it are not seen with it"
        )
        return warn("C602", f"state files are kept in {odd}, not in the usual place", remedy, place(host))
    folder = sight.state
    if folder is None:
        return skipped("C602", "in the usual place; no helper tells its permissions")
    return _permissions(folder, host)


def _odd_folder(sight: HostSight) -> str:
    rows = sight.listed if isinstance(sight.listed, tuple) else ()
    for row in rows:
        folder = posixpath.dirname(row.log) if isinstance(row, ServerRow) and row.log else ""
        if folder.startswith("/") and not folder.endswith(_STATE_FOLDER):
            return folder
    looked = sight.conda.path if isinstance(sight.conda, CondaCache) else ""
    odd = looked.startswith("/") and not looked.endswith("/.remote-http-launcher/conda-setup.json")
    return posixpath.dirname(looked) if odd else ""


def _permissions(folder: ServerFolder, host: str) -> Checked:
    path, where = word(folder.path), place(host)
    if folder.mode is None:
        if folder.writable:
            return ok("C602", f"{folder.path} is not there yet, and can be made")
        return fix("C602", f"{folder.path} cannot be made", f"chmod u+rwx {posixpath.dirname(path)}", where)
    if not folder.writable:
        return fix(
            "C602", f"{folder.path} cannot be written", f"chown -R $USER {path}; chmod u+rwx {path}", where
        )
    if folder.mode & 0o022:
        told = f"{folder.path} can be written by others ({folder.mode:o})"
        return fix("C602", told, f"chmod go-w {path}", where, mode=f"{folder.mode:o}")
    return ok("C602", f"{folder.path} ({folder.mode:o})", mode=f"{folder.mode:o}")


# --- disk and clock ------------------------------------------------------------------------


def _disk(sight: HostSight) -> Checked:
    where = place(sight.patient.name)
    said = [one for one in _troubles(sight) if any(sign in one.detail.lower() for sign in _FULL)]
    if said:
        return fix("C603", f"full: {said[0].detail}", "free some space there (df -h ~; quota -s)", where)
    listed = sight.listed
    if isinstance(listed, Trouble) and "line 1 column 1 (char 0)" in listed.detail:
        told = f"a state file is empty, as a full disk leaves them: {listed.detail}"
        return warn("C603", told, "look whether it is full (df -h ~; quota -s)", where)
    free = sight.state.free if sight.state else None
    if free is None:
        return skipped("C603", "no sign of a full one; no helper tells more")
    if free < LITTLE:
        return fix("C603", f"{free // 2**20} MiB free", "free some space", where, free=free)
    return ok("C603", f"{free // 2**20} MiB free", free=free)


def _troubles(sight: HostSight) -> Iterator[Trouble]:
    everything = (*sight.help.values(), sight.listed, sight.conda, *sight.folders.values(), sight.bare)
    yield from (one for one in everything if isinstance(one, Trouble))


def _clock(sight: HostSight) -> Checked:
    host = sight.patient.name
    if sight.patient.is_local:
        return skipped("C604", "this machine's own")
    if not sight.clock:
        return skipped("C604", "no helper tells the time there")
    best = max(sight.clock, key=lambda one: abs(one.ahead) - one.doubt)
    side = "ahead of" if best.ahead > 0 else "behind"
    told = f"{abs(best.ahead):.0f} s {side} this machine's, give or take {best.doubt:.0f} s"
    if abs(best.ahead) - best.doubt > CLOCK_SECONDS:
        remedy = "switch time synchronisation on, there or here, whichever is wrong (timedatectl)"
        return warn("C604", told, remedy, host, ahead=round(best.ahead, 1), doubt=round(best.doubt, 1))
    zone = ", whole quarters of an hour left aside" if all(one.zoned for one in sight.clock) else ""
    seen = f"within {abs(best.ahead) + best.doubt:.0f} s of this machine's{zone}"
    return ok("C604", seen, ahead=round(best.ahead, 1), doubt=round(best.doubt, 1))
