"""What happens to each service: left, started, restarted, stopped, removed, or blocked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from seamless_reconcile.declared import CacheState, ServiceState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.kinds.cache import CacheNode
from seamless_reconcile.kinds.service import Life, ServiceObserved, State, same_command
from seamless_reconcile.plan import Verdict
from seamless_reconcile.planner.clears import Clear
from seamless_reconcile.safety import Refusal
from seamless_reconcile.snapshot import Snapshot

# A URL without a path, as recorded in parameters.
_PORT_AT_END = re.compile(r":(\d+)'")


class Fate(Enum):
    """What the plan does with one service."""

    LEAVE = "leave"
    START = "start"
    RESTART = "restart"
    STOP = "stop"
    REMOVE = "remove"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Decision:
    """A service's fate and why."""

    fate: Fate
    cause: str = ""
    refusal: Refusal | None = None
    unknown: bool = False

    @property
    def moves(self) -> bool:
        """Whether it comes up anew, on a port nobody knows yet."""
        return self.fate in (Fate.START, Fate.RESTART)


def decide_fates(
    desired: Desired,
    snapshot: Snapshot,
    clears: Mapping[str, Clear],
    *,
    order: Iterable[str],
    wanted: frozenset[str] | None,
    replace: frozenset[str],
) -> dict[str, Decision]:
    """Decide for every service, what it requires first.

    Args:
        desired: the manifest.
        snapshot: what is.
        clears: what becomes of the caches.
        order: all names, a service after everything it requires.
        wanted: addresses that may be changed for their own sake; None for all. What follows from
            such a change is done in any case.
        replace: addresses to replace although nothing is wrong with them.
    """
    ground = {name: node for node in snapshot.nodes for name in node.services}
    taken: dict[str, str] = {}
    for cache, clear in clears.items():
        for name in clear.down if clear.needed else ():
            taken.setdefault(name, cache)
    round_ = _Round(desired, snapshot, clears, wanted, replace, ground, taken, {})
    for name in order:
        round_.decided[name] = round_.decide(desired.services[name])
    return {name: round_.decided[name] for name in desired.services}


