"""Read all launcher rows of a host, whatever stands in the way."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from rhl_helpers import calls
from rhl_helpers.errors import GuardRefused, HelperError, HelperFailed, ProtocolError
from rhl_helpers.host import Host
from rhl_helpers.rows import MalformedRow, ServerRow, server_row
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.observed import Absent, Present, Unknown
from seamless_reconcile.ports import Clock

RETRY_PAUSE = 0.2
_STATE_FOLDER = "/.remote-http-launcher/server/"


def unknown(error: HelperError) -> Unknown:
    """Turn an error into the observation that nothing could be told."""
    guard = error if isinstance(error, GuardRefused) else None
    return Unknown(
        f"{error.kind}: {error.detail}",
        error.kind,
        error.hint,
        refused_marker=bool(guard and guard.wants_marker),
        refused_policy=bool(guard and not guard.wants_marker),
    )


def read_host(host: Host, keys: Iterable[str], clock: Clock) -> HostFacts:
    """Read every row; where the listing fails, the rows of `keys` one by one.

    One malformed file fails the listing for all keys, and so, for a moment, does a file that comes
    or goes meanwhile: it is tried again once before that is believed.
    """
    try:
        return _listed(host, host.call(calls.listing()))
    except (HelperFailed, ProtocolError):
        clock.sleep(RETRY_PAUSE)
    except HelperError as exc:
        return HostFacts(host.name, problem=unknown(exc))
    try:
        return _listed(host, host.call(calls.listing()))
    except HelperFailed as exc:
        return _one_by_one(host, keys, unknown(exc))
    except HelperError as exc:
        return HostFacts(host.name, problem=unknown(exc))


def _listed(host: Host, listing: calls.Listing) -> HostFacts:
    rows = listing.rows
    if listing.doubtful and not host.call(calls.lists_nothing()):
        # A message of a login script, and no service; or an answer that is none of the helper's (S2).
        raise ProtocolError(host.name, "it printed something, but nothing that rhl-ps prints")
    good = {row.key: _with_life(host, row) for row in rows if isinstance(row, ServerRow)}
    bad = {row.key: row for row in rows if isinstance(row, MalformedRow)}
    return HostFacts(host.name, good, bad, home=home_of(good.values()))


def _with_life(host: Host, row: ServerRow) -> ServerRow:
    """Ask for the process of a failed service, on which `rhl-ps` does not look."""
    if row.live is not None or row.pid is None or row.dry_run:
        return row
    try:
        return row.model_copy(update={"live": host.call(calls.pid_alive(row.pid))})
    except HelperError:
        # Left unknown: it then counts as possibly alive wherever that matters.
        return row


def _one_by_one(host: Host, keys: Iterable[str], problem: Unknown) -> HostFacts:
    found = {key: read_row(host, key) for key in keys}
    good = {key: row.value for key, row in found.items() if isinstance(row, Present)}
    bad = {key: row for key, row in found.items() if isinstance(row, MalformedRow)}
    unread = {key: row for key, row in found.items() if isinstance(row, Unknown)}
    # Where a file could not even be read by itself, that one may be what hides the others.
    hidden_by = frozenset() if unread else frozenset(bad)
    return HostFacts(
        host.name, good, bad, problem, frozenset(found), unread, hidden_by, home_of(good.values())
    )


def read_row(host: Host, key: str) -> Present[ServerRow] | Absent | MalformedRow | Unknown:
    """Read one service's state file and ask for its process."""
    try:
        row = host.call(calls.inspect(key))
        if row is None:
            return Absent()
        if isinstance(row, MalformedRow):
            return row
        status = (row.model_extra or {}).get("status", row.status)
        alive = None if row.pid is None or row.dry_run else host.call(calls.pid_alive(row.pid))
    except HelperError as exc:
        return unknown(exc)
    listed = {**row.model_dump(exclude_none=True), "json_status": status, "live": alive}
    again = server_row(listed, key=key)
    return again if isinstance(again, MalformedRow) else Present(again)


def home_of(rows: Iterable[ServerRow]) -> str | None:
    """Tell the service account's home from where its logs lie."""
    for row in rows:
        if row.log and row.log.endswith(f"{_STATE_FOLDER}{row.key}.log"):
            return posixpath.normpath(row.log[: -len(f"{_STATE_FOLDER}{row.key}.log")]) or None
    return None


def ask_home(host: Host) -> str | None:
    """Ask for the service account's home where no row tells it: `rhl-ps-persistent` writes "~" out.

    Guards refuse that question; but they themselves let nobody clear a home.
    """
    try:
        rows = host.call(calls.ps_persistent(f"~{_STATE_FOLDER.rstrip('/')}"))
    except HelperError:
        return None
    tail = _STATE_FOLDER.rstrip("/")
    return next((row.path[: -len(tail)] for row in rows if row.path.endswith(tail)), None) or None


def row_of(facts: HostFacts, key: str) -> Present[ServerRow] | Absent | MalformedRow | Unknown:
    """Give one service's row out of a host's facts."""
    if key in facts.rows:
        return Present(facts.rows[key])
    if key in facts.malformed:
        return facts.malformed[key]
    if key in facts.unread:
        return facts.unread[key]
    # Where the listing failed, only what was then asked for by itself is proven to be absent (S2).
    return Absent() if facts.problem is None or key in facts.asked else facts.problem
