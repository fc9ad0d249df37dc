"""What is: proven present, proven absent, or unknown with its reason. Unknown is never absent (S2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Present(Generic[T]):
    """Something that was seen."""

    value: T


@dataclass(frozen=True, slots=True)
class Absent:
    """Something proven not to be there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be told.

    Attributes:
        reason: one line for people, safe to print.
        kind: the kind of error that stood in the way (see `rhl_helpers.errors`).
        hint: what to do about it.
        refused_marker: the guard refused because the directory has no marker.
        refused_policy: the guard's path policy refused.
    """

    reason: str
    kind: str = "error"
    hint: str = ""
    refused_marker: bool = False
    refused_policy: bool = False
