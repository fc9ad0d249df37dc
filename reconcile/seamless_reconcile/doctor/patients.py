"""Which hosts are examined, and what is asked of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.declared import ServiceState
from seamless_reconcile.desired import Desired, ServiceSpec
from seamless_reconcile.doctor.seen import Patient
from seamless_reconcile.resolver.frontends import Frontend


def patients_of(desired: Desired, machines: Sequence[Frontend]) -> tuple[Patient, ...]:
    """Put together what a manifest, clusters and the user ask of each host, in order of first mention."""
    drafts: dict[str, _Draft] = {}
    for spec in desired.services.values():
        _take_spec(drafts.setdefault(spec.host, _Draft()), spec)
    for machine in machines:
        _take_machine(drafts.setdefault(machine.host, _Draft()), machine)
    return tuple(draft.patient(name) for name, draft in drafts.items())


@dataclass(slots=True)
class _Draft:
    hostname: str | None = None
    tunnelled: bool = False
    clusters: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)

    def patient(self, name: str) -> Patient:
        return Patient(
            name,
            self.hostname if name != LOCAL else None,
            self.tunnelled,
            _once(self.clusters),
            _once(self.folders),
            tuple(root for root in _once(self.roots) if root not in self.folders),
            _once(self.environments),
            _once(self.programs),
        )


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _take_spec(draft: _Draft, spec: ServiceSpec) -> None:
    draft.hostname = draft.hostname or spec.hostname
    draft.tunnelled = draft.tunnelled or spec.tunnelled
    cluster = spec.identity.get("cluster")
    draft.clusters += [cluster] if cluster else []
    draft.folders.append(spec.cache.path if spec.cache is not None else spec.workdir)
    if spec.state is not ServiceState.RUNNING:
        # What is to be down needs neither an environment nor a program.
        return
    if spec.conda_env:
        draft.environments.append(spec.conda_env)
    else:
        draft.programs += spec.argv[:1]


def _take_machine(draft: _Draft, machine: Frontend) -> None:
    draft.hostname = draft.hostname or machine.hostname
    draft.tunnelled = draft.tunnelled or machine.tunnelled
    draft.clusters += [machine.cluster] if machine.cluster else []
    draft.roots += machine.folders
    draft.environments += machine.environments
