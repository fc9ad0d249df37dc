"""What an audit finds of services. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from rhl_helpers.rows import ServerRow
from seamless_reconcile import __version__
from seamless_reconcile.audit.scene import LOOPBACK, Finding, Scene, finding
from seamless_reconcile.declared import LAUNCHER_TYPE
from seamless_reconcile.desired import ServiceSpec
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.kinds.wiring import Wire, miswired

IDLE_SOON = 120.0
"""Seconds without a request after which a service ends by itself: less is worth a note."""
_SHOWN = 3

_BY_STATE = {
    State.STALE: "R102",
    State.FAILED: "R103",
    State.UNHEALTHY: "R104",
    State.MALFORMED: "R106",
    State.UNKNOWN: "R113",
}


def service_findings(scene: Scene) -> Iterator[tuple[str, Finding]]:
    """Give the findings of all services, each with the service's name."""
    roots: dict[str, Finding] = {}
    for name, spec in scene.desired.services.items():
        root = _root(scene, spec)
        if root is not None:
            roots[name] = root
            yield name, root
    for name, spec in scene.desired.services.items():
        seen = scene.snapshot.services[name]
        wrong = _miswired(scene, spec, seen, roots)
        if wrong:
            yield name, _about("R107", scene, spec, seen, wrong)
        for found in _notes(scene, spec, seen):
            yield name, found


def _about(rule: str, scene: Scene, spec: ServiceSpec, seen: ServiceObserved, message: str) -> Finding:
    found = finding(
        rule, scene.address("service", spec.name), spec.host, message,
        key=spec.key, state=seen.state.value, pid=seen.pid, port=seen.port, hint=seen.hint,
    )  # fmt: skip
    if not seen.hint or rule not in _HINTED or spec.name not in scene.declared:
        return found
    # Apply would be blocked: the hint says what a person must do first.
    return replace(found, steps=(*found.steps[:-1], seen.hint))


_HINTED = frozenset({"R104", "R105", "R106", "R108", "R112"})
_SERVED = frozenset({State.RUNNING, State.MISWIRED, State.UNHEALTHY})
"""States whose own process is known: whatever is hidden beside it is a second one."""
_WELL = frozenset({State.RUNNING, State.MISWIRED, State.STARTING})
"""States in which the pid is the service's: what stops it stops nothing else."""


# --- what is wrong with it -----------------------------------------------------------------


def _root(scene: Scene, spec: ServiceSpec) -> Finding | None:
    """Find what is wrong with a service itself, if anything."""
    seen = scene.snapshot.services[spec.name]
    rule = _rule(scene, spec, seen)
    if rule:
        return _about(rule, scene, spec, seen, (seen.reason or seen.state.value) + _idled(seen))
    declared = scene.resource(f"service.{spec.name}") if spec.name in scene.declared else None
    if declared is None or seen.state in (State.UNKNOWN, State.MISWIRED) or not declared.changes:
        return None
    said = [f"{c.path} is {c.observed}, should be {c.desired}" for c in declared.changes[:_SHOWN]]
    more = len(declared.changes) - _SHOWN
    message = ", ".join(said) + (f" and {more} more" if more > 0 else "")
    blocked = next((one for one in scene.plan.blocked if one.resource == declared.address), None)
    if blocked is None:
        return _about("R101", scene, spec, seen, message)
    # Apply alone would do nothing about it.
    found = _about("R101", scene, spec, seen, f"{message}; blocked: {blocked.reason}")
    return replace(found, steps=(found.steps[0], blocked.hint)) if blocked.hint else found


def _rule(scene: Scene, spec: ServiceSpec, seen: ServiceObserved) -> str | None:
    if seen.life is Life.HIDDEN:
        return "R117" if seen.state in _SERVED else "R108"
    if scene.settled(f"service.{spec.name}"):
        # As declared: a stopped service keeps its state file for its log.
        return None
    row = seen.row
    if seen.state is State.UNKNOWN and not scene.complete(spec.host):
        return None  # the host's own finding says why
    if seen.state is State.STALE and row is not None:
        if row.json_status == "starting":
            return "R105"
        if row.json_status == "stale" and spec.name not in scene.declared:
            return None  # rhl-stop wrote that: stopped on purpose
    if seen.state is State.UNHEALTHY and row is not None:
        if "claims the same port" in seen.reason:
            return "R112"
        if row.json_status == "starting":
            return "R105"
    return _BY_STATE.get(seen.state)


def _idled(seen: ServiceObserved) -> str:
    """Say that a process which is gone may have ended by itself: it does so without a request."""
    idle = idle_timeout(seen.command)
    ran = seen.state is State.STALE and seen.row is not None and seen.row.json_status == "running"
    return f"; it ends by itself after {idle:g} s without a request" if ran and idle and idle > 0 else ""


# --- wires ---------------------------------------------------------------------------------


def _miswired(scene: Scene, spec: ServiceSpec, seen: ServiceObserved, roots: Mapping[str, Finding]) -> str:
    """Say how a jobserver is miswired; empty if it is not, or if that follows from another finding."""
    if seen.state is State.MISWIRED:
        follows = any(upstream.name in roots for upstream in spec.upstream)
        return "" if follows else seen.reason
    if spec.name in scene.declared or seen.state is not State.RUNNING or seen.row is None:
        return ""
    known = _within_sight(scene, spec, seen.row)
    wires = [Wire(role, role, None) for role in known]
    return miswired(known, wires, _ports(scene, roots))


