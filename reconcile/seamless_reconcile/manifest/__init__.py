"""From YAML files to a checked `Manifest`; see `load`. The JSON Schema: see `schema`."""

from seamless_reconcile.manifest.load import load
from seamless_reconcile.manifest.schema import schema

__all__ = ["load", "schema"]
