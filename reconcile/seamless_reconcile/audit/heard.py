"""What services answered, kept between the looks of a watch. Pure.

A handshake counts as use: asked at every look, an idle service would live for ever (S6). So a watch asks
each process once. What it answered holds as long as nothing that can be seen without asking has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seamless_reconcile.desired import Desired
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.kinds.tunnel import TunnelObserved
from seamless_reconcile.snapshot import Snapshot

ASK_AGAIN = 1800.0
"""Seconds after which a hidden process is asked again: until then it can end by itself, being idle."""

_ANSWERS = (State.RUNNING, State.MISWIRED)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one service was when it was asked.

    Attributes:
        looked: what was seen of it without asking.
        when: by a clock that only goes forward, seconds.
    """

    looked: tuple[Any, ...]
    service: ServiceObserved
    tunnel: TunnelObserved
    when: float


class Heard:
    """The answers of all services, by host and key; as many as there are services."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], _Answer] = {}

    def unasked(self, desired: Desired, snapshot: Snapshot, now: float) -> Desired:
        """Give the services that are to be asked now.

        Those that changed since, those that did not answer well, and those that are starting: to look
        at these is no use.
        """
        names = [name for name in desired.services if self._wants(desired, name, snapshot, now)]
        # Without what they require: that would be asked along.
        return Desired({name: replace(desired.services[name], upstream=()) for name in names})

    def _wants(self, desired: Desired, name: str, snapshot: Snapshot, now: float) -> bool:
        spec, seen = desired.services[name], snapshot.services[name]
        known = self._answers.get((spec.host, spec.key))
        if seen.state is State.UNKNOWN:
            return False
        if known is None or seen.state is State.STARTING or known.looked != _looked(name, snapshot):
            return True
        if known.service.life is Life.HIDDEN:
            return now - known.when >= ASK_AGAIN
        return not _agree(known.service, seen) or known.tunnel.state is not snapshot.tunnels[name].state

    def remember(self, desired: Desired, snapshot: Snapshot, asked: Snapshot, now: float) -> None:
        """Take what those said that were asked; forget those that are no more."""
        for name in asked.services:
            spec = desired.services[name]
            answer = _Answer(_looked(name, snapshot), asked.services[name], asked.tunnels[name], now)
            self._answers[spec.host, spec.key] = answer
        there = {(spec.host, spec.key) for spec in desired.services.values()}
        self._answers = {place: answer for place, answer in self._answers.items() if place in there}

    def filled(self, desired: Desired, snapshot: Snapshot) -> Snapshot:
        """Put what was heard into what was seen without asking."""
        services: dict[str, ServiceObserved] = dict(snapshot.services)
        tunnels: dict[str, TunnelObserved] = dict(snapshot.tunnels)
        for name, spec in desired.services.items():
            known = self._answers.get((spec.host, spec.key))
            if known is None or known.looked != _looked(name, snapshot):
                continue
            seen, way = services[name], tunnels[name]
            # What it requires may have changed since it was asked, so its own wiring is judged anew.
            services[name] = (
                replace(seen, verified=known.service.verified)
                if _agree(known.service, seen) and known.service.life is not Life.HIDDEN
                else known.service
            )
            same = known.tunnel.state is way.state
            tunnels[name] = replace(way, verified=known.tunnel.verified) if same else known.tunnel
        return replace(snapshot, services=services, tunnels=tunnels, passive=False)


def _agree(heard: ServiceObserved, seen: ServiceObserved) -> bool:
    return heard.state is seen.state or (heard.state in _ANSWERS and seen.state in _ANSWERS)


def _looked(name: str, snapshot: Snapshot) -> tuple[Any, ...]:
    """Give what can be seen of a service without asking it: whatever changes here is worth a question."""
    seen, way = snapshot.services[name], snapshot.tunnels[name]
    row: Mapping[str, Any] = seen.row.model_dump() if seen.row is not None else {}
    state = State.RUNNING if seen.state is State.MISWIRED else seen.state
    return state, row, way.state, way.file, way.forwards
