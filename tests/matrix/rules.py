"""A table of rules over tuples: exactly one rule fits each tuple, and each rule fits some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
E = TypeVar("E")


@dataclass(frozen=True)
class Rule(Generic[T, E]):
    """One documented rule.

    Attributes:
        name: what it says.
        fits: whether a tuple falls under it; the rules exclude each other.
        expected: what must come of such a tuple.
    """

    name: str
    fits: Callable[[T], bool]
    expected: E


def the_rule(rules: Iterable[Rule[T, E]], case: T) -> Rule[T, E]:
    """Give the one rule that fits; none or several are a hole or a contradiction in the table."""
    found = [rule for rule in rules if rule.fits(case)]
    assert len(found) == 1, f"{case}: {[rule.name for rule in found]}"
    return found[0]


def each_is_hit(rules: Iterable[Rule[T, E]], cases: Iterable[T]) -> Counter[str]:
    """Count how often each rule fits; fails for one that never does."""
    rules = list(rules)
    hits = Counter(the_rule(rules, case).name for case in cases)
    assert set(hits) == {rule.name for rule in rules}
    return hits
