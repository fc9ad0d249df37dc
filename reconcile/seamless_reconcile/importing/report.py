"""What is told of an import: lines for people, one object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rhl_helpers.text import safe
from seamless_reconcile.exits import Exit
from seamless_reconcile.importing.values import HostTold, Imported, Item
from seamless_reconcile.plan import FORMAT_VERSION
from seamless_reconcile.report import untrusted
from seamless_reconcile.report.json_ import plain


def exit_of(result: Imported) -> Exit:
    """Give the exit code: unknown before what is commented out or left out."""
    if result.unknown:
        return Exit.UNKNOWN
    return Exit.OK if result.complete and result.in_sync else Exit.CHANGES


def import_to_dict(result: Imported, file: str | None) -> dict[str, Any]:
    """Give the result as programs read it.

    Args:
        result: the import.
        file: where the manifest was written; None for stdout.
    """
    shape = {
        "format_version": FORMAT_VERSION,
        "untrusted": list(untrusted.IMPORT),
        "in_sync": result.in_sync,
        "complete": result.complete,
        "file": file,
        "manifest": result.text,
        "entries": [_entry(item) for item in result.items],
        "hosts": [_host(host) for host in result.hosts],
        "warnings": [{"resource": where, "message": safe(said)} for where, said in result.warnings],
        "passive": result.passive,
        "exit_code": int(exit_of(result)),
    }
    clean: dict[str, Any] = plain(shape)
    return clean


def _host(host: HostTold) -> dict[str, Any]:
    return {
        "name": host.name,
        "answered": host.answered,
        "reason": safe(host.reason),
        "hint": safe(host.hint),
    }


def _entry(item: Item) -> dict[str, Any]:
    variant = item.variant
    return {
        "name": item.name if variant else None,
        "host": item.found.host,
        "key": item.found.key,
        "written": "entry" if item.active else "comment",
        "as": variant.form.value if variant else None,
        "type": variant.type if variant else None,
        "state": item.state if variant else None,
        "tunnel": item.tunnel if variant else None,
        "fields": dict(variant.fields) if variant else {},
        "sources": {**(variant.sources if variant else {}), "state": "observed", "tunnel": "observed"},
        "observed": dict(item.observed),
        "reason": safe(item.reason),
        "hint": safe(item.hint),
        "notes": [safe(note) for note in variant.notes] if variant else [],
    }


def lines(result: Imported) -> Iterator[str]:
    """Say in words what is not in the manifest, and why; then one line about all of it."""
    for host in result.hosts:
        if host.reason:
            yield f"{host.name}: {host.reason}" + (f" ({host.hint})" if host.hint else "")
    for item in result.items:
        if not item.active:
            hint = f" ({item.hint})" if item.hint else ""
            yield f"not in the manifest: {item.found.key} on {item.found.host}: {item.reason}{hint}"
    for where, said in result.warnings:
        yield f"warning: {where}: {said}" if where else f"warning: {said}"
    yield summary(result)


def summary(result: Imported) -> str:
    """Count entries, and say what planning finds."""
    active = sum(item.active for item in result.items)
    rest = len(result.items) - active
    services = f"{active} service{'' if active == 1 else 's'}"
    out = f", {rest} commented out" if rest else ""
    return f"Imported {services}{out}; planning with it finds nothing to do."
