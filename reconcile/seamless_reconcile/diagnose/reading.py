"""Read the evidence of services: one round as `plan` has it, then what only a diagnosis needs."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from rhl_helpers import calls
from rhl_helpers.client import ConnectionFile
from rhl_helpers.errors import HelperError
from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import LOCAL, Answer
from seamless_reconcile.audit.adopt import adopted
from seamless_reconcile.declared import ServiceState, TunnelState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.diagnose.evidence import Case, Conda
from seamless_reconcile.diagnose.here import installed
from seamless_reconcile.diagnose.knowledge import Knowledge
from seamless_reconcile.diagnose.logs import MAX_BYTES, MAX_LINES, Log, read_log
from seamless_reconcile.diagnose.tracebacks import prefixes
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.kinds.service import State
from seamless_reconcile.observe import observe
from seamless_reconcile.observe.hosts import read_host, row_of, unknown
from seamless_reconcile.observe.services import ask
from seamless_reconcile.observe.tunnels import ask_through
from seamless_reconcile.observed import Present, Unknown
from seamless_reconcile.ports import Reach
from seamless_reconcile.snapshot import Snapshot

MAX_TAKEN = 64 * 1024 * 1024
"""Bytes of a log that are taken over at most: a single line may be as long as the whole log."""
Told = Callable[[HostFacts, float], None]


def look(desired: Desired, reach: Reach, *, passive: bool, told: Told) -> Snapshot:
    """Read one round; nothing is changed anywhere (S6)."""
    return observe(desired, reach, passive=passive, told=told)


def named(desired: Desired, names: Iterable[str]) -> Desired:
    """Give the named services, and those that these are wired to: of the others nothing is asked."""
    wanted = set(names)
    todo = list(wanted)
    while todo:
        spec = desired.services[todo.pop()]
        more = {*spec.dependencies, *(one.name for one in spec.upstream if one.name)} - wanted
        wanted |= more
        todo += more
    kept = {name: spec for name, spec in desired.services.items() if name in wanted}
    return replace(desired, services=kept)


def of_key(key: str, host: str, hostname: str | None, reach: Reach) -> ServiceSpec:
    """Give the spec of a service that no manifest names, as its state file and client file tell of it."""
    facts = read_host(reach.host(host), [key], reach.clock)
    row = row_of(facts, key)
    found = row.value if isinstance(row, Present) else ServerRow(key=key, live=False)
    try:
        file = reach.client.files().get(key)
    except OSError:
        file = None
    far = isinstance(file, ConnectionFile) and file.tunneled_host == host
    spec = adopted(found, host, hostname=hostname, tunnelled=far)
    # Whoever asks for its diagnosis means it to run.
    return replace(spec, state=ServiceState.RUNNING, tunnel=TunnelState.AUTO)


def cases(
    names: Iterable[str],
    desired: Desired,
    snapshot: Snapshot,
    reach: Reach,
    known: Knowledge,
    *,
    declared: bool = True,
) -> list[Case]:
    """Read the rest of some services: both handshakes, the log, conda, packages."""
    chosen = list(dict.fromkeys(names))
    hosts = dict.fromkeys(
        desired.services[name].host for name in chosen if _answers(snapshot, desired.services[name])
    )
    found = reach.gather([partial(_conda_of, host, reach) for host in hosts])
    condas = dict(zip(hosts, found, strict=True))
    read = [
        partial(_case, desired.services[name], snapshot, reach, known, condas, declared=declared)
        for name in chosen
    ]
    return reach.gather(read)


def _answers(snapshot: Snapshot, spec: ServiceSpec) -> bool:
    """Tell whether a host is worth asking again: one that did not answer is not."""
    problem = snapshot.hosts[spec.host].problem
    return problem is None or problem.kind in ("failed", "protocol")


def _case(
    spec: ServiceSpec,
    snapshot: Snapshot,
    reach: Reach,
    known: Knowledge,
    condas: Mapping[str, Conda],
    *,
    declared: bool,
) -> Case:
    case = Case(
        spec, snapshot.hosts[spec.host], snapshot.services[spec.name], snapshot.tunnels[spec.name],
        declared=declared, passive=snapshot.passive,
    )  # fmt: skip
    if not _answers(snapshot, spec):
        return case
    log = read_tail(spec.key, spec.host, reach)
    conda = condas.get(spec.host)
    case = replace(case, log=log, conda=replace(conda, declared=spec.conda_env) if conda else None)
    case = _with_answers(case, reach)
    return _with_packages(case, reach, known)


def read_tail(key: str, host: str, reach: Reach) -> Log | Unknown:
    """Read the end of a log: as much as is looked at, however long its lines are."""
    tail = _Tail(MAX_BYTES)
    try:
        there = reach.host(host).call(calls.logs(key, tail=MAX_LINES), stdout_to=tail, max_output=MAX_TAKEN)
    except HelperError as exc:
        return unknown(exc)
    if there is None:
        return read_log(None)
    log = read_log(bytes(tail.kept), cut=tail.cut)
    # With as many lines as were asked for, there may be more before them.
    return replace(log, cut=log.cut or len(log.lines) >= MAX_LINES)


class _Tail(io.BytesIO):
    """Keep the end of what is written: a hostile log must not fill this machine's memory."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.kept = bytearray()
        self.cut = False
        self._size = size

    def write(self, data: Any, /) -> int:
        """Take a piece, and let go of what is no longer the end."""
        self.kept += data
        if len(self.kept) > 2 * self._size:
            self._shorten()
        return len(data)

    def _shorten(self) -> None:
        self.cut = True
        del self.kept[: -self._size]


