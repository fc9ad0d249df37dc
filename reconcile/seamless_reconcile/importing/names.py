"""Short names for services, each once: the type, and what tells it from the others. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from seamless_reconcile.importing.values import Form, Found, Item
from seamless_reconcile.manifest.rules import MAX_NAME, name_fault

# What is added to a name that more than one has, in this order.
_PARTS = ("stage", "project", "subproject", "substage", "mode", "queue", "cluster")
_ODD = re.compile(r"[^A-Za-z0-9._]+|-{2,}")


def named(items: Sequence[Item]) -> list[str]:
    """Give a name to each: `database`, `database-STAGE`, `jobserver-PROJECT-STAGE`, or a launcher's key."""
    chosen: list[tuple[str, ...]] = [(_base(item),) for item in items]
    parts = [_parts(item) for item in items]
    for part in _PARTS:
        counts = Counter(chosen)
        chosen = [
            (*name, told[part]) if counts[name] > 1 and told.get(part) else name
            for name, told in zip(chosen, parts, strict=True)
        ]
    counts = Counter(chosen)
    chosen = [
        (*name, item.found.host) if counts[name] > 1 else name
        for name, item in zip(chosen, items, strict=True)
    ]
    return _once([_usable(name) for name in chosen])


def _base(item: Item) -> str:
    variant = item.variant
    return variant.type if variant is not None and variant.form is Form.IDENTITY else item.found.key


def _parts(item: Item) -> Mapping[str, str]:
    variant = item.variant
    if variant is None or variant.form is Form.LAUNCHER:
        return {}
    return {
        name: str(value) for name, value in variant.fields.items() if name in _PARTS and value is not None
    }


def _usable(words: Sequence[str]) -> str:
    name = "-".join(words)
    if name_fault(name) is None:
        return name
    # Subprojects have slashes, keys may have anything: what is left is still the best name there is.
    tame = _ODD.sub("-", name.replace("STAGE-", "")).strip("-._")[:MAX_NAME].rstrip("-._")
    return tame if name_fault(tame) is None else "service"


def _once(names: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    given = []
    for name in names:
        other, number = name, 1
        while other in taken:
            number += 1
            other = f"{name[: MAX_NAME - 8].rstrip('-._')}-{number}"
        taken.add(other)
        given.append(other)
    return given


def order(found: Found, kind: str) -> tuple[str, int, str]:
    """Give the order of entries: host by host, storage before jobs."""
    kinds = ("hashserver", "database", "jobserver", "daskserver", "pure_daskserver")
    return (found.host, kinds.index(kind) if kind in kinds else len(kinds), found.key)
