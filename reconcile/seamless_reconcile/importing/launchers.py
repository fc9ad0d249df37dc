"""A service as `type: launcher`, where no identity of the user's files fits it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from rhl_helpers.rows import ServerRow
from rhl_helpers.transport.base import LOCAL
from seamless_reconcile.audit.adopt import type_of, words_of
from seamless_reconcile.importing.scalars import writable
from seamless_reconcile.importing.values import Form, Found, Variant
from seamless_reconcile.manifest import rules
from seamless_reconcile.manifest.command import command_fault

_STATUS_FILE = "--status-file"
_DASK = ("daskserver", "pure_daskserver")
_HANDSHAKES: tuple[Any, ...] = ("healthcheck", "health", "")
_DASHBOARD = {"path": "health", "port_name": "dashboard_port"}


def launchers(found: Found) -> tuple[tuple[Variant, ...], str]:
    """Give the ways to write a service as `type: launcher`, and why there is none."""
    row = found.row
    if row is None:
        return (), "its state file cannot be read" if found.malformed else "it has no state file"
    command, wrong = command_of(row)
    wrong = wrong or _fault(found, row)
    if wrong:
        return (), wrong
    given, notes = _given(found, row, command)
    sources = {"launcher": "its state file"}
    kind = type_of(row)
    return tuple(
        Variant(
            Form.LAUNCHER, "launcher", {"launcher": {**given, "handshake": handshake}}, sources,
            (*notes, f"its handshake is taken to be the one of a {kind}" if kind != "launcher" else _ASSUMED),
        )
        for handshake in _handshakes(kind, row)
    ), ""  # fmt: skip


_ASSUMED = "its handshake is not recorded: one of the usual ones was taken"


def _handshakes(kind: str, row: ServerRow) -> tuple[Any, ...]:
    if kind in _DASK:
        return (_DASHBOARD,)
    if kind != "launcher":
        return _HANDSHAKES[:1]
    return (*_HANDSHAKES, _DASHBOARD) if "dashboard_port" in row.extra_ports else _HANDSHAKES


def command_of(row: ServerRow) -> tuple[str, str]:
    """Give a service's command line as a manifest writes it, or why it cannot be written."""
    words = words_of(row)
    if not words:
        return "", "its command line is not recorded, or cannot be split into words"
    if not any(_status_words(words)):
        return "", "its command line does not show how it is given its state file"
    return _written(words)


def _written(words: list[str]) -> tuple[str, str]:
    shown = [_braced(word) for word in words]
    for index, prefix in _status_words(words):
        shown[index] = prefix + "{status_file}"
    command = shlex.join(shown)
    wrong = command_fault(command, timeout=False)
    return command, f"its command line cannot be written: it {wrong}" if wrong else ""


def _braced(word: str) -> str:
    return word.replace("{", "{{").replace("}", "}}")


def _status_words(words: list[str]) -> Iterator[tuple[int, str]]:
    """Find the words that are the path of the state file, and what stands before it in them."""
    for index, word in enumerate(words):
        if word.startswith(f"{_STATUS_FILE}="):
            yield index, f"{_STATUS_FILE}="
        elif index and words[index - 1] == _STATUS_FILE:
            yield index, ""


def _fault(found: Found, row: ServerRow) -> str:
    """Say which part of it a manifest cannot hold; empty if none."""
    meta = row.meta.get("reconcile")
    conda = meta.get("conda") if isinstance(meta, dict) else None
    checks = [
        ("key", rules.name_fault(found.key)),
        ("workdir", rules.path_fault(row.workdir) if row.workdir else "is not recorded"),
        ("network interface", rules.host_fault(row.network_interface or "localhost")),
        ("host", None if found.host == LOCAL else rules.host_fault(found.host)),
        ("address", rules.host_fault(found.machine.hostname) if found.machine.hostname else None),
        (
            "conda environment",
            (rules.conda_fault(conda) if isinstance(conda, str) else "is no text") if conda else None,
        ),
    ]
    return next(
        (f"as `type: launcher` it cannot be written: its {what} {wrong}" for what, wrong in checks if wrong),
        "",
    )


def _given(found: Found, row: ServerRow, command: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    given: dict[str, Any] = {"key": found.key, "workdir": row.workdir, "command": command}
    notes: list[str] = []
    if found.host != LOCAL:
        given["hostname"] = found.machine.hostname or found.host
        if given["hostname"] != found.host:
            given["ssh_hostname"] = found.host
        if found.tunnelled:
            given["tunnel"] = True
    if (row.network_interface or "localhost") != "localhost":
        given["network_interface"] = row.network_interface
    notes += _conda(given, row)
    notes += _parameters(given, row)
    return given, tuple(notes)


def _conda(given: dict[str, Any], row: ServerRow) -> Iterator[str]:
    meta: Mapping[str, Any] = row.meta["reconcile"] if isinstance(row.meta.get("reconcile"), dict) else {}
    if meta.get("conda"):
        given["conda"] = meta["conda"]
    elif not isinstance(meta.get("launch_id"), str):
        yield "its conda environment, if it has one, is not recorded: add `conda` before you relaunch it"


def _parameters(given: dict[str, Any], row: ServerRow) -> Iterator[str]:
    if not row.parameters:
        return
    if writable(row.parameters):
        given["file_parameters"] = row.parameters
        yield "file_parameters are those of its launch; what they lead to may move"
    else:
        yield "its parameters cannot be written: add `file_parameters` before you relaunch it"