def _with_answers(case: Case, reach: Reach) -> Case:
    """Ask for the handshake on the host and through this client's connection, each for itself."""
    spec, row = case.spec, case.seen.row
    if case.passive:
        return replace(case, port_open=_port_open(case, reach))
    on_host: Answer | Unknown | None = None
    if row is not None and case.seen.alive and case.seen.state is not State.STARTING:
        on_host = ask(spec, row, reach.host(spec.host))
    file = case.tunnel.file
    through = ask_through(spec, file, reach.client) if isinstance(file, ConnectionFile) else None
    return replace(case, on_host=on_host, through=through)


def _port_open(case: Case, reach: Reach) -> bool | None:
    """Tell whether the port takes connections: to connect is not to use it."""
    row = case.seen.row
    if row is None or row.port is None or not case.seen.alive:
        return None
    try:
        return reach.host(case.spec.host).call(
            calls.verify_port(row.network_interface or "localhost", row.port)
        )
    except HelperError:
        return None


def _conda_of(host: str, reach: Reach) -> Conda:
    try:
        told = reach.host(host).call(calls.conda_info())
    except HelperError as exc:
        return Conda(problem=unknown(exc).reason)
    if told is None:
        return Conda(cached=False)
    listed, base = told.get("envs"), told.get("conda_base")
    environments = tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()
    return Conda(cached=True, environments=environments, base=base if isinstance(base, str) else "")


def _with_packages(case: Case, reach: Reach, known: Knowledge) -> Case:
    """Find the environment it was launched from, and on this machine what is installed there."""
    tracebacks = case.log.tracebacks if isinstance(case.log, Log) else ()
    prefix = next(iter(prefixes(tracebacks)), "")
    if case.spec.host != LOCAL:
        return replace(case, prefix=prefix)
    of_process = _of_process(case, reach)
    # A path that only a log names is not followed (S10), unless it is a known environment.
    trusted = of_process or (prefix if prefix in _known_environments(case) else "")
    owner = known.owners.get(case.spec.type)
    wanted = (owner.package, *owner.depends) if owner is not None else ()
    found = installed(trusted, wanted) if trusted else ()
    return replace(case, prefix=of_process or prefix, installed=found)


def _known_environments(case: Case) -> tuple[str, ...]:
    conda = case.conda or Conda()
    return (sys.prefix, conda.base, *conda.environments)


def _of_process(case: Case, reach: Reach) -> str:
    """Give the environment of a live process of this machine: where its Python lies."""
    pid = case.seen.pid if case.seen.alive else None
    found = reach.client.evidence(pid) if pid is not None else None
    program = found.command[0] if found is not None and found.command else ""
    folder, binary, _ = program.rpartition("/bin/")
    return folder if binary else ""