@dataclass(frozen=True, slots=True)
class _Round:
    """The inputs of one round of decisions, and what was decided so far."""

    desired: Desired
    snapshot: Snapshot
    clears: Mapping[str, Clear]
    wanted: frozenset[str] | None
    replace: frozenset[str]
    # By service: the cache it keeps its data in, and the first cache that is cleared under it.
    ground: Mapping[str, CacheNode]
    taken_down: Mapping[str, str]
    decided: dict[str, Decision]

    def decide(self, spec: ServiceSpec) -> Decision:
        """Decide one service."""
        seen = self.snapshot.services[spec.name]
        if seen.state is State.UNKNOWN:
            return Decision(Fate.BLOCKED, refusal=Refusal(seen.reason, seen.hint), unknown=True)
        if spec.state is ServiceState.RUNNING:
            return self._run(spec, seen)
        return self._end(spec, seen)

    # --- should run ------------------------------------------------------------------------

    def _run(self, spec: ServiceSpec, seen: ServiceObserved) -> Decision:
        own, follow = self._own_cause(spec, seen), self._consequence(spec, seen)
        if not own and not follow:
            return Decision(Fate.LEAVE)
        if not follow and not self._is_wanted(spec):
            return Decision(Fate.LEAVE, cause=own)
        refusal = self._cannot_stop(spec, seen) or self._cannot_start(spec)
        if refusal:
            unknown = any(self.decided[d].unknown for d in spec.dependencies if d in self.decided)
            return Decision(Fate.BLOCKED, own or follow, refusal, unknown=unknown)
        if seen.alive and spec.protect:
            return Decision(
                Fate.BLOCKED,
                own or follow,
                Refusal(f"it is protected, and would be restarted: {own or follow}"),
            )
        return Decision(Fate.RESTART if seen.alive else Fate.START, own or follow)

    def _own_cause(self, spec: ServiceSpec, seen: ServiceObserved) -> str:
        """Say what is wrong with the service itself; empty if nothing is."""
        if f"service.{spec.name}" in self.replace:
            return "asked for with --replace"
        if seen.state not in (State.RUNNING, State.STARTING):
            return f"is {seen.state.value}" + (f": {seen.reason}" if seen.reason else "")
        if seen.state is State.RUNNING and not same_command(spec.argv, seen.command):
            return "was launched with another command line"
        conda = seen.reconcile_meta.get("conda")
        if seen.launch_id is not None and conda != spec.conda_env:
            return f"was launched in the conda environment {conda}"
        return ""

    def _consequence(self, spec: ServiceSpec, seen: ServiceObserved) -> str:
        """Say which other change takes this service down; empty if none does."""
        if spec.name in self.taken_down:
            return f"cache.{self.taken_down[spec.name]} is cleared"
        if not seen.alive:
            return ""
        for upstream in spec.upstream:
            if upstream.name is not None and self.decided[upstream.name].moves:
                return f"service.{upstream.name} comes up on another port"
            if upstream.name is not None and self.decided[upstream.name].fate in (Fate.STOP, Fate.REMOVE):
                return f"service.{upstream.name} is stopped"
        return ""

    def _is_wanted(self, spec: ServiceSpec) -> bool:
        return self.wanted is None or f"service.{spec.name}" in self.wanted

    def _cannot_stop(self, spec: ServiceSpec, seen: ServiceObserved) -> Refusal | None:
        """S2, S4: what cannot be shown to be this service is neither stopped nor replaced."""
        if seen.life is Life.HIDDEN:
            return Refusal(seen.reason, seen.hint)
        if seen.alive and not seen.readable and spec.state is ServiceState.STOPPED:
            return Refusal(
                f"{seen.reason}; a malformed state file leads rhl-stop to no process",
                "stop it by hand on that host, or declare it absent and plan with --replace",
            )
        if seen.life is Life.UNPROVEN and f"service.{spec.name}" not in self.replace:
            whose = f"; nothing shows that process {seen.pid} is this service" if seen.pid else ""
            return Refusal(seen.reason + whose, seen.hint)
        return None

    def _cannot_start(self, spec: ServiceSpec) -> Refusal | None:
        """L3: what is blocked below blocks the launch above."""
        node = self.ground.get(spec.name)
        refusal = self._bad_ground(spec, node) if node else None
        if refusal:
            return refusal
        for name in spec.dependencies:
            if self.desired.services[name].state is not ServiceState.RUNNING:
                continue
            decision = self.decided[name]
            if decision.fate is Fate.BLOCKED and not self._serves(name):
                why = decision.refusal.reason if decision.refusal else ""
                return Refusal(
                    f"requires service.{name}, which is {'unknown' if decision.unknown else 'blocked'}: {why}"
                )
            if decision.fate is Fate.LEAVE and not self._serves(name):
                return Refusal(f"requires service.{name}, which is not running and not targeted")
        return self._no_upstream(spec)

    def _bad_ground(self, spec: ServiceSpec, node: CacheNode) -> Refusal | None:
        """Say why nothing is launched on a directory; None if it may be."""
        clear, seen = self.clears[node.name], self.snapshot.caches[node.name]
        if node.state is CacheState.COLD and clear.refusal:
            state = "unknown" if clear.verdict is Verdict.UNKNOWN else "blocked"
            return Refusal(f"requires {node.address}, which is {state}: {clear.refusal.reason}")
        if seen.refused and spec.workdir.rstrip("/") == node.path:
            # The guard holds a launch's directory against the same policy.
            return Refusal(f"it would be launched in {node.path}: {seen.reason}", seen.hint)
        return None

    def _serves(self, name: str) -> bool:
        """Tell whether a service that is not touched can be used as it is."""
        return self.snapshot.services[name].state in (State.RUNNING, State.STARTING)

    def _no_upstream(self, spec: ServiceSpec) -> Refusal | None:
        """A jobserver launched without its services would compute without storage."""
        wiring = self.snapshot.wirings.get(spec.name)
        if wiring is None:
            return None
        if wiring.unknown:
            return Refusal("where its hashserver and database are could not be told")
        for upstream, wire in zip(spec.upstream, wiring.wires, strict=True):
            undeclared = upstream.name is None and wire.url is None
            down = (
                upstream.name is not None
                and self.desired.services[upstream.name].state is not ServiceState.RUNNING
            )
            if undeclared or down:
                return Refusal(
                    f"it needs {upstream.key}, which is not running", "declare that service as running too"
                )
        return None

    # --- should not run --------------------------------------------------------------------

    def _end(self, spec: ServiceSpec, seen: ServiceObserved) -> Decision:
        remove = spec.state is ServiceState.ABSENT
        if not seen.alive and (not remove or seen.state is State.ABSENT):
            return Decision(Fate.LEAVE)
        cause = f"should be {spec.state.value}, is {seen.state.value}"
        if not self._is_wanted(spec) and spec.name not in self.taken_down:
            return Decision(Fate.LEAVE, cause=cause)
        if spec.protect:
            return Decision(Fate.BLOCKED, cause, Refusal(f"it is protected: {cause}"))
        refusal = self._cannot_stop(spec, seen)
        if refusal:
            return Decision(Fate.BLOCKED, cause, refusal)
        return Decision(Fate.REMOVE if remove else Fate.STOP, cause)


def bystanders(
    desired: Desired, snapshot: Snapshot, decided: Mapping[str, Decision]
) -> list[tuple[str, str]]:
    """Warn of undeclared job services that a restart leaves wired to a port that is gone."""
    declared = {(spec.host, spec.key) for spec in desired.services.values()}
    moved = {
        str(seen.port): name
        for name, seen in snapshot.services.items()
        if decided[name].fate not in (Fate.LEAVE, Fate.BLOCKED) and seen.port is not None
    }
    place = {port: index for index, port in enumerate(moved)}
    warnings = []
    for host, facts in snapshot.hosts.items():
        for row in facts.rows.values():
            if (host, row.key) in declared or not row.live:
                continue
            ports = moved.keys() & _PORT_AT_END.findall(repr(row.parameters))
            warnings += [
                (f"service.{moved[port]}", f"{row.key} on {host} is wired to it and will lose it")
                for port in sorted(ports, key=place.__getitem__)
            ]
    return warnings
