"""Say what pydantic found in the manifest's own words, at its place in the file."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, Problem
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
    "model_attributes_type": "must be a mapping",
}
_QUOTABLE = ("string_type", "literal_error")


def nearest(word: str, known: Iterable[str]) -> str:
    """Give a hint that names the nearest known word; empty if none is near."""
    found = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f"did you mean `{safe(found[0])}`?" if found else ""


def place(root: Node, path: Path, file: str, *, key: bool = False) -> Location:
    """Give where a field stands: its value, or its key; the nearest thing above it if it is not there."""
    node, own_key, taken = find(root, path)
    missing = taken < len(path)
    at: Node = own_key if own_key is not None and (key or missing) else node
    return Location(file, at.line, at.column)


def dotted(path: Path) -> str:
    """Give a field's dotted name, list indexes in brackets."""
    name = ""
    for step in path:
        name += f"[{step}]" if isinstance(step, int) else f".{safe(step)}" if name else safe(step)
    return name


def problems_of(
    exc: ValidationError, model: type[BaseModel], root: Node, file: str, *, below: Path = ()
) -> list[Problem]:
    """Turn a validation error into problems.

    Args:
        exc: what pydantic found.
        model: the model that was checked, for the names it knows.
        root: the whole file's tree.
        file: the file's name.
        below: where in the file the checked value stands.
    """
    return [_problem(error, model, root, file, below) for error in exc.errors(include_url=False)]


def _problem(error: Mapping[str, Any], model: type[BaseModel], root: Node, file: str, below: Path) -> Problem:
    own: Path = tuple(step for step in error["loc"] if step != "[key]")
    path, kind = below + own, str(error["type"])
    at = place(root, path, file, key=kind == "extra_forbidden" or "[key]" in error["loc"])
    message, hint = _words(kind, error, own, model)
    shown = dotted(path)
    return Problem(at, f"{shown}: {message}" if shown else f"the manifest {message}", hint)


def _words(kind: str, error: Mapping[str, Any], path: Path, model: type[BaseModel]) -> tuple[str, str]:
    given = error.get("input")
    if kind == "extra_forbidden":
        return "unknown field", nearest(str(path[-1]), fields_at(model, path[:-1]))
    if kind == "missing":
        return "is required", ""
    if kind == "literal_error":
        return _literal(error, given)
    if kind in ("rule", "duration", "ports"):
        return safe(str(error["msg"])), ""
    if kind in _KINDS:
        return f"{_KINDS[kind]}, not {_kind_of(given)}", _quote(kind, given)
    return safe(str(error["msg"])), ""


def _literal(error: Mapping[str, Any], given: Any) -> tuple[str, str]:
    expected = str(error["ctx"]["expected"])
    choices = [choice.strip("' ") for part in expected.split(" or ") for choice in part.split(",")]
    message = f"must be {expected.replace(chr(39), '')}, not {_shown(given)}"
    return message, nearest(given, choices) if isinstance(given, str) else ""


def _quote(kind: str, given: Any) -> str:
    if kind in _QUOTABLE and isinstance(given, int | float):
        return "quote it to make it text"
    return ""


def _kind_of(given: Any) -> str:
    if given is None:
        return "empty"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return "a number"
    if isinstance(given, str):
        return f"the text {_shown(given)}"
    return "a list" if isinstance(given, list) else "a mapping"


def _shown(given: Any) -> str:
    return f"`{safe(given, limit=60)}`" if isinstance(given, str) else _kind_of(given)


def fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """Give the field names that the models know at a path."""
    here: Any = model
    for step in path:
        here = _below(here, step)
    found = _model_in(here)
    return list(found.model_fields) if found else []


def _below(annotation: Any, step: str | int) -> Any:
    found = _model_in(annotation)
    if found is not None:
        field = found.model_fields.get(str(step))
        if field is not None:
            return field.annotation
        extra = found.__annotations__.get("__pydantic_extra__")
        return _extra_model(found) if extra else None
    for part in _parts(annotation):
        if get_origin(part) in (dict, list):
            return get_args(part)[-1]
    return None


def _extra_model(model: type[BaseModel]) -> Any:
    from seamless_reconcile.manifest.clusters import ClusterModel, ClustersModel  # noqa: PLC0415

    return ClusterModel if model is ClustersModel else None


def _parts(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for arg in get_args(annotation) for inner in _parts(arg)]
    if hasattr(annotation, "__metadata__"):
        return _parts(get_args(annotation)[0])
    return [annotation]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def scalar_at(root: Node, path: Path) -> Scalar | None:
    """Give the scalar at a path, if there is one."""
    node, _, taken = find(root, path)
    return node if taken == len(path) and isinstance(node, Scalar) else None
