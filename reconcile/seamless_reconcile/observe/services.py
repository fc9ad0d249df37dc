"""Read one service: its row is in hand, the rest is asked for here."""

from __future__ import annotations

from dataclasses import replace

from rhl_helpers import calls
from rhl_helpers.client import ConnectionFile, ProcessEvidence
from rhl_helpers.errors import HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import MalformedRow, ServerRow, StampedState
from rhl_helpers.transport.base import LOCAL, Answer
from seamless_reconcile.declared import CacheState, ServiceState
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import NOT_OURS, Evidence, Ghost, HostFacts, ServiceFacts
from seamless_reconcile.kinds.service import handshake_port
from seamless_reconcile.observe.ghosts import Lead, find_ghost, find_twin, is_alive, leads_of, log_head
from seamless_reconcile.observe.hosts import read_row, row_of, unknown
from seamless_reconcile.observed import Absent, Present, Unknown
from seamless_reconcile.ports import Reach

SETTLE_SECONDS = 3.0
"""How long a live pid with a closed port is looked at again: running is written before the port is
bound, and a killed process stays a zombie until it is reaped."""
POLL_SECONDS = 0.25
SEEN_WELL_SECONDS = 900.0
"""How long it corroborates a pid that this client heard it answer."""


def read_service(
    spec: ServiceSpec,
    host: Host,
    listing: HostFacts,
    reach: Reach,
    *,
    file: ConnectionFile | None = None,
    heard: Answer | None = None,
    passive: bool = False,
) -> ServiceFacts:
    """Read everything about one service.

    Args:
        spec: the service.
        host: its host.
        listing: all rows of that host.
        reach: this machine, memory and clock.
        file: the client's connection file, which may still name a port of a lost process.
        heard: an answer already heard from that very service, through its open tunnel.
        passive: ask no port: a handshake keeps an idle service alive (S6).
    """
    row = row_of(listing, spec.key)
    if isinstance(row, Unknown):
        return ServiceFacts(row)
    if isinstance(row, Absent):
        return _without_row(spec, row, host, listing, reach, file, passive=passive)
    if isinstance(row, MalformedRow):
        return _without_row(spec, row, host, listing, reach, file, passive=passive)
    return _with_row(spec, row.value, host, listing, reach, file, heard=heard, passive=passive)


def _with_row(
    spec: ServiceSpec,
    row: ServerRow,
    host: Host,
    listing: HostFacts,
    reach: Reach,
    file: ConnectionFile | None,
    *,
    heard: Answer | None,
    passive: bool,
) -> ServiceFacts:
    evidence = process_evidence(spec, row, reach)
    seen_well = remembered_well(spec, row.pid, reach)
    facts = ServiceFacts(Present(row), evidence=evidence, seen_well=seen_well)
    if passive:
        return facts
    if row.live is not True or evidence in NOT_OURS:
        ghost = _orphan(spec, row, host, listing, reach, file) or find_twin(spec, row, host, listing, reach)
        return replace(facts, ghost=ghost)
    if row.json_status == "starting":
        return replace(facts, age=_age(host, spec.key, reach))
    if row.json_status not in ("running", "stale"):
        return facts
    answer = heard or ask(spec, row, host)
    if answer is Answer.CLOSED or row.json_status == "stale":
        row, answer = _look_again(spec, row, host, reach, answer)
        evidence = process_evidence(spec, row, reach)
    twin = find_twin(spec, row, host, listing, reach)
    return ServiceFacts(Present(row), answer, evidence, seen_well, twin=twin)


def _orphan(
    spec: ServiceSpec,
    row: ServerRow,
    host: Host,
    listing: HostFacts,
    reach: Reach,
    file: ConnectionFile | None,
) -> Ghost | None:
    """Look whether the port of a dead process is closed: an orphan of the same key may answer there.

    One that died while starting left no port; then all other traces are followed.
    """
    port = handshake_port(spec, row)
    leads: list[Lead] = [(port, None, "its state file")] if port else []
    if not port and not (spec.state is ServiceState.STOPPED and _in_nobodys_way(spec)):
        leads = leads_of(spec, Absent(), reach, file, log_head(host, spec.key) or b"")
    return find_ghost(spec, host, listing, leads, interface=row.network_interface)


