"""What must never happen, as rules over what was seen (S1–S3).

The planner asks them before it plans a clear, apply asks them again right before it acts.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from rhl_helpers.rows import ServerRow
from seamless_reconcile.commandline import split
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.cache import CacheNode, CacheObserved, State, home_by, nested_outside
from seamless_reconcile.paths import expand, may_overlap, refusal

SCRATCH = "/tmp"  # noqa: S108 - the working directory that seamless-config gives to job services
SCRATCH_BINARIES = frozenset({"seamless-jobserver", "seamless-dask-wrapper"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something will not be done, and what the user can do."""

    reason: str
    hint: str = ""


def clear_refusal(
    node: CacheNode,
    observed: CacheObserved,
    host: HostFacts,
    *,
    going_down: frozenset[str],
    cold_paths: Iterable[str],
) -> Refusal | None:
    """Say why a cache must not be cleared, or None if it may.

    Args:
        node: the cache.
        observed: what is in it and below it.
        host: all launcher rows of its host.
        going_down: keys that are stopped before the clear; none right before the clear itself.
        cold_paths: caches of this host that are to be cold too, so may go along.
    """
    return (
        _bad_path(node, observed, host)
        or _not_ours(observed)
        or _others_inside(node, observed, host, cold_paths)
        or _live_process(node, observed, host, going_down)
    )


def _bad_path(node: CacheNode, observed: CacheObserved, host: HostFacts) -> Refusal | None:
    """S3: only a resolved or explicit path, never a home, a system directory or the root of all projects."""
    if observed.displaced:
        return Refusal(
            f"{node.path} is a link: it really is {observed.real_path}",
            "its data may be somebody else's; name the directory itself",
        )
    why = refusal(node.path, root=node.root, home=host.home or home_by(node.path, observed.path))
    return Refusal(f"{node.path} is never cleared: {why}") if why else None


def _not_ours(observed: CacheObserved) -> Refusal | None:
    """S2, S3: foreign data, and what could not be looked at, stays."""
    if observed.state is State.FOREIGN:
        return Refusal(f"{observed.path} is foreign: {observed.reason}", observed.hint)
    if observed.state in (State.UNKNOWN, State.UNVERIFIABLE):
        return Refusal(f"{observed.path}: {observed.reason}", observed.hint)
    return None


def _others_inside(
    node: CacheNode, observed: CacheObserved, host: HostFacts, cold_paths: Iterable[str]
) -> Refusal | None:
    """S2: nested caches count as named only if they are to be cold themselves."""
    if observed.nested_unknown:
        return Refusal(f"what lies inside {node.path} could not be told: {observed.nested_unknown}")
    home = host.home or home_by(node.path, observed.path)
    others = nested_outside(observed, cold_paths, home)
    if not others:
        return None
    shown = ", ".join(_described(n.path, n.size, n.modified) for n in others[:3])
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""  # noqa: PLR2004
    return Refusal(
        f"{node.path} holds other caches that are not to be cold: {shown}{more}",
        "declare them cold too, or make only the inner one cold",
    )


def _described(path: str, size: int | None, modified: str | None) -> str:
    facts = [f"{size:,} bytes" if size is not None else "", f"last modified {modified}" if modified else ""]
    inner = ", ".join(fact for fact in facts if fact)
    return f"{path} ({inner})" if inner else path


def _live_process(
    node: CacheNode, observed: CacheObserved, host: HostFacts, going_down: frozenset[str]
) -> Refusal | None:
    """S1: no live process of any launcher state in, above or below the directory."""
    if host.problem is not None and not (host.hidden_by and host.hidden_by <= going_down):
        return Refusal(
            f"what runs on {host.host} could not be listed in full: {host.problem.reason}",
            host.problem.hint or "`seamless-reconcile audit` names the state file that is in the way",
        )
    for key, bad in host.malformed.items():
        if key not in going_down and bad.live is not False:
            return Refusal(f"the state file of {key} is malformed: its process may work in {node.path}")
    places = dict.fromkeys((node.path, observed.real_path or node.path))
    for row in [row for place in places for row in works_in(place, host)]:
        if row.key not in going_down:
            return Refusal(
                f"{row.key} (pid {row.pid}) works in {row.workdir}",
                "stop it first, or declare it in the manifest",
            )
    return None


def works_in(path: str, host: HostFacts) -> list[ServerRow]:
    """Give the rows that are, or may be, alive and work in, above or below a directory.

    A job service in /tmp does not count as working above what lies in /tmp: it keeps no data
    there (docs/adr/0004-scratch-directory.md).
    """
    return [
        row
        for row in host.rows.values()
        if row.live is not False and not row.dry_run and touches(row, path, host)
    ]


def touches(row: ServerRow, path: str, host: HostFacts) -> bool:
    """Tell whether a service works in, above or below a directory."""
    in_scratch = expand(path, host.home) == SCRATCH
    return any(
        may_overlap(place, path, host.home)
        for place in places(row)
        if in_scratch or not keeps_nothing_in(row, place, host.home)
    )


def keeps_nothing_in(row: ServerRow, place: str, home: str | None) -> bool:
    """Tell whether one of the places of a service is only the scratch directory of job services."""
    return expand(place, home) == SCRATCH and _is_job_service(row)


def _is_job_service(row: ServerRow) -> bool:
    return bool(row.command) and str(row.command).split(" ", 1)[0] in SCRATCH_BINARIES


def places(row: ServerRow) -> list[str]:
    """Give the directories a service works in: its workdir, and what its command line names."""
    found = [row.workdir] if row.workdir else []
    try:
        words = split(row.command or "")
    except ValueError:
        words = []
    state_folder = posixpath.dirname(row.log) if row.log else None
    named = (word for word in words[1:] if word.startswith("/"))
    return found + [word for word in named if posixpath.dirname(word) != state_folder]
