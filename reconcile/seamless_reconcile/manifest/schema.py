"""The manifest's JSON Schema, for editors."""

from __future__ import annotations

from typing import Any

from seamless_reconcile.manifest.model import ManifestModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of a manifest, made from the models that check it."""
    made = ManifestModel.model_json_schema()
    return {"$schema": DIALECT, **made, "title": "seamless-reconcile manifest"}
