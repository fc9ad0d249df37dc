"""The manifest: entries with where each value came from; as comments what is none, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seamless_reconcile.importing.scalars import comment, flow, scalar
from seamless_reconcile.importing.values import IDENTITY, Form, HostTold, Item, Variant

SCHEMA_LINE = "# yaml-language-server: $schema=./seamless.reconcile.schema.json"
_HEAD = (
    "# Written by `seamless-reconcile import`: what is there, so that planning with it finds nothing to do.",
    "# The first line is for editors: `seamless-reconcile schema > seamless.reconcile.schema.json`.",
    "# Caches are kept as they are. What is commented out would change something, or could not be told.",
)
# What a service without a project may find in the defaults, where it means nothing to it.
_MEANINGLESS = {"pure_daskserver": frozenset({"project", "subproject", "stage", "substage", "mode"})}
_NEVER_COMMON = frozenset({"queue", "frontend"})


@dataclass(frozen=True, slots=True)
class Written:
    """A manifest, and which item each of its lines belongs to."""

    text: str
    owners: Mapping[int, str]


def written(items: Sequence[Item], hosts: Sequence[HostTold]) -> Written:
    """Write the manifest; lines count from 1."""
    common = common_fields(items)
    lines: list[tuple[str, str]] = [("", line) for line in (SCHEMA_LINE, *_HEAD)]
    lines += [("", line) for host in hosts for line in _host(host)]
    lines += [("", ""), ("", "version: 1")]
    if common:
        lines += [("", "defaults:"), *(("", f"  {name}: {scalar(value)}") for name, value in common.items())]
    entries = [item for item in items if item.variant is not None]
    active = any(item.active for item in entries)
    if entries and not active:
        lines.append(("", comment("all are commented out; with one of them as an entry, leave out the {}")))
    lines.append(("", "services:" if active else "services: {}"))
    for item in entries:
        lines += [(item.name, line) for line in _entry(item, common)]
    rest = [item for item in items if item.variant is None]
    if rest:
        lines += [("", ""), ("", "# Not imported:")]
        lines += [("", line) for item in rest for line in _left_out(item)]
    owners = {number: name for number, (name, _) in enumerate(lines, start=1) if name}
    return Written("\n".join(line for _, line in lines) + "\n", owners)


def common_fields(items: Sequence[Item]) -> dict[str, Any]:
    """Give the identity fields that all entries, commented out or not, have in common."""
    variants = [v for item in items if (v := item.variant) is not None and v.form is Form.IDENTITY]
    found: dict[str, Any] = {}
    for name in IDENTITY:
        told = [v for v in variants if name not in _MEANINGLESS.get(v.type, ())]
        values = [v.fields.get(name, _NOTHING) for v in told]
        same = len(values) > 1 and all(v is not _NOTHING and v == values[0] for v in values)
        if same and name not in _NEVER_COMMON:
            found[name] = values[0]
    return found


_NOTHING = object()


def _host(host: HostTold) -> Iterator[str]:
    if not host.reason:
        return
    what = (
        "could not be read in full"
        if host.answered
        else "could not be asked, and what runs there is not here"
    )
    yield comment(f"{host.name} {what}: {host.reason}")


def _entry(item: Item, common: Mapping[str, Any]) -> Iterator[str]:
    variant = item.variant
    if variant is None:
        return
    yield ""
    yield from (f"  {comment(line)}" for line in told(item))
    off = "" if item.active else "# "
    yield from (f"  {off}{line}" for line in _body(item, variant, common))


def told(item: Item) -> Iterator[str]:
    """Say of an entry where it comes from, line by line."""
    found, variant = item.found, item.variant
    state = item.observed.get("state")
    yield f"{found.key} on {found.host}" + (f": {state}" if state else "")
    if item.reason:
        yield f"commented out: {item.reason}" + (f" ({item.hint})" if item.hint else "")
    if variant is None:
        return
    by_source: dict[str, list[str]] = {}
    for name, source in variant.sources.items():
        by_source.setdefault(source, []).append(name)
    for source, names in by_source.items():
        yield f"{', '.join(names)}: {source}"
    if item.tunnel == "closed" and item.state == "running":
        yield "tunnel: it is closed now; `auto` would open it"
    yield from variant.notes


def _body(item: Item, variant: Variant, common: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines of an entry, from its name on."""
    fields: dict[str, Any] = {} if item.name == variant.type else {"type": variant.type}
    fields |= {name: value for name, value in variant.fields.items() if name not in common}
    more = {"tunnel": item.tunnel} if item.tunnel != "auto" else {}
    if not fields and not more:
        yield f"{item.name}: {item.state}"
        return
    launcher = fields.pop("launcher", None)
    yield f"{item.name}:"
    for name, value in {**fields, "state": item.state, **more}.items():
        yield f"  {name}: {scalar(value)}"
    if launcher is not None:
        yield "  launcher:"
        for name, value in launcher.items():
            yield f"    {name}: {flow(value) if isinstance(value, (dict, list)) else scalar(value)}"


def _left_out(item: Item) -> Iterator[str]:
    state = item.observed.get("state")
    yield comment(
        f"  {item.found.key} on {item.found.host}" + (f" ({state})" if state else "") + f": {item.reason}"
    )
