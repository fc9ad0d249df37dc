"""The rules of the guard: whether there is one, what it lets through. Pure.

It is found out by paths that are nobody's and by those that are asked for, through the one helper that only
looks at folders: never through one that could change something.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from rhl_helpers.rows import PersistentRow
from seamless_reconcile.doctor.helpers import FIRST, answers, not_asked
from seamless_reconcile.doctor.remedies import place, plain
from seamless_reconcile.doctor.seen import HostSight, Trouble
from seamless_reconcile.doctor.values import Checked, fix, ok, skipped, untold, warn

IDS = ("C401", "C402", "C403")
_CHOOSE = (
    "give rhl-guard --data-roots FILE (the folders it may touch, one a line) or --clear-policy seamless, "
    "in the command= of this key in ~/.ssh/authorized_keys"
)


class Policy(Enum):
    """What limits this login."""

    NO_GUARD = "no guard"
    NONE = "a guard without a path policy"
    ROOTS = "a guard with --data-roots"
    MARKER = "a guard with --clear-policy"
    OPEN = "a guard that lets any folder through"
    UNTOLD = "untold"


def policy_checks(sight: HostSight) -> Iterator[Checked]:
    """Judge the guard."""
    first = sight.help.get(FIRST)
    if isinstance(first, Trouble) and first.refused:
        yield _broken(sight, first)
        yield from (skipped(id_, "the guard itself comes first") for id_ in IDS[1:])
        return
    if sight.patient.is_local or not answers(sight):
        why = "this machine: no ssh key, no guard" if sight.patient.is_local else not_asked(sight)
        yield from (skipped(id_, why) for id_ in IDS)
        return
    found = policy(sight)
    yield _guard(sight, found)
    yield _folders(sight, found)
    yield _limits(sight, found)


def policy(sight: HostSight) -> Policy:
    """Tell what limits this login, by how it takes nobody's paths."""
    hidden, outside = sight.hidden, sight.outside
    if isinstance(hidden, PersistentRow):
        return Policy.NO_GUARD
    if hidden is None or not hidden.refused:
        return Policy.UNTOLD
    if hidden.has_no_policy:
        return Policy.NONE
    if isinstance(outside, PersistentRow):
        return Policy.OPEN
    if outside is None or not outside.refused:
        return Policy.UNTOLD
    if outside.wants_marker:
        return Policy.MARKER
    return Policy.ROOTS if "--data-roots" in outside.detail else Policy.UNTOLD


def _broken(sight: HostSight, problem: Trouble) -> Checked:
    host = place(sight.patient.name)
    if "configuration error" in problem.detail:
        remedy = "correct the options of rhl-guard in the command= of this key in ~/.ssh/authorized_keys"
        return fix("C401", problem.detail, remedy, host)
    return fix("C401", f"it refuses even rhl-ps: {problem.detail}", "bring rhl-guard there up to date", host)


def _guard(sight: HostSight, found: Policy) -> Checked:
    if found is Policy.NO_GUARD:
        return ok("C401", "none: this login may do anything its account may", policy=found.name.lower())
    if found is Policy.UNTOLD:
        said = sight.outside if isinstance(sight.hidden, Trouble) and sight.hidden.refused else sight.hidden
        return untold("C401", f"its policy could not be told: {said}")
    if found is Policy.NONE:
        told = "it has no path policy, so it refuses every cache and every launch"
        return fix("C401", told, _CHOOSE, sight.patient.name, policy="none")
    if found is Policy.MARKER and isinstance(sight.outside, Trouble):
        marker = sight.outside.detail.partition("(")[2].partition(")")[0]
        return ok("C401", f"{found.value} (marker {marker})", policy="marker", marker=marker)
    return ok("C401", found.value, policy=found.name.lower())


def _folders(sight: HostSight, found: Policy) -> Checked:
    if not sight.folders:
        return skipped("C402", "no folder is asked for")
    if found is Policy.NONE:
        return skipped("C402", "without a path policy it refuses all")
    refused = {p: said for p, said in sight.folders.items() if isinstance(said, Trouble) and said.refused}
    outside = {p: said for p, said in refused.items() if not said.wants_marker}
    if outside:
        return _outside(sight, outside)
    failed = {p: said for p, said in sight.folders.items() if isinstance(said, Trouble) and not said.refused}
    if failed:
        path, said = next(iter(failed.items()))
        return untold("C402", f"{path}: {said}", "look at it there", sight.patient.name)
    evidence = {path: _state(said) for path, said in sight.folders.items()}
    told = ", ".join(f"{path} {state}" for path, state in evidence.items())
    return ok("C402", told, folders=evidence)


def _state(said: PersistentRow | Trouble) -> str:
    return said.state if isinstance(said, PersistentRow) else "unmarked or not there yet"


def _outside(sight: HostSight, refused: dict[str, Trouble]) -> Checked:
    host, needed = sight.patient.name, set(sight.patient.folders)
    told = "; ".join(said.detail for said in refused.values())
    paths = " and ".join(plain(path, "PATH") for path in refused)
    dotted = any("dot-prefixed" in said.detail for said in refused.values())
    home = any("$HOME" in said.detail or "system-root" in said.detail for said in refused.values())
    if dotted or home:
        remedy, where = (
            f"choose other folders than {paths} in the cluster file: no guard lets these through",
            "here",
        )
    else:
        remedy, where = f"add {paths} to the file that --data-roots names", host
    if needed & set(refused):
        return fix("C402", told, remedy, where, refused=list(refused))
    # A policy may well be narrower than what a cluster file allows.
    return warn("C402", told, f"{remedy}; or what below is used", where, refused=list(refused))


def _limits(sight: HostSight, found: Policy) -> Checked:
    if found is Policy.NO_GUARD:
        return skipped("C403", "there is no guard")
    if isinstance(sight.home, PersistentRow):
        told = "it lets the whole home directory through: no rhl-guard should"
        return fix("C403", told, f"bring rhl-guard there up to date; {_CHOOSE}", sight.patient.name)
    if found is Policy.OPEN:
        told = "it lets any folder through (--permissive-paths, or / among its --data-roots)"
        return warn("C403", told, _CHOOSE, sight.patient.name)
    if found is Policy.UNTOLD:
        return untold("C403", "its policy could not be told")
    return ok("C403", "the home directory and folders of nobody's are refused")
