"""What no helper can tell apart, in one place: the initial states that the matrix leaves out, and why.

Each is a coincidence of two accidents of which only one shows. A state that some evidence could settle does
not belong here: improve the code instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seamless_reconcile.kinds.service import CLOCK_DOUBT
from world.cases import Case
from world.world import LOCAL

START_SECONDS = 60.0


class Undecidable(NamedTuple):
    """States that look like others to whoever can only ask the helpers.

    Attributes:
        reason: what they look like, and what would have to be known.
        fits: whether an initial state on a host, with what the service should be, is one.
        costs: the rules that may be broken there, and only there: what the coincidence costs at worst.
    """

    reason: str
    fits: Callable[[Case, str, str], bool]
    costs: frozenset[str]


def _no_lead(case: Case) -> bool:
    """No connection file leads to a port; the logs of the matrix name none either."""
    return case.client not in ("good", "stale")


def _another_pid_and_a_port(case: Case, host: str, state: str) -> bool:
    return (
        host != LOCAL
        and case.state in ("running", "stale")
        and case.process in ("reused", "other")
        and case.port != "closed"
    )


def _malformed_and_mute(case: Case, host: str, state: str) -> bool:
    return (
        case.state in ("malformed", "wrong-type")
        and case.process == "ours"
        and case.port == "closed"
        and not _no_lead(case)
    )


def _dry_run_and_mute(case: Case, host: str, state: str) -> bool:
    return case.state == "dry-run" and case.process == "ours" and case.port == "closed"


def _orphan_without_lead(case: Case, host: str, state: str) -> bool:
    # On this machine, every pid that is not the service's own counts as dead.
    dead = case.process == "dead" or (host == LOCAL and case.process in ("zombie", "reused", "other"))
    return case.state == "starting" and dead and case.port == "ours" and _no_lead(case)


def _orphan_beside_a_start(case: Case, host: str, state: str) -> bool:
    fresh = case.age < START_SECONDS + CLOCK_DOUBT
    zombie = case.process == "zombie" and host != LOCAL
    return case.state == "starting" and fresh and zombie and case.port == "ours" and state != "running"


def _marked_by_its_service(case: Case, host: str, state: str) -> bool:
    return case.cache in ("foreign", "half-cleared") and case.state == "starting" and case.finishes


def _reused_within_the_window(case: Case, host: str, state: str) -> bool:
    fresh = case.age < START_SECONDS + CLOCK_DOUBT
    stranger = case.process in ("reused", "other")
    return host != LOCAL and case.state == "starting" and fresh and stranger and state != "running"


UNDECIDABLE = {
    "a reused pid, and its port answers": Undecidable(
        "The state file's pid is somebody else's by now, and on its port something answers the handshake:"
        " an orphan of the same key, or a stranger. That is what a healthy service looks like on another"
        " host, where no helper tells a process's command line or start. (This machine's own table does.)",
        _another_pid_and_a_port,
        frozenset({"stop"}),
    ),
    "a malformed state file, and its process has no port": Undecidable(
        "The pid cannot be read, and the process lives, but its port is closed: as if it were dead.",
        _malformed_and_mute,
        frozenset({"S4"}),
    ),
    "a dry run over a live process without a port": Undecidable(
        "A dry run writes no pid; the process whose file it has overwritten answers on no port.",
        _dry_run_and_mute,
        frozenset({"S1", "S4"}),
    ),
    "an orphan on a port that nothing names": Undecidable(
        "The state file is of a start that died, so it names no port; neither does the log, the connection"
        " file or this client's memory. An orphan of an earlier launch that answers cannot be found.",
        _orphan_without_lead,
        frozenset({"S1", "S4"}),
    ),
    "an orphan beside a start": Undecidable(
        "A service died while starting, and stays a zombie; an orphan of an earlier launch lives on. Within"
        " its window the zombie is taken for a service that still starts.",
        _orphan_beside_a_start,
        frozenset({"S1", "S4"}),
    ),
    "a foreign directory that a service marks as its own": Undecidable(
        "Somebody has launched a service in a foreign directory: as soon as it has put its marker there,"
        " nothing tells that directory from one of its own.",
        _marked_by_its_service,
        frozenset({"S3"}),
    ),
    "a pid reused within minutes of a start": Undecidable(
        "A service died while starting, and somebody else got its pid before its window was over: a"
        " service that still starts looks the same, and one that is not wanted is stopped.",
        _reused_within_the_window,
        frozenset({"stop", "S1", "S4"}),
    ),
}


def costs(case: Case, host: str, state: str) -> frozenset[str]:
    """Give the rules that may be broken from an initial state, by all entries it falls under."""
    fitting = (entry for entry in UNDECIDABLE.values() if entry.fits(case, host, state))
    return frozenset[str]().union(*(entry.costs for entry in fitting))


def undecidable(case: Case, host: str, state: str) -> str | None:
    """Give the name of the entry an initial state falls under; None if it can be decided."""
    return next((name for name, entry in UNDECIDABLE.items() if entry.fits(case, host, state)), None)
