"""Turn a tree into plain values: scalars resolved, environment references filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, Problem
from seamless_reconcile.manifest.environment import Environment, Unset
from seamless_reconcile.manifest.problems import Path, dotted
from seamless_reconcile.manifest.scalars import NotPlain, resolve
from seamless_reconcile.manifest.tree import Items, Node, Scalar, Table

_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_SHOWN = 40


def plain_values(root: Table, environment: Environment, file: str) -> tuple[dict[str, Any], list[Problem]]:
    """Give the plain values of a file, and what is wrong with its scalars and keys."""
    reader = _Reader(environment)
    values = {name: reader.convert(child) for name, (_, child) in reader.pairs(root)}
    if not reader.faults:
        return values, []
    # Paths are only needed here, so they are not kept while reading.
    paths = {id(node): path for path, node in _walk(root, ())}
    problems = [
        Problem(Location(file, at.line, at.column), f"{dotted(paths[id(at)])}: {message}", hint)
        for at, message, hint in reader.faults
    ]
    return values, problems


def _walk(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    yield path, node
    if isinstance(node, Items):
        for index, child in enumerate(node.nodes):
            yield from _walk(child, (*path, index))
    elif isinstance(node, Table):
        for name, (key, child) in node.pairs.items():
            yield (*path, name), key
            yield from _walk(child, (*path, name))


class _Reader:
    def __init__(self, environment: Environment) -> None:
        self.faults: list[tuple[Scalar, str, str]] = []
        self._environment = environment

    def convert(self, node: Node) -> Any:
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Items):
            return [self.convert(child) for child in node.nodes]
        return {name: self.convert(child) for name, (_, child) in self.pairs(node)}

    def pairs(self, node: Table) -> Iterator[tuple[str, tuple[Scalar, Node]]]:
        for name, pair in node.pairs.items():
            if pair[0].plain:
                self._check_key(pair[0])
            yield name, pair

    def _scalar(self, node: Scalar) -> Any:
        try:
            if "${" in node.text:
                return self._text(self._environment.fill(node.text), node)
            return resolve(node.text) if node.plain else self._text(node.text, node)
        except NotPlain as exc:
            shown = safe(node.text, limit=_SHOWN)
            hint = f'for text, quote it: "{shown}"; else write true, false or a decimal number'
            self.faults.append((node, str(exc), hint))
        except Unset as exc:
            hint = "set it, or give a default: ${NAME:-default}" if exc.unset else ""
            self.faults.append((node, str(exc), hint))
        return node.text

    def _text(self, text: str, at: Scalar) -> str:
        # Escapes and the environment can hold what the file itself cannot.
        if not text.isprintable() and _CONTROL.search(text):
            self.faults.append((at, "holds a control character", ""))
        return text

    def _check_key(self, key: Scalar) -> None:
        try:
            if isinstance(resolve(key.text), str):
                return
        except NotPlain:
            pass
        shown = safe(key.text, limit=_SHOWN)
        self.faults.append((key, f"the key {shown or '(empty)'} is not text", f'quote it: "{shown}"'))
