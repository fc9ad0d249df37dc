"""Differences between what is and what should be, as small values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seamless_reconcile.plan import Change


def changes(observed: Mapping[str, Any], desired: Mapping[str, Any]) -> tuple[Change, ...]:
    """Give every field of `desired` that differs in `observed`, by dotted path.

    deepdiff does the comparing, and is asked only where something differs at all: it takes
    milliseconds to import and to run, equality takes none.
    """
    seen = {name: observed.get(name) for name in desired}
    if seen == dict(desired):
        return ()
    from deepdiff import DeepDiff  # noqa: PLC0415 - see above

    diff = DeepDiff(seen, dict(desired), view="tree", ignore_order=False)
    found = [
        Change(
            ".".join(str(part) for part in level.path(output_format="list")),
            _value(level.t1),
            _value(level.t2),
        )
        for group in diff.values()
        for level in group
    ]
    return tuple(sorted(found, key=lambda change: change.path))


def _value(value: Any) -> Any:
    """Give a value fit for JSON; deepdiff marks what is missing with an object of its own."""
    return value if isinstance(value, (str, int, float, bool, list, dict, type(None))) else None
