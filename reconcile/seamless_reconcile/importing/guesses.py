"""Identities that a service may have: hints, to be proven by resolving them. Pure.

A state file's `meta` comes from a host: each name is checked here, before anything resolves it
(templates are evaluated). A key is never read as truth: it only tells which identities to try.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rhl_helpers.text import safe
from seamless_reconcile.declared import PERSISTENT_TYPES, SEAMLESS_TYPES
from seamless_reconcile.manifest.rules import name_fault, subproject_fault

META = "its state file's meta"
KEY = "its key, which resolves to the same"
ASKED = "asked for with --all"
CACHE = "SEAMLESS_CACHE, as it is set here"
_NAMES = ("cluster", "project", "subproject", "stage", "substage", "queue")
_MODES = ("rw", "ro")
_STAGE, _SUBSTAGE = "STAGE-", "SUBSTAGE-"
# What the runtime calls cluster and project where SEAMLESS_CACHE stands in for all files.
_SYNTHETIC = "__SEAMLESS_CACHE__"


@dataclass(frozen=True, slots=True)
class Guess:
    """An identity that may be a service's.

    Attributes:
        values: its names; None for none.
        source: what hinted at it, for people.
        silent: it is what the files select by themselves, and cannot be named.
    """

    type: str
    values: Mapping[str, str | None]
    source: str
    silent: bool = False


def relevant(kind: str) -> tuple[str, ...]:
    """Give the identity fields that a service of a type has."""
    if kind == "pure_daskserver":
        return ("cluster", "queue")
    if kind in PERSISTENT_TYPES:
        return ("cluster", "project", "subproject", "stage", "mode")
    queue = ("queue",) if kind == "daskserver" else ()
    return ("cluster", "project", "subproject", "stage", "substage", *queue)


def from_meta(meta: Mapping[str, Any]) -> tuple[Guess | None, str]:
    """Read an identity out of a state file's meta.

    Returns:
        The guess, or None and what is wrong with the meta; ("" where there is none).
    """
    service = meta.get("service")
    if not isinstance(service, str):
        return None, "" if service is None else "its meta names no service type"
    kind = service.replace("-", "_")
    if kind not in SEAMLESS_TYPES:
        return None, f"its meta names the service type {safe(service, limit=40)}, which is none"
    if meta.get("cluster") == _SYNTHETIC:
        return Guess(kind, {"mode": _mode(meta)}, CACHE, silent=True), ""
    values: dict[str, str | None] = {}
    for name in relevant(kind):
        value = _mode(meta) if name == "mode" else meta.get(name)
        fault = _fault(name, value)
        if fault:
            return None, f"its meta's {name} {fault}"
        values[name] = value
    if values["cluster"] is None:
        return None, "its meta names no cluster"
    return Guess(kind, values, META), ""


def _mode(meta: Mapping[str, Any]) -> Any:
    return meta.get("mode") or "rw"


def _fault(name: str, value: Any) -> str | None:
    """Say what is wrong with one name of an identity; None if nothing."""
    if value is None:
        return None
    if not isinstance(value, str):
        return "is no text"
    if name == "mode":
        return None if value in _MODES else "is neither rw nor ro"
    return subproject_fault(value) if name == "subproject" else name_fault(value)


def from_key(key: str, clusters: Iterable[str]) -> Iterator[Guess]:
    """Give every identity, in any of the clusters there are, that could have a key."""
    for kind in SEAMLESS_TYPES:
        for cluster in clusters:
            for values in _identities(kind, key, cluster):
                if not any(_fault(name, value) for name, value in values.items()):
                    yield Guess(kind, {"cluster": cluster, **values}, KEY)
            if cluster == _SYNTHETIC and key.startswith(f"{kind}-{_SYNTHETIC}-"):
                yield Guess(kind, {"mode": "ro" if "-ro-" in key else "rw"}, CACHE, silent=True)


def _identities(kind: str, key: str, cluster: str) -> Iterator[dict[str, str | None]]:
    head = f"{kind.replace('_', '-')}-{cluster}-"
    if not key.startswith(head):
        return
    rest = key[len(head) :]
    if kind == "pure_daskserver":
        yield {"queue": rest}
        return
    for mode in _MODES if kind in PERSISTENT_TYPES else _MODES[:1]:
        if rest.startswith(f"{mode}-"):
            given = {"mode": mode} if kind in PERSISTENT_TYPES else {}
            yield from ({**place, **given} for place in _places(kind, rest[len(mode) + 1 :]))


def _places(kind: str, tail: str) -> Iterator[dict[str, str | None]]:
    """Give project, subproject, stage and substage that the end of a key may stand for."""
    project, *parts = tail.split("--")
    stage = parts.pop().removeprefix(_STAGE) if parts and parts[-1].startswith(_STAGE) else None
    place = {"project": project, "subproject": "/".join(parts) or None, "stage": stage}
    if kind in PERSISTENT_TYPES:
        yield place
        return
    base, found, substage = (stage or "").partition(_SUBSTAGE)
    yield {**place, "stage": base, "substage": substage} if found else {**place, "substage": None}