def _within_sight(scene: Scene, spec: ServiceSpec, row: ServerRow) -> dict[str, Any]:
    """Give the recorded addresses that lead to hosts whose services were all seen.

    Of others nothing is known, so nothing is said (S2).
    """

    def leads(entry: Any) -> bool:
        url = entry.get("remote_url") or entry.get("url") if isinstance(entry, dict) else None
        try:
            name = urlsplit(url).hostname if isinstance(url, str) else None
        except ValueError:
            return False
        host = (
            spec.host
            if name in LOOPBACK or name == row.network_interface
            else scene.addresses.get(name or "")
        )
        return scene.complete(host)

    return {
        role: [entry for entry in entries if leads(entry)]
        for role in ("database", "buffer")
        if isinstance(entries := row.parameters.get(role), list)
    }


def _ports(scene: Scene, roots: Mapping[str, Finding]) -> frozenset[int]:
    """Give the ports where something lives, or whose service has a finding of its own."""
    live = {
        row.port
        for facts in scene.snapshot.hosts.values()
        for row in facts.rows.values()
        if row.live is not False and row.port
    }
    told = {row.port for name in roots if (row := scene.snapshot.services[name].row) and row.port}
    return frozenset(live | told)


# --- what is worth knowing -----------------------------------------------------------------


def _notes(scene: Scene, spec: ServiceSpec, seen: ServiceObserved) -> Iterator[Finding]:
    declared = spec.name in scene.declared
    if not declared and scene.declared:
        yield _unmanaged(scene, spec, seen)
    if (
        seen.state in _WELL
        and seen.row is not None
        and not seen.row.meta
        and (spec.meta or _ought_to_have_meta(spec, declared))
    ):
        yield _about("R109", scene, spec, seen, f"the state file of {spec.key} has no meta")
    idle = idle_timeout(seen.command)
    if seen.state is State.RUNNING and idle is not None and 0 < idle < IDLE_SOON:
        yield _about("R111", scene, spec, seen, f"it ends after {idle:g} s without a request")
    unused = scene.besides.unused.get((spec.host, spec.key))
    if unused is not None and idle is not None and idle >= IDLE_SOON > idle - unused:
        left = max(0.0, idle - unused)
        yield _about("R118", scene, spec, seen, f"not used for {unused:.0f} s, it ends in about {left:.0f} s")
    by = seen.reconcile_meta.get("version")
    if seen.alive and isinstance(by, str) and by != __version__:
        yield _about("R114", scene, spec, seen, f"launched by seamless-reconcile {by}; this is {__version__}")
    whose = _another(spec, seen.row) if declared and seen.row is not None else ""
    if whose:
        yield _about("R115", scene, spec, seen, f"the service that has the key {spec.key} is of {whose}")
    elsewhere = _elsewhere(scene, spec, seen)
    if elsewhere:
        also = ", ".join(elsewhere)
        yield _about("R116", scene, spec, seen, f"{spec.key} lives here and on {also}")


def _unmanaged(scene: Scene, spec: ServiceSpec, seen: ServiceObserved) -> Finding:
    found = _about("R110", scene, spec, seen, f"{spec.key} is {_word(seen)}, and no manifest names it")
    # rhl-stop signals whatever pid the file holds: it is named only where that is the service's own (S2).
    return (
        found
        if seen.state in _WELL
        else replace(found, steps=(found.steps[0], "take its entry into the manifest"))
    )


_IDENTITY = ("service", "cluster", "project", "subproject", "stage", "substage", "mode")


def _another(spec: ServiceSpec, row: ServerRow) -> str:
    """Say of which other deployment a row is than the manifest's service of its key; empty if of the same."""
    said = [name for name in _IDENTITY if row.meta.get(name) is not None or spec.meta.get(name) is not None]
    if not row.meta.get("service") or not spec.meta.get("service"):
        return ""  # no meta is no other deployment
    differ = [name for name in said if (row.meta.get(name) or None) != (spec.meta.get(name) or None)]
    return ", ".join(f"{name} {row.meta.get(name) or 'none'}" for name in differ)


def _elsewhere(scene: Scene, spec: ServiceSpec, seen: ServiceObserved) -> list[str]:
    """Name the other hosts where a service of this key lives; told of all but the one that clients follow."""
    if not seen.alive or seen.row is None:
        return []
    hosts = {
        other.host: other.name
        for other in scene.desired.services.values()
        if other.key == spec.key
        and scene.snapshot.services[other.name].alive
        and scene.snapshot.services[other.name].row is not None
    }
    declared = [host for host, name in hosts.items() if name in scene.declared]
    followed = [scene.leads_to(spec.key)] if scene.leads_to(spec.key) in hosts else []
    kept = (declared or followed or sorted(hosts))[:1]
    return [host for host in sorted(hosts) if host != spec.host] if spec.host not in kept else []


def _ought_to_have_meta(spec: ServiceSpec, declared: bool) -> bool:
    return not declared and spec.type != LAUNCHER_TYPE


def _word(seen: ServiceObserved) -> str:
    stopped = seen.state is State.STALE and seen.row is not None and seen.row.json_status == "stale"
    return "stopped" if stopped else seen.state.value


def idle_timeout(command: Sequence[str]) -> float | None:
    """Give the seconds after which a command line's service ends when idle; None if it does not tell."""
    for place, word in enumerate(command):
        value = word.removeprefix("--timeout=") if word.startswith("--timeout=") else ""
        if word == "--timeout" and place + 1 < len(command):
            value = command[place + 1]
        try:
            if value:
                return float(value)
        except ValueError:
            return None
    return None
