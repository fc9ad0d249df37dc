"""Say what pydantic found in the manifest's own words, at its place in the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, Problem
from seamless_reconcile.manifest.model import SHAPES
from seamless_reconcile.manifest.tree import Node, Scalar, find

Path = tuple[str | int, ...]

_KINDS = {
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
}
_SHOWN = 60


def nearest(word: str, known: Iterable[str]) -> str:
    """Give a hint that names the nearest known word; empty if none is near."""
    found = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f"did you mean `{safe(found[0])}`?" if found else ""


def place(root: Node, path: Path, file: str, *, key: bool = False) -> Location:
    """Give where a field stands: its value, or its key; the key above it if it is not there."""
    node, own_key, taken = find(root, path)
    # A short form stands for the fields it leaves out.
    above = taken < len(path) and not isinstance(node, Scalar)
    at: Node = own_key if own_key is not None and (key or above) else node
    return Location(file, at.line, at.column)


def dotted(path: Path) -> str:
    """Give a field's dotted name, list indexes in brackets."""
    name = ""
    for step in path:
        name += f"[{step}]" if isinstance(step, int) else f".{safe(step)}" if name else safe(step)
    return name


def problems_of(exc: ValidationError, root: Node, file: str, *, below: Path = ()) -> list[Problem]:
    """Turn a validation error into problems.

    Args:
        exc: what pydantic found.
        root: the whole file's tree.
        file: the file's name.
        below: where in the file the checked value stands.
    """
    return [_problem(error, root, file, below) for error in exc.errors(include_url=False)]


def _problem(error: Mapping[str, Any], root: Node, file: str, below: Path) -> Problem:
    path = below + field_of(error)
    message, hint = words(error, path)
    # What is wrong with a key is shown at the key, what is wrong with a value at the value.
    key = error["type"] == "extra_forbidden" or "[key]" in error["loc"]
    return Problem(place(root, path, file, key=key), f"{dotted(path)}: {message}", hint)


def field_of(error: Mapping[str, Any]) -> Path:
    """Give the path of the field that one of pydantic's errors is about."""
    return tuple(step for step in error["loc"] if step != "[key]")


def words(error: Mapping[str, Any], path: Path) -> tuple[str, str]:
    """Give message and hint for one of pydantic's errors.

    Args:
        error: one of `ValidationError.errors()`.
        path: the field's path from the root of a manifest.
    """
    kind, given = str(error["type"]), error.get("input")
    if kind == "extra_forbidden":
        return "unknown field", nearest(str(path[-1]), fields_at(path[:-1]))
    if kind == "missing":
        return "is required", ""
    if kind == "literal_error":
        return _literal(str(error["ctx"]["expected"]), given)
    if kind == "rule" and isinstance(given, str) and given:
        return f"`{safe(given, limit=_SHOWN)}` {safe(str(error['msg']))}", ""
    if kind == "model_type" and given is None and path[0] == "services":
        return "must not be empty", f"for a service that should run: `{path[-1]}: running`"
    if kind in _KINDS:
        return f"{_KINDS[kind]}, not {_kind_of(given)}", _quote(kind, given)
    return safe(str(error["msg"])), ""


def _literal(expected: str, given: Any) -> tuple[str, str]:
    choices = [choice.strip("' ") for part in expected.split(" or ") for choice in part.split(",")]
    shown = f"`{safe(given, limit=_SHOWN)}`" if isinstance(given, str) else _kind_of(given)
    hint = nearest(given, choices) if isinstance(given, str) else ""
    if given in choices:
        hint = "without quotes"
    return f"must be {expected.replace(chr(39), '')}, not {shown}", hint


def _quote(kind: str, given: Any) -> str:
    return "quote it to make it text" if kind == "string_type" and isinstance(given, int | float) else ""


def _kind_of(given: Any) -> str:
    if given is None:
        return "empty"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return f"the number {given}"
    if isinstance(given, str):
        return f"the text `{safe(given, limit=_SHOWN)}`"
    return "a list" if isinstance(given, list) else "a mapping"


def fields_at(path: Path) -> list[str]:
    """Give the field names that are known at a path."""
    for shape, model in SHAPES:
        if len(shape) == len(path) and all(a in ("*", b) for a, b in zip(shape, path, strict=True)):
            return list(model.model_fields)
    return []
