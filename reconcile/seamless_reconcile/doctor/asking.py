"""Ask a host's helpers, once they answer, for all that they tell. Each of them only reads (S6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Any, TypeVar

from rhl_helpers import calls
from rhl_helpers.calls import Call
from rhl_helpers.errors import HelperError, HelperFailed, ProtocolError
from rhl_helpers.examining import (
    CLOCK_PATH,
    HELPERS,
    HIDDEN_PATH,
    OUTSIDE_PATH,
    conda_cache,
    help_text,
    look_at,
)
from rhl_helpers.host import Host
from rhl_helpers.rows import MalformedRow, PersistentRow, ServerRow, StampedState
from seamless_reconcile.doctor.helpers import FIRST
from seamless_reconcile.doctor.seen import ClockSight, HostSight, Trouble, trouble
from seamless_reconcile.gathering import gather_by

T = TypeVar("T")

_AT_ONCE = 8
_AGAIN_SECONDS = 0.2
_QUARTER = 900.0
_MAX_STAMPED = 2
# A state file this much younger than now tells of a clock that is ahead.
_FUTURE_SECONDS = 2.0


def attempt(look: Callable[[], T]) -> T | Trouble:
    """Look, and give what stood in the way as a value."""
    try:
        return look()
    except HelperError as exc:
        return trouble(exc)


def ask_all(sight: HostSight, host: Host) -> HostSight:
    """Ask all helpers that only read."""
    names = [name for name in HELPERS if name != FIRST]
    texts, (listed, conda, hidden, clock) = _at_once(
        [partial(_ask, host, help_text(name)) for name in names],
        partial(_listed, host),
        partial(_ask, host, conda_cache()),
        partial(_look_at, sight, host, HIDDEN_PATH),
        partial(_clock, sight, host),
    )
    sight = replace(
        sight,
        help={**sight.help, **dict(zip(names, texts, strict=True))},
        listed=listed,
        conda=conda,
        hidden=hidden,
        clock=(*clock, *_stamps(sight, host, listed)),
    )
    return _folders(sight, host)


def _at_once(many: Sequence[Callable[[], T]], *others: Callable[[], Any]) -> tuple[list[T], list[Any]]:
    """Ask for several things at once; gives the many, and the others, each in order."""
    found = gather_by(_AT_ONCE)([*others, *many])
    return found[len(others) :], found[: len(others)]


def _ask(host: Host, call: Call[T]) -> T | Trouble:
    return attempt(partial(host.call, call))


def _look_at(sight: HostSight, host: Host, path: str) -> PersistentRow | Trouble | None:
    if sight.patient.is_local:
        return None
    return _ask(host, look_at(path))


def _folders(sight: HostSight, host: Host) -> HostSight:
    """Ask for the folders that matter; and, where there is a guard, how far it lets anybody."""
    patient = sight.patient
    if patient.is_local:
        return sight
    guarded = isinstance(sight.hidden, Trouble) and sight.hidden.refused
    paths = list(dict.fromkeys((*patient.folders, *patient.roots)))
    beyond = (OUTSIDE_PATH, "~") if guarded else ()
    rows, others = _at_once(
        [partial(_ask, host, look_at(path)) for path in paths],
        *(partial(_look_at, sight, host, path) for path in beyond),
    )
    outside, home = others or (None, None)
    return replace(sight, folders=dict(zip(paths, rows, strict=True)), outside=outside, home=home)


def _listed(host: Host) -> tuple[ServerRow | MalformedRow, ...] | Trouble:
    """List the services; as a file may just come or go, a failure is believed the second time."""
    try:
        rows = host.call(calls.ps())
        return tuple(rows)
    except (HelperFailed, ProtocolError):
        time.sleep(_AGAIN_SECONDS)
    except HelperError as exc:
        return trouble(exc)
    again = _ask(host, calls.ps())
    return again if isinstance(again, Trouble) else tuple(again)


# --- clock ---------------------------------------------------------------------------------


def _clock(sight: HostSight, host: Host) -> tuple[ClockSight, ...]:
    """Look at something that was made this very moment, where the host has such a thing."""
    if sight.patient.is_local:
        return ()
    began = time.time()
    row = _ask(host, look_at(CLOCK_PATH))
    ended = time.time()
    if not isinstance(row, PersistentRow) or row.modified is None:
        return ()
    try:
        shown = datetime.fromisoformat(row.modified).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return ()
    # Whole seconds, in the host's own zone: zones are whole quarters of an hour apart.
    ahead = shown + 0.5 - (began + ended) / 2
    ahead = (ahead + _QUARTER / 2) % _QUARTER - _QUARTER / 2
    return (ClockSight(ahead, (ended - began) / 2 + 0.5),)


def _stamps(
    sight: HostSight, host: Host, listed: tuple[ServerRow | MalformedRow, ...] | Trouble
) -> tuple[ClockSight, ...]:
    """Look for state files from the future: the only sight of a clock that is hours ahead."""
    if sight.patient.is_local or isinstance(listed, Trouble):
        return ()
    found = []
    for row in [row for row in listed if isinstance(row, ServerRow)][-_MAX_STAMPED:]:
        state = _ask(host, calls.inspect_stamped(row.key))
        ahead = state.mtime - time.time() if isinstance(state, StampedState) else 0.0
        if ahead > _FUTURE_SECONDS:
            found.append(ClockSight(ahead, 0.0, zoned=False))
    return tuple(found)