def _in_nobodys_way(spec: ServiceSpec) -> bool:
    """Tell whether nothing is to be launched or cleared: then whoever may live there may go on."""
    return spec.state is not ServiceState.RUNNING and not (spec.cache and spec.cache.state is CacheState.COLD)


def ask(spec: ServiceSpec, row: ServerRow, host: Host) -> Answer | Unknown | None:
    """Ask a service for its handshake, as its own host sees it."""
    port = handshake_port(spec, row)
    if port is None:
        return None
    path = spec.handshake.path if spec.handshake else ""
    try:
        answer = host.probe(row.network_interface or "localhost", port, path)
    except HelperError as exc:
        return unknown(exc)
    # A service without a handshake is well as soon as its port takes connections.
    return Answer.OK if spec.handshake is None and answer is not Answer.CLOSED else answer


def _look_again(
    spec: ServiceSpec, row: ServerRow, host: Host, reach: Reach, answer: Answer | Unknown | None
) -> tuple[ServerRow, Answer | Unknown | None]:
    """Give a start its moment to bind and a killed process its moment to be reaped."""
    deadline = reach.clock.monotonic() + SETTLE_SECONDS
    while reach.clock.monotonic() < deadline:
        reach.clock.sleep(POLL_SECONDS)
        again = read_row(host, spec.key)
        if not isinstance(again, Present):
            return row, answer
        row = again.value
        if row.live is not True:
            return row, answer
        answer = ask(spec, row, host)
        if answer not in (Answer.CLOSED, None) and row.json_status != "stale":
            return row, answer
        if answer is Answer.OK:
            return row, answer
    return row, answer


def process_evidence(spec: ServiceSpec, row: ServerRow | MalformedRow, reach: Reach) -> Evidence:
    """Say what is known of a pid besides that it exists.

    This machine's own process table tells; of other hosts, only that this client itself has ended
    that very process: where nobody reaps it, it stays listed as a zombie. The stop marked its row
    as stale; one that says `running` or `starting` is of a later process that got the same pid.
    """
    if row.pid is None:
        return Evidence.NONE
    if spec.host == LOCAL:
        return judge(reach.client.evidence(row.pid), spec.key)
    anew = isinstance(row, ServerRow) and (row.json_status or row.status) in ("running", "starting")
    ended = reach.memory.ended(spec.host, spec.key) == row.pid
    return Evidence.ZOMBIE if ended and not anew else Evidence.NONE


def judge(found: ProcessEvidence | None, key: str) -> Evidence:
    """Tell whether a process of this machine is the service of a key: it was given that status file."""
    if found is None:
        return Evidence.GONE
    if found.zombie:
        return Evidence.ZOMBIE
    return Evidence.OURS if f"/{key}.json" in " ".join(found.command) else Evidence.STRANGER


def remembered_well(spec: ServiceSpec, pid: int | None, reach: Reach) -> bool:
    """Tell whether this client heard that very pid not long ago."""
    known = reach.memory.launched(spec.host, spec.key)
    return known is not None and known.pid == pid and 0 <= reach.clock.now() - known.when < SEEN_WELL_SECONDS


def _age(host: Host, key: str, reach: Reach) -> float | None:
    try:
        stamped = host.call(calls.inspect_stamped(key))
    except HelperError:
        return None
    return reach.clock.now() - stamped.mtime if isinstance(stamped, StampedState) else None


# --- where no state file leads to a process ------------------------------------------------


def _without_row(
    spec: ServiceSpec,
    row: Absent | MalformedRow,
    host: Host,
    listing: HostFacts,
    reach: Reach,
    file: ConnectionFile | None,
    *,
    passive: bool,
) -> ServiceFacts:
    """Look for a process that lives on although its state file is gone or unreadable (S4)."""
    alive = None
    evidence = Evidence.NONE
    if isinstance(row, MalformedRow) and row.pid is not None:
        evidence = process_evidence(spec, row, reach)
        alive = row.live if row.live is not None else is_alive(host, row.pid)
    if passive or (isinstance(row, Absent) and _in_nobodys_way(spec)):
        return ServiceFacts(row, evidence=evidence, pid_alive=alive)
    head = log_head(host, spec.key)
    leads = leads_of(spec, row, reach, file, head or b"")
    ghost = find_ghost(spec, host, listing, leads)
    return ServiceFacts(
        row, evidence=evidence, pid_alive=alive, ghost=ghost, has_log=bool(head), leads=len(leads)
    )
