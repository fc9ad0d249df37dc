"""Saved plans: written for `apply FILE` and `show FILE`, read back as untrusted input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seamless_reconcile.plan import Action, Plan, Resource, Verb
from seamless_reconcile.planner import Options
from seamless_reconcile.report.json_ import plan_from_dict, plan_to_dict
from seamless_reconcile.state import read_up_to, write_atomically

KIND = "seamless-reconcile plan"
MAX_BYTES = 64 * 1024 * 1024


class PlanFileError(Exception):
    """The file is not a plan this version can read; the message says why."""


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it was saved.

    Attributes:
        files: the manifests it was made from.
        options: what it was narrowed to.
        digest: stands for manifests, environment and resolution.
    """

    plan: Plan
    files: tuple[str, ...]
    options: Options
    digest: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    kind: str
    format_version: int
    files: list[str] = Field(min_length=1, max_length=1000)
    targets: list[str] = Field(max_length=100_000)
    replace: list[str] = Field(max_length=100_000)
    digest: str
    plan: dict[str, Any]


def write_saved(path: Path, saved: SavedPlan) -> None:
    """Write a plan file.

    Raises:
        OSError: it could not be written.
    """
    body = _File(
        kind=KIND,
        format_version=1,
        files=list(saved.files),
        targets=list(saved.options.targets),
        replace=list(saved.options.replace),
        digest=saved.digest,
        plan=plan_to_dict(saved.plan),
    )
    write_atomically(path, (body.model_dump_json(indent=2) + "\n").encode())


def load_saved(path: str | Path) -> SavedPlan:
    """Read a plan file.

    Raises:
        PlanFileError: it is not there, too large, or not a plan.
    """
    try:
        with Path(path).open("rb") as stream:
            data = read_up_to(stream, MAX_BYTES + 1)
    except OSError as exc:
        raise PlanFileError(f"{path}: {exc.strerror or exc}") from None
    if len(data) > MAX_BYTES:
        raise PlanFileError(f"{path}: larger than any plan")
    try:
        body = _File.model_validate(json.loads(data))
        plan = plan_from_dict(body.plan)
    except (ValidationError, ValueError, RecursionError) as exc:
        first = str(exc).splitlines()[0] if str(exc) else "not JSON"
        raise PlanFileError(f"{path}: not a saved plan: {first}") from None
    if body.kind != KIND or body.format_version != 1:
        raise PlanFileError(f"{path}: not a saved plan of a version this program reads")
    options = Options(tuple(body.targets), tuple(body.replace))
    return SavedPlan(plan, tuple(body.files), options, body.digest)


# What these are planned on is what their resource is shown as.
_SHOWN = frozenset({Verb.CLOSE_TUNNEL, Verb.STOP, Verb.REMOVE_STATE, Verb.CLEAR})


def _contradictions(plan: Plan) -> list[str]:
    """Say which actions are planned on something else than their resource shows.

    A person agrees to what is shown, apply holds the world against what is expected: in a file that
    somebody has tampered with, these could differ.
    """
    return [
        f"{_named(action)}: planned on something else than was shown"
        for action in plan.actions
        if action.verb in _SHOWN and not _as_shown(action, plan.resource(action.resource))
    ]


def _as_shown(action: Action, resource: Resource) -> bool:
    return all(resource.observed.get(name) == value for name, value in action.expects.items())


def differences(planned: Plan, now: Plan) -> list[str]:
    """Say how a plan made now differs from one made earlier: in what it does, on what grounds, how shown."""
    before, after = _by_handle(planned), _by_handle(now)
    found = [f"{_named(a)}: no longer called for" for handle, a in before.items() if handle not in after]
    found += [f"{_named(a)}: was not part of the plan" for handle, a in after.items() if handle not in before]
    found += [
        f"{_named(a)}: planned on {dict(a.expects)}, now {dict(after[handle].expects)}"
        for handle, a in before.items()
        if handle in after and not _same(a, after[handle])
    ]
    return found + _contradictions(planned) + _shown_otherwise(planned, now)


def _shown_otherwise(planned: Plan, now: Plan) -> list[str]:
    """Say what a person was shown otherwise of what is acted on, or was not warned of."""
    before = {resource.address: resource for resource in planned.resources}
    acted_on = {action.resource for action in planned.actions}
    told = {(warned.resource, warned.message) for warned in planned.warnings}
    return [
        f"{resource.address}: is or should be something else than was shown"
        for resource in now.resources
        if resource.address in acted_on and _face(before.get(resource.address)) != _face(resource)
    ] + [
        f"{warned.resource}: {warned.message}"
        for warned in now.warnings
        if (warned.resource, warned.message) not in told
    ]


def _face(resource: Resource | None) -> str:
    if resource is None:
        return ""
    face = [resource.host, resource.key, dict(resource.desired), [*resource.names], resource.note]
    return json.dumps(face, sort_keys=True)


def _by_handle(plan: Plan) -> dict[tuple[str, str], Action]:
    return {(action.verb.value, action.resource): action for action in plan.actions}


def _same(one: Action, other: Action) -> bool:
    # Through JSON, as one of them may come from a file.
    return _grounds(one) == _grounds(other)


def _grounds(action: Action) -> str:
    grounds = [action.host, dict(action.expects), action.destructive, action.cause, action.promises]
    return json.dumps(grounds, sort_keys=True)


def _named(action: Action) -> str:
    return f"{action.verb.value} {action.resource}"
