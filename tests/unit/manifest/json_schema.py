"""Check a value against the part of JSON Schema that the manifest's schema uses; refuse the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "array": list,
    "object": dict,
}
_NOTES = {"$schema", "$defs", "title", "description", "examples", "default"}


def fits(value: Any, schema: Any, root: Mapping[str, Any]) -> bool:
    if isinstance(schema, bool):
        return schema
    return all(_keyword(key, schema, value, root) for key in schema if key not in _NOTES)


def _keyword(key: str, schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> bool:
    wanted = schema[key]
    if key == "$ref":
        return fits(value, root["$defs"][wanted.removeprefix("#/$defs/")], root)
    if key == "anyOf":
        return any(fits(value, one, root) for one in wanted)
    if key == "const":
        return value == wanted and type(value) is type(wanted)
    if key == "enum":
        return value in wanted
    if key == "type":
        return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    if key in ("minimum", "maximum", "exclusiveMinimum"):
        number = isinstance(value, int | float)
        return not number or {"minimum": value >= wanted, "maximum": value <= wanted}.get(key, value > wanted)
    if key in ("pattern", "maxLength"):
        text = isinstance(value, str)
        return not text or (len(value) <= wanted if key == "maxLength" else bool(re.search(wanted, value)))
    if key == "items":
        return not isinstance(value, list) or all(fits(item, wanted, root) for item in value)
    return not isinstance(value, dict) or _of_object(key, schema, value, root)


def _of_object(key: str, schema: Mapping[str, Any], value: dict[str, Any], root: Mapping[str, Any]) -> bool:
    wanted = schema[key]
    if key == "required":
        return all(name in value for name in wanted)
    if key == "properties":
        return all(fits(value[name], one, root) for name, one in wanted.items() if name in value)
    if key == "propertyNames":
        return all(fits(name, wanted, root) for name in value)
    patterns = schema.get("patternProperties", {})
    if key == "patternProperties":
        pairs = ((name, pattern) for name in value for pattern in patterns if re.search(pattern, name))
        return all(fits(value[name], patterns[pattern], root) for name, pattern in pairs)
    if key == "additionalProperties":
        known = schema.get("properties", {})
        rest = [
            name for name in value if name not in known and not any(re.search(one, name) for one in patterns)
        ]
        return all(fits(value[name], wanted, root) for name in rest)
    raise AssertionError(f"unknown keyword {key}")
