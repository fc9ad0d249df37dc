"""Look for processes of a key to which no state file leads: ghosts, and second processes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rhl_helpers import calls
from rhl_helpers.client import ConnectionFile
from rhl_helpers.errors import HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import MalformedRow, ServerRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.facts import Ghost, HostFacts
from seamless_reconcile.kinds.service import handshake_port
from seamless_reconcile.observed import Absent
from seamless_reconcile.ports import Reach

LOG_HEAD = 64 * 1024

# As uvicorn announces itself; other services say neither.
_LOG_PID = re.compile(rb"Started server process \[(\d{2,10})\]")
_LOG_PORT = re.compile(rb"running on http://[^\s:/]{1,255}:(\d{2,5})\b")


def is_alive(host: Host, pid: int) -> bool | None:
    """Tell whether a process with that pid exists; None if that could not be told."""
    try:
        return host.call(calls.pid_alive(pid))
    except HelperError:
        return None


def log_head(host: Host, key: str) -> bytes | None:
    """Read the beginning of a log: a launch starts it anew, and uvicorn says its pid and port first."""
    try:
        return host.call(calls.log_head(key), max_output=LOG_HEAD)
    except HelperError:
        return b"?"


Lead = tuple[int, "int | None", str]
"""A port, the pid if known, and where it was read."""


def leads_of(
    spec: ServiceSpec, row: Absent | MalformedRow, reach: Reach, file: ConnectionFile | None, head: bytes
) -> list[Lead]:
    """Gather the ports at which a process of this key may still be found, and who names them."""
    leads: list[Lead] = []
    port, pid = _LOG_PORT.search(head), _LOG_PID.search(head)
    if port:
        leads.append((int(port[1]), int(pid[1]) if pid else None, "its log"))
    if isinstance(row, MalformedRow) and row.port:
        leads.append((row.port, row.pid, "the malformed state file"))
    known = reach.memory.launched(spec.host, spec.key)
    if known and known.port:
        leads.append((known.port, known.pid, "this client's memory of its launch"))
    there = _port_in(file, spec.handshake.port_name if spec.handshake else None) if file else None
    if there:
        leads.append((there, None, "the client file"))
    return leads


def _port_in(file: ConnectionFile, name: str | None) -> int | None:
    """Give the port on the service's own host that a connection file names for its handshake."""
    if name is not None:
        return ((file.tunneled_extra if file.tunneled_host else file.extra) or {}).get(name)
    return file.tunneled_port if file.tunneled_host else file.port


def find_ghost(
    spec: ServiceSpec, host: Host, listing: HostFacts, leads: Iterable[Lead], *, interface: str | None = None
) -> Ghost | None:
    """Follow the leads: a port that answers the handshake and that no other service claims."""
    path = spec.handshake.path if spec.handshake else ""
    claimed = {row.port for row in listing.rows.values() if row.live and row.key != spec.key}
    tried: set[int] = set()
    for port, pid, source in leads:
        if port in tried or port in claimed or not 0 < port < 65536:  # noqa: PLR2004 - ports
            continue
        tried.add(port)
        try:
            answer = host.probe(interface or spec.network_interface, port, path)
        except HelperError:
            continue
        if answer is Answer.OK or (answer is not Answer.CLOSED and pid is not None and is_alive(host, pid)):
            return Ghost(port, pid, source)
    return None


def find_twin(
    spec: ServiceSpec, row: ServerRow, host: Host, listing: HostFacts, reach: Reach
) -> Ghost | None:
    """Look whether what this client launched lives on beside whom the state file names.

    Two clients that launch at the same moment leave two processes and one state file
    (docs/safety.md). Asked only where this client remembers another process than the row's; both the
    port and the pid must be alive, as either may have been given to somebody else since.
    """
    known = reach.memory.launched(spec.host, spec.key)
    if known is None or known.pid == row.pid or not known.port or known.port == handshake_port(spec, row):
        return None
    if known.pid == reach.memory.ended(spec.host, spec.key):
        return None
    lead = (known.port, known.pid, "this client's memory of its launch")
    twin = find_ghost(spec, host, listing, [lead], interface=row.network_interface)
    return twin if twin and is_alive(host, known.pid) else None


def loser(spec: ServiceSpec, row: ServerRow, host: Host) -> tuple[int, int | None] | None:
    """Give pid and port of a second process of a key, where their common log tells; None if it does not."""
    head = log_head(host, spec.key) or b""
    pids = {int(found) for found in _LOG_PID.findall(head)} - {row.pid}
    ports = {int(found) for found in _LOG_PORT.findall(head)} - {row.port}
    alive = [pid for pid in sorted(pids)[:8] if is_alive(host, pid)]
    if len(alive) != 1:
        return None
    return alive[0], ports.pop() if len(ports) == 1 else None
