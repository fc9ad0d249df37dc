"""Read plans back. A saved plan is untrusted: every field is checked, every size bounded.

What it says is still only a claim: apply reads every precondition again before it acts on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from rhl_helpers.text import safe
from seamless_reconcile.plan import (
    FORMAT_VERSION,
    Action,
    Blocked,
    Change,
    Plan,
    Resource,
    Verb,
    Verdict,
    Warned,
)

MAX_ITEMS = 100_000
MAX_TEXT = 10_000
MAX_LEAVES = 10_000
MAX_DEPTH = 12


def _bounded(value: Any) -> Any:
    """Refuse a value too deep or too large to be what a host showed of one resource."""
    left = MAX_LEAVES
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        left -= len(level)
        if left < 0:
            raise ValueError("it holds too much")
        level = [child for item in level for child in _children(item)]
        if not level:
            return value
    raise ValueError("it nests too deep")


def _children(item: Any) -> list[Any]:
    if isinstance(item, str) and len(item) > MAX_TEXT:
        raise ValueError("a text in it is too long")
    if isinstance(item, dict):
        return [*item, *item.values()]
    return item if isinstance(item, list) else []


Short = Annotated[str, Field(max_length=MAX_TEXT)]
Facts = Annotated[dict[str, Any], AfterValidator(_bounded)]
Value = Annotated[Any, AfterValidator(_bounded)]
Address = Annotated[
    str, Field(pattern=r"^(tunnel|service|cache)\.[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=300)
]


class _Wire(BaseModel):
    # Unknown fields are a newer version's additions, which do not change what the known ones mean.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Change(_Wire):
    path: Short
    observed: Value
    desired: Value


class _Resource(_Wire):
    address: Address
    kind: Literal["tunnel", "service", "cache"]
    name: Short
    host: Short
    key: Short
    desired: Facts
    observed: Facts
    verdict: Annotated[Verdict, Field(strict=False)]
    changes: Annotated[list[_Change], Field(max_length=MAX_LEAVES)] = []
    requires: Annotated[list[Address], Field(max_length=MAX_LEAVES)] = []
    names: Annotated[list[Short], Field(max_length=MAX_LEAVES)] = []
    note: Short = ""

    @model_validator(mode="after")
    def _agrees(self) -> _Resource:
        if self.address != f"{self.kind}.{self.name}":
            raise ValueError("address, kind and name disagree")
        return self


class _Action(_Wire):
    id: Annotated[int, Field(ge=1, le=MAX_ITEMS)]
    verb: Annotated[Verb, Field(strict=False)]
    resource: Address
    host: Short
    cause: Short
    requires: Annotated[list[int], Field(max_length=MAX_ITEMS)] = []
    destructive: bool
    expects: Facts = {}
    promises: Short = ""


class _Blocked(_Wire):
    resource: Short
    reason: Short
    hint: Short = ""


class _Warned(_Wire):
    resource: Short
    message: Short


class _Plan(_Wire):
    format_version: Literal[1]
    resources: Annotated[list[_Resource], Field(max_length=MAX_ITEMS)]
    actions: Annotated[list[_Action], Field(max_length=MAX_ITEMS)]
    blocked: Annotated[list[_Blocked], Field(max_length=MAX_ITEMS)]
    warnings: Annotated[list[_Warned], Field(max_length=MAX_ITEMS)]

    @model_validator(mode="after")
    def _hangs_together(self) -> _Plan:
        hosts = {resource.address: resource.host for resource in self.resources}
        if len(hosts) != len(self.resources):
            raise ValueError("a resource is there twice")
        for place, action in enumerate(self.actions, start=1):
            _check_action(place, action, hosts)
        return self


# Which kind of resource each verb is for, and which verbs lose something for good.
_KINDS: Mapping[Verb, str] = {
    Verb.CLOSE_TUNNEL: "tunnel",
    Verb.SAVE_LOG: "service",
    Verb.STOP: "service",
    Verb.REMOVE_STATE: "service",
    Verb.CLEAR: "cache",
    Verb.LAUNCH: "service",
    Verb.OPEN_TUNNEL: "tunnel",
}


def _check_action(place: int, action: _Action, hosts: Mapping[str, str]) -> None:
    if action.id != place:
        raise ValueError(f"action {action.id} stands in place {place}")
    if any(not 1 <= earlier < place for earlier in action.requires):
        raise ValueError(f"action {place} requires one that does not come before it")
    if hosts.get(action.resource) != action.host:
        raise ValueError(f"action {place} is for a resource or a host that the plan does not have")
    if action.resource.partition(".")[0] != _KINDS[action.verb]:
        raise ValueError(f"action {place}: {action.verb.value} is not for {action.resource}")
    if action.verb is Verb.CLEAR and not action.destructive:
        raise ValueError(f"action {place} clears, and says that it is not destructive")


def plan_from_dict(data: Any) -> Plan:
    """Read a plan that `json_.plan_to_dict` wrote.

    Raises:
        ValueError: if it is not one, or not one of this version; one line, safe to print.
    """
    version = data.get("format_version") if isinstance(data, dict) else None
    if type(version) is int and version > FORMAT_VERSION:
        raise ValueError(
            f"it has format_version {version}, made by a newer version; this one reads {FORMAT_VERSION}"
        )
    if type(version) is not int:  # True == 1, and Literal takes it
        raise ValueError("it has no format_version: not a plan")
    try:
        wire = _Plan.model_validate(data)
    except ValidationError as exc:
        raise ValueError(_first(exc)) from None
    return Plan(
        resources=tuple(_to_resource(resource) for resource in wire.resources),
        actions=tuple(_to_action(action) for action in wire.actions),
        blocked=tuple(Blocked(b.resource, b.reason, b.hint) for b in wire.blocked),
        warnings=tuple(Warned(w.resource, w.message) for w in wire.warnings),
    )


def _first(exc: ValidationError) -> str:
    error = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in error["loc"])
    return safe(f"{where}: {error['msg']}" if where else error["msg"], limit=300)


def _to_resource(wire: _Resource) -> Resource:
    return Resource(
        address=wire.address,
        kind=wire.kind,
        name=wire.name,
        host=wire.host,
        key=wire.key,
        desired=wire.desired,
        observed=wire.observed,
        verdict=wire.verdict,
        changes=tuple(Change(c.path, c.observed, c.desired) for c in wire.changes),
        requires=tuple(wire.requires),
        names=tuple(wire.names),
        note=wire.note,
    )


def _to_action(wire: _Action) -> Action:
    return Action(
        id=wire.id,
        verb=wire.verb,
        resource=wire.resource,
        name=wire.resource.partition(".")[2],
        host=wire.host,
        cause=wire.cause,
        requires=tuple(wire.requires),
        expects=wire.expects,
        promises=wire.promises,
        destructive=wire.destructive,
    )
