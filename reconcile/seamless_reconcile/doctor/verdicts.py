"""All rules of a host together, and how a whole examination ended. Pure."""

from __future__ import annotations

from seamless_reconcile.doctor.helpers import helper_checks
from seamless_reconcile.doctor.policy import policy_checks
from seamless_reconcile.doctor.reach import reach_checks
from seamless_reconcile.doctor.seen import HostSight
from seamless_reconcile.doctor.surroundings import surrounding_checks
from seamless_reconcile.doctor.values import Examination, HostReport, Status
from seamless_reconcile.exits import Exit


def report_of(sight: HostSight) -> HostReport:
    """Judge everything that was seen of a host."""
    checks = (
        *reach_checks(sight),
        *helper_checks(sight),
        *policy_checks(sight),
        *surrounding_checks(sight),
    )
    return HostReport(sight.patient.name, checks, sight.patient.clusters, sight.seconds)


def exit_of(examination: Examination) -> Exit:
    """Give the exit code: something to fix goes before something that could not be told."""
    if examination.count(Status.FIX):
        return Exit.CHANGES
    return Exit.UNKNOWN if examination.count(Status.UNKNOWN) else Exit.OK
