"""What a check gives, and how a whole examination ended: values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from seamless_reconcile.doctor.catalogue import CHECKS, Check


class Status(str, Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"  # it works, but will bite
    FIX = "fix"  # it stands in the way
    UNKNOWN = "unknown"  # could not be told
    SKIPPED = "skipped"  # there was nothing to check, or something before it stands in the way


@dataclass(frozen=True, slots=True)
class Checked:
    """How one check ended.

    Attributes:
        seen: what was seen, one line; text from hosts in it is untrusted.
        remedy: what to do; empty where there is nothing.
        where: on which machine to do it: "here", or the host's name.
        evidence: what it was concluded from.
    """

    check: Check
    status: Status
    seen: str
    remedy: str = ""
    where: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


HERE = "here"


def ok(id_: str, seen: str, **evidence: Any) -> Checked:
    """Give a check that passed."""
    return Checked(CHECKS[id_], Status.OK, seen, evidence=_told(evidence))


def skipped(id_: str, why: str) -> Checked:
    """Give a check that was left out, and why."""
    return Checked(CHECKS[id_], Status.SKIPPED, why)


def warn(id_: str, seen: str, remedy: str, where: str, **evidence: Any) -> Checked:
    """Give a check that found something that works, but will bite."""
    return Checked(CHECKS[id_], Status.WARNING, seen, remedy, where, _told(evidence))


def fix(id_: str, seen: str, remedy: str, where: str, **evidence: Any) -> Checked:
    """Give a check that found what stands in the way; it always says what to do, and where."""
    return Checked(CHECKS[id_], Status.FIX, seen, remedy, where, _told(evidence))


def untold(id_: str, seen: str, remedy: str = "", where: str = "", **evidence: Any) -> Checked:
    """Give a check that could not be told."""
    return Checked(CHECKS[id_], Status.UNKNOWN, seen, remedy, where, _told(evidence))


def _told(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in evidence.items() if value not in (None, "", (), [], {})}


def gravest(checks: Iterable[Checked]) -> Status:
    """Give the gravest status among checks; what was skipped does not count."""
    found = {one.status for one in checks}
    return next((status for status in _GRAVITY if status in found), Status.OK)


_GRAVITY = (Status.FIX, Status.UNKNOWN, Status.WARNING)


@dataclass(frozen=True, slots=True)
class HostReport:
    """One host, or this machine, examined.

    Attributes:
        name: the host; "here" for this machine as a client.
        clusters: the clusters that name it.
        seconds: how long it took.
    """

    name: str
    checks: tuple[Checked, ...]
    clusters: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """The gravest of its checks."""
        return gravest(self.checks)

    def count(self, status: Status) -> int:
        """Count the checks that ended so."""
        return sum(1 for one in self.checks if one.status is status)

    @property
    def first(self) -> Checked | None:
        """The first check of the gravest status, where something was found: mostly the cause of the rest."""
        if self.status is Status.OK:
            return None
        return next(one for one in self.checks if one.status is self.status)


@dataclass(frozen=True, slots=True)
class Examination:
    """This machine and all hosts."""

    here: HostReport
    hosts: tuple[HostReport, ...] = ()

    @property
    def reports(self) -> tuple[HostReport, ...]:
        """All, this machine first."""
        return (self.here, *self.hosts)

    def count(self, status: Status) -> int:
        """Count the checks that ended so, everywhere."""
        return sum(report.count(status) for report in self.reports)
