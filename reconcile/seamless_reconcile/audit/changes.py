"""What is new and what is gone between the looks of a watch. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seamless_reconcile.audit.scene import Finding, Scene

Place = tuple[str, str, str, int]
"""What makes two findings the same one: rule, host, resource, and which of several of these."""

LAST_GONE = 5
"""How many of those that are gone are remembered for people."""


@dataclass(frozen=True, slots=True)
class Held:
    """A finding, and since when it is there.

    Attributes:
        since: when it was first found, wall clock, seconds.
        doubtful: its host could not be asked at the last look: whether it is still so is unknown (S2).
    """

    finding: Finding
    since: float
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """A finding that is no more."""

    finding: Finding
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Round:
    """What one look made of what was known.

    Attributes:
        held: everything that is there, the gravest first.
        new, gone: what changed at this look.
        doubted: what could not be told any more since this look.
        lately: what went last, the latest first.
        when: of the look, wall clock, seconds.
        looks: how many there were.
    """

    held: Mapping[Place, Held] = field(default_factory=dict)
    new: tuple[Held, ...] = ()
    gone: tuple[Gone, ...] = ()
    doubted: tuple[Held, ...] = ()
    lately: tuple[Gone, ...] = ()
    when: float = 0.0
    looks: int = 0


def advance(before: Round, scene: Scene, found: Sequence[Finding], when: float) -> Round:
    """Give the next round.

    Nothing is gone because nobody could look: what was found of a host that is away is kept.
    """
    now = _placed(found)
    held: dict[Place, Held] = {}
    for place, finding in now.items():
        known = before.held.get(place)
        held[place] = Held(finding, known.since if known else when)
    missing = {place: known for place, known in before.held.items() if place not in now}
    for place, known in missing.items():
        if _in_doubt(scene, known.finding):
            held[place] = Held(known.finding, known.since, doubtful=True)
    gone = tuple(
        Gone(known.finding, known.since, when) for place, known in missing.items() if place not in held
    )
    doubted = [one for place, one in held.items() if one.doubtful and not before.held[place].doubtful]
    return Round(
        dict(sorted(held.items(), key=lambda item: (item[1].finding.severity.rank, item[0]))),
        tuple(one for place, one in held.items() if place not in before.held),
        gone,
        tuple(doubted),
        (*gone, *before.lately)[:LAST_GONE],
        when,
        before.looks + 1,
    )


def _placed(found: Sequence[Finding]) -> dict[Place, Finding]:
    placed: dict[Place, Finding] = {}
    for finding in found:
        number = 0
        while (place := (finding.rule.id, finding.host, finding.resource, number)) in placed:
            number += 1
        placed[place] = finding
    return placed


def _in_doubt(scene: Scene, finding: Finding) -> bool:
    """Tell whether a finding is only missing because its host, or this machine's side, was not readable."""
    if finding.rule.untold:
        return False
    ours = finding.rule.id.startswith("R2")
    return not scene.complete(finding.host) or (ours and scene.client_problem is not None)
