"""The manifest's JSON Schema, for editors and for `schema`."""

from __future__ import annotations

from typing import Any

from seamless_reconcile.manifest.fields import REFERENCE
from seamless_reconcile.manifest.model import ManifestModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "seamless-reconcile manifest"
# Anything that holds a reference to the environment may turn out to be an allowed word.
_OR_REFERENCE = {"type": "string", "pattern": REFERENCE}


def schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of a manifest, made from the models that check it."""
    return {"$schema": DIALECT, **_tidy(ManifestModel.model_json_schema()), "title": TITLE}


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out defaults and titles that say nothing, and let every word be a reference."""
    tidy = {key: _tidied(key, value) for key, value in schema.items() if not _says_nothing(key, value)}
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    words = tidy.get("enum")
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        del tidy["enum"]
        tidy.pop("type", None)
        tidy["anyOf"] = [{"type": "string", "enum": words}, _OR_REFERENCE]
    return tidy


def _says_nothing(key: str, value: Any) -> bool:
    return key == "title" or (key == "default" and not isinstance(value, str | bool))


def _tidied(key: str, value: Any) -> Any:
    if key in ("properties", "$defs", "patternProperties"):
        return {name: _tidy(inner) for name, inner in value.items()}
    if key in ("anyOf", "allOf"):
        return [_tidy(inner) for inner in value]
    if key in ("items", "additionalProperties", "propertyNames") and isinstance(value, dict):
        return _tidy(value)
    return value
