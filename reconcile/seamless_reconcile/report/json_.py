"""Plans, outcomes and events for programs (section 6 of the contract; additive within format_version 1).

Everything is ASCII when it is written (`dumps`), so that nothing from a host can act on a terminal.

`plan --json`, and a plan inside other objects: `plan_to_dict`. `apply --json`, one object::

    {"format_version": 1, "plan": {…}, "outcomes": [{"action": 1, "verb": "stop", "resource": "service.x",
     "host": "frontend", "result": "done|unneeded|refused|failed|skipped|not_started", "detail": "…",
     "hint": "…", "seconds": 1.2, "facts": {…}}], "after": {…} | null, "interrupted": false,
     "converged": true, "record": "…" | null, "exit_code": 0}

A command that ends before there is such a result prints, with `--json`::

    {"format_version": 1, "error": {"kind": "locked", "message": "…", "details": ["…"]}, "exit_code": 75}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from seamless_reconcile.declared import Problem
from seamless_reconcile.events import (
    Ended,
    Event,
    HostRead,
    Noted,
    Planned,
    Progress,
    Reading,
    Started,
    Waiting,
)
from seamless_reconcile.exits import Exit, of_apply
from seamless_reconcile.outcomes import Applied, Outcome
from seamless_reconcile.plan import FORMAT_VERSION, Action, Plan, Resource
from seamless_reconcile.report import untrusted

Object = dict[str, Any]

MAX_DEPTH = 12
"""How deep a value that a host gave may nest; below, it is written as text."""


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Write one JSON text: ASCII, stable order of keys as given, no NaN."""
    return json.dumps(value, indent=indent, ensure_ascii=True, allow_nan=False)


def plain(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Give a value as JSON has it: tuples as lists, enums by value, what JSON cannot say as text."""
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if depth <= 0:
        return "…"
    if isinstance(value, Mapping):
        return {str(plain(str(name))): plain(item, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth - 1) for item in value]
    return plain(str(value))


# --- plans ---------------------------------------------------------------------------------


def plan_to_dict(plan: Plan) -> Object:
    """Give a plan in the contract's shape; `plan_from_dict` reads it back."""
    shape = {
        "format_version": FORMAT_VERSION,
        "in_sync": plan.in_sync,
        "resources": [_resource(resource) for resource in plan.resources],
        "actions": [_action(action) for action in plan.actions],
        "blocked": [
            {"resource": blocked.resource, "reason": blocked.reason, "hint": blocked.hint}
            for blocked in plan.blocked
        ],
        "warnings": [{"resource": warned.resource, "message": warned.message} for warned in plan.warnings],
        "untrusted": untrusted.PLAN,
    }
    clean: Object = plain(shape, MAX_DEPTH + 6)
    return clean


def plan_from_dict(data: Any) -> Plan:
    """Read back what `plan_to_dict` gave; what comes from a file is untrusted, and checked (see `wire`).

    Raises:
        ValueError: if it is not a plan of this version; one line, safe to print.
    """
    from seamless_reconcile.report import wire  # noqa: PLC0415 - pydantic is slow

    return wire.plan_from_dict(data)


def _resource(resource: Resource) -> Object:
    return {
        "address": resource.address,
        "kind": resource.kind,
        "name": resource.name,
        "host": resource.host,
        "key": resource.key,
        "desired": resource.desired,
        "observed": resource.observed,
        "verdict": resource.verdict,
        "changes": [
            {"path": change.path, "observed": change.observed, "desired": change.desired}
            for change in resource.changes
        ],
        "requires": resource.requires,
        "names": resource.names,
        "note": resource.note,
    }


def _action(action: Action) -> Object:
    return {
        "id": action.id,
        "verb": action.verb,
        "resource": action.resource,
        "host": action.host,
        "cause": action.cause,
        "requires": action.requires,
        "destructive": action.destructive,
        "expects": action.expects,
        "promises": action.promises,
    }


# --- how it went ---------------------------------------------------------------------------


def applied_to_dict(applied: Applied) -> Object:
    """Give how an apply ended, with the exit code that says the same."""
    return {
        "format_version": FORMAT_VERSION,
        "plan": plan_to_dict(applied.plan),
        "outcomes": [outcome_to_dict(outcome) for outcome in applied.outcomes],
        "after": plan_to_dict(applied.after) if applied.after else None,
        "interrupted": applied.interrupted,
        "converged": applied.converged,
        "record": plain(applied.record),
        "exit_code": int(of_apply(applied)),
        "untrusted": list(untrusted.APPLIED),
    }


def outcome_to_dict(outcome: Outcome) -> Object:
    """Give how one action ended."""
    action = outcome.action
    shape = {
        "action": action.id,
        "verb": action.verb,
        "resource": action.resource,
        "host": action.host,
        "result": outcome.result,
        "detail": outcome.detail,
        "hint": outcome.hint,
        "seconds": round(outcome.seconds, 3),
        "facts": outcome.facts,
    }
    clean: Object = plain(shape)
    return clean


def error_to_dict(kind: str, message: str, details: list[str], exit_code: Exit) -> Object:
    """Give why a command ended without a result."""
    return {
        "format_version": FORMAT_VERSION,
        "error": plain({"kind": kind, "message": message, "details": details}),
        "exit_code": int(exit_code),
        "untrusted": list(untrusted.ERROR),
    }


def problem_to_dict(problem: Problem) -> Object:
    """Give one thing that is wrong with a manifest."""
    at = problem.at
    clean: Object = plain(
        {
            "file": at.file if at else None,
            "line": at.line if at else None,
            "column": at.column if at else None,
            "message": problem.message,
            "hint": problem.hint,
        }
    )
    return clean


# --- events --------------------------------------------------------------------------------


def stamped_event(event: Event) -> dict[str, Any]:
    """Give one event with its time, in UTC, as both the events file and the record keep it."""
    return {"time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"), **event_to_dict(event)}


def event_to_dict(event: Event) -> Object:
    """Give one event; `event` says which."""
    clean: Object = plain(_event(event), MAX_DEPTH + 8)
    return clean


def _event(event: Event) -> Object:
    if isinstance(event, Reading):
        return {"event": "reading", "hosts": event.hosts}
    if isinstance(event, HostRead):
        return {
            "event": "host_read",
            "host": event.host,
            "seconds": round(event.seconds, 3),
            "problem": event.problem,
        }
    if isinstance(event, Waiting):
        return {"event": "waiting", "resource": event.resource, "what": event.what}
    if isinstance(event, Planned):
        return {"event": "planned", "plan": plan_to_dict(event.plan)}
    if isinstance(event, Started):
        return {"event": "started", "action": _action(event.action)}
    if isinstance(event, Progress):
        return {"event": "progress", "action": event.action.id, "what": event.what}
    if isinstance(event, Ended):
        return {"event": "ended", "outcome": outcome_to_dict(event.outcome)}
    if isinstance(event, Noted):
        return {"event": event.what, **event.details}
    # The type checker knows that only this one is left, and complains where a new event is forgotten.
    return {"event": "stopping", "in_hand": event.in_hand}
