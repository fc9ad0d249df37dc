"""Turn a tree into plain values: scalars resolved, environment references filled in."""

from __future__ import annotations

import re
from typing import Any

from seamless_reconcile.declared import Location, Problem
from seamless_reconcile.manifest.environment import Environment, Unset
from seamless_reconcile.manifest.scalars import NotPlain, resolve
from seamless_reconcile.manifest.tree import Items, Node, Scalar

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Values:
    """Convert the nodes of one file.

    Args:
        file: the file's name, for problems.
        environment: where `${VAR}` is looked up.
    """

    def __init__(self, file: str, environment: Environment) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._environment = environment

    def convert(self, node: Node) -> Any:
        """Give the plain value of a node; what is wrong is added to `problems`."""
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Items):
            return [self.convert(child) for child in node.nodes]
        for key, _ in node.pairs.values():
            if key.plain:
                self._check_key(key)
        return {name: self.convert(child) for name, (_, child) in node.pairs.items()}

    def _scalar(self, node: Scalar) -> Any:
        try:
            if "${" in node.text:
                return self._text(self._environment.fill(node.text), node)
            return resolve(node.text) if node.plain else self._text(node.text, node)
        except NotPlain as exc:
            self._problem(
                str(exc),
                node,
                f'for text, quote it: "{node.text[:40]}"; else write true, false or a decimal number',
            )
        except Unset as exc:
            self._problem(
                str(exc),
                node,
                "" if "not set" not in str(exc) else "set it, or give a default: ${NAME:-default}",
            )
        return node.text

    def _text(self, text: str, at: Scalar) -> str:
        # Escapes and the environment can hold what the file itself cannot.
        if not text.isprintable() and _CONTROL.search(text):
            self._problem("holds a control character", at, "")
        return text

    def _check_key(self, key: Scalar) -> None:
        try:
            if isinstance(resolve(key.text), str):
                return
        except NotPlain:
            pass
        self._problem(
            f"the key {key.text[:40] or '(empty)'} is not text", key, f'quote it: "{key.text[:40]}"'
        )

    def _problem(self, message: str, at: Scalar, hint: str) -> None:
        self.problems.append(Problem(Location(self._file, at.line, at.column), message, hint))
