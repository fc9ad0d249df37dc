"""From options to an examination of the real world: this machine and all hosts at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from seamless_reconcile.desired import Desired
from seamless_reconcile.doctor.here import report_here
from seamless_reconcile.doctor.look_here import help_texts, launcher_version, look_here
from seamless_reconcile.doctor.look_host import Asked, look_host
from seamless_reconcile.doctor.patients import patients_of
from seamless_reconcile.doctor.seen import HereSight, HostSight, Patient
from seamless_reconcile.doctor.values import Examination
from seamless_reconcile.doctor.verdicts import report_of
from seamless_reconcile.events import HostRead, OneAtATime, Reading, Reporter
from seamless_reconcile.gathering import AT_ONCE, gather_by
from seamless_reconcile.resolver import resolve_files
from seamless_reconcile.resolver.frontends import Frontend, frontends


def examined(
    files: Sequence[str],
    clusters: Sequence[str],
    hosts: Sequence[str],
    *,
    ssh: Asked,
    timeout: float | None,
    environ: Mapping[str, str],
    reporter: Reporter,
) -> Examination:
    """Find out which hosts, look at them and at this machine, judge.

    Raises:
        ManifestError: a manifest or a cluster is at fault; nothing was contacted.
    """
    folder = str(Path(files[0]).resolve().parent if files else Path.cwd())
    desired = resolve_files(files, environ=environ)[1] if files else Desired({})
    named = frontends(clusters, folder=folder, environ=environ)
    patients = patients_of(desired, [*named, *(Frontend(host) for host in hosts)])
    here, sights = _look(patients, partial(look_here, files, patients, folder=folder, environ=environ),
                         ssh, timeout, OneAtATime(reporter))  # fmt: skip
    return Examination(report_here(here), tuple(report_of(sight) for sight in sights))


def _look(
    patients: Sequence[Patient],
    here: partial[HereSight],
    ssh: Asked,
    timeout: float | None,
    reporter: OneAtATime,
) -> tuple[HereSight, list[HostSight]]:
    """Look at everything at once: a host that is dead holds nobody up."""
    reporter.on_event(Reading(tuple(patient.name for patient in patients)))
    texts, version = help_texts(), launcher_version()

    def visit(patient: Patient) -> HostSight:
        sight = look_host(patient, ssh, timeout=timeout, local_help=texts, version=version)
        first = None if sight.reached else report_of(sight).first
        reporter.on_event(HostRead(patient.name, sight.seconds, first.seen if first else ""))
        return sight

    gather = gather_by(AT_ONCE)
    looks: list[Callable[[], HereSight | HostSight]] = [here, *(partial(visit, p) for p in patients)]
    mine, *theirs = gather(looks)
    return cast("HereSight", mine), cast("list[HostSight]", theirs)
