"""The full product of what can be there and what can be wished, and the sets of it that cover.

A chain is tunnel → service → cache. What cannot be, or is the same as another tuple, is left out by a rule
with its reason; nothing else is.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from world.cases import CACHES, CLIENTS, PORTS, PROCESSES, STATES, TUNNELS, Case
from world.world import LOCAL

T = TypeVar("T")

SEED = 20_240_229
CACHES_AND_UNKNOWN = (*CACHES, "unknown")
DIMENSIONS = (STATES, PROCESSES, PORTS, TUNNELS, CACHES_AND_UNKNOWN, CLIENTS)


class Wish(NamedTuple):
    """One desired combination; "cold-since" is cold with an epoch."""

    state: str
    cache: str
    tunnel: str

    def __str__(self) -> str:
        return "/".join(self)


WISHES = tuple(
    Wish(*wish)
    for wish in itertools.product(
        ("running", "stopped", "absent"), ("keep", "cold", "cold-since", "warm"), ("open", "closed")
    )
)


class Impossible(NamedTuple):
    """Tuples that are left out.

    Attributes:
        reason: why they cannot be, or which other tuple is the very same world.
        fits: whether a tuple on a host, for a type of service, is one.
    """

    reason: str
    fits: Callable[[Case, str, str], bool]


def _no_file_names_a_pid(case: Case, host: str, type_: str) -> bool:
    return case.state in ("absent", "dry-run") and case.process in ("reused", "other")


def _nothing_names_the_port(case: Case, host: str, type_: str) -> bool:
    return (
        case.state in ("absent", "starting")
        and case.port == "stranger"
        and case.client in ("absent", "malformed")
        and case.tunnel in ("none", "misrouted")
    )


def _no_forward_on_this_machine(case: Case, host: str, type_: str) -> bool:
    return host == LOCAL and case.tunnel != "none"


def _new_is_empty(case: Case, host: str, type_: str) -> bool:
    return type_ == "hashserver" and case.cache == "pristine"


IMPOSSIBLE = {
    "a pid that no file names": Impossible(
        "Without a state file, or after a dry run, no pid is on record: that somebody else has it, or has"
        " got it again, means nothing.",
        _no_file_names_a_pid,
    ),
    "a stranger on a port that nothing names": Impossible(
        "No state file, connection file or forward leads to the port: who has it is not part of the chain.",
        _nothing_names_the_port,
    ),
    "a forward on this machine": Impossible(
        "Services of this machine are reached without a forward.",
        _no_forward_on_this_machine,
    ),
    "a pristine hashserver cache": Impossible(
        "A hashserver leaves nothing but its marker: pristine is empty. Only databases have a fresh file.",
        _new_is_empty,
    ),
}


def impossible(case: Case, host: str, type_: str) -> str | None:
    """Give the name of the rule that leaves a tuple out; None if it is part of the product."""
    return next((name for name, rule in IMPOSSIBLE.items() if rule.fits(case, host, type_)), None)


def every_tuple() -> Iterator[Case]:
    """Give every combination of the six dimensions, the impossible ones included."""
    return (Case(*combination) for combination in itertools.product(*DIMENSIONS))


@functools.cache
def possible(host: str, type_: str) -> tuple[Case, ...]:
    """Give the initial states of a chain, in the order of the product."""
    return tuple(case for case in every_tuple() if impossible(case, host, type_) is None)


def covering(items: Sequence[Sequence[T]], strength: int, seed: int = SEED) -> list[int]:
    """Choose items so that every combination of that many fields of any item is in a chosen one.

    Args:
        items: what to choose from, each a sequence of fields.
        strength: 2 for all pairs of fields, 3 for all triples.
        seed: what decides between equals.

    Returns:
        The places of the chosen ones, ascending.
    """
    order = list(range(len(items)))
    random.Random(seed).shuffle(order)  # noqa: S311 - reproducible
    fields = list(itertools.combinations(range(len(items[0])), strength))
    covered: set[tuple[object, ...]] = set()
    chosen = []
    for place in order:
        item = items[place]
        new = {(which, *(item[i] for i in which)) for which in fields} - covered
        if new:
            covered |= new
            chosen.append(place)
    return sorted(chosen)


def fields_of(case: Case) -> tuple[str, ...]:
    """Give the six dimensions of an initial state."""
    return case.state, case.process, case.port, case.tunnel, case.cache, case.client
