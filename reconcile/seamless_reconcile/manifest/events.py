"""Read YAML text into a tree from the parser's event stream.

No construction, no resolver: what a scalar means is decided by `scalars`. Time and memory are
bounded: size, depth, number and length of values and what aliases stand for all have a limit. Read are one
document, plain and quoted scalars, mappings with unique text keys, sequences. Refused are tags,
further documents, merge keys, recursive aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, Problem
from seamless_reconcile.manifest.tree import Items, Node, Scalar, Table, expanded_size

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 1_000_000
MAX_TEXT = 64 * 1024
# All aliases of one file together may stand for this many nodes: enough to repeat a few settings.
MAX_ALIAS_NODES = 2_000
_MERGE_KEY = "<<"
# What YAML allows to stand in a file unescaped.
_NOT_YAML = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# libyaml where PyYAML was built with it, else the same events from pure Python.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(Exception):
    """The text cannot be read as one YAML document; carries where and why."""

    def __init__(self, message: str, line: int, column: int, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.hint = message, line, column, hint


def read_tree(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """Read bytes into a tree.

    Returns:
        The root (None for an empty document, or where reading had to end), and all problems found.
    """
    builder = _Builder(file)
    try:
        text = decode(data)
        for event in _events(text):
            builder.feed(event)
    except Unreadable as exc:
        builder.problem(exc.message, exc.line, exc.column, exc.hint)
        return None, builder.problems
    return builder.root, builder.problems


def decode(data: bytes) -> str:
    """Give the text of a file, without its byte order mark.

    Raises:
        Unreadable: too large, not UTF-8, NUL or other control characters.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB", 1, 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line, column = _position(data[: exc.start].decode("utf-8"))
        raise Unreadable("the file is not UTF-8 text", line, column) from None
    text = text.removeprefix("\ufeff")
    forbidden = _NOT_YAML.search(text)
    if forbidden:
        line, column = _position(text[: forbidden.start()])
        raise Unreadable(f"the character {safe(forbidden.group())} is not allowed", line, column)
    return text


def _position(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _events(text: str) -> Iterator[Any]:
    parser: Any = None
    try:
        parser = _Parser(text)
        while (event := parser.get_event()) is not None:
            yield event
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        words = safe(" ".join(filter(None, (exc.context, exc.problem))) or "not valid YAML")
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Unreadable(words, line, column) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # Escapes and numbers that only the pure parser lets through to Python.
        raise Unreadable("not valid YAML", 1, 1) from None
    finally:
        if parser is not None:
            parser.dispose()


class _Builder:
    """Put events together; an explicit stack, so depth costs no recursion."""

    def __init__(self, file: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._file = file
        self._stack: list[Table | Items] = []
        # The key that waits for its value, for each open mapping.
        self._keys: list[Scalar | None] = []
        self._anchors: dict[str, Node] = {}
        self._open_anchors: dict[int, str] = {}
        self._nodes = 0
        self._alias_nodes = 0
        self._documents = 0

    def problem(self, message: str, line: int, column: int, hint: str = "") -> None:
        self.problems.append(Problem(Location(self._file, line, column), message, hint))

    def feed(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            mark = event.start_mark
            node = Scalar(event.value, not event.style, mark.line + 1, mark.column + 1)
            self._check(event, node.line, node.column)
            if len(node.text) > MAX_TEXT:
                raise Unreadable(f"a text of more than {MAX_TEXT} characters", node.line, node.column)
            self._add(node, event.anchor)
        elif kind is yaml.MappingStartEvent:
            self._open(Table(event.start_mark.line + 1, event.start_mark.column + 1), event)
        elif kind is yaml.SequenceStartEvent:
            self._open(Items(event.start_mark.line + 1, event.start_mark.column + 1), event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._document(event)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            mark = event.start_mark
            raise Unreadable(
                "a second YAML document",
                mark.line + 1,
                mark.column + 1,
                "give each its own file, with another -f",
            )

    def _check(self, event: Any, line: int, column: int) -> None:
        if event.tag is not None:
            self.problem(f"the tag {safe(event.tag)} is not allowed", line, column)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Unreadable(f"more than {MAX_NODES} values", line, column)

    def _open(self, node: Table | Items, event: Any) -> None:
        self._check(event, node.line, node.column)
        if len(self._stack) >= MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", node.line, node.column)
        self._add(node, event.anchor, opening=True)
        self._stack.append(node)
        self._keys.append(None)

    def _close(self) -> None:
        node = self._stack.pop()
        self._keys.pop()
        anchor = self._open_anchors.pop(id(node), None)
        if anchor is not None:
            self._anchors[anchor] = node

    def _alias(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        node = self._anchors.get(event.anchor)
        if node is None:
            known = event.anchor in self._open_anchors.values()
            why = "refers to itself" if known else "was not defined before"
            raise Unreadable(f"the alias *{safe(event.anchor)} {why}", line, column)
        self._alias_nodes += expanded_size(node, limit=MAX_ALIAS_NODES + 1)
        if self._alias_nodes > MAX_ALIAS_NODES:
            raise Unreadable(
                f"aliases stand for more than {MAX_ALIAS_NODES} values",
                line,
                column,
                "use `defaults`, or write it out",
            )
        self._add(node, None, key_at=Scalar(event.anchor, plain=True, line=line, column=column))

    def _add(
        self, node: Node, anchor: str | None, *, opening: bool = False, key_at: Scalar | None = None
    ) -> None:
        if anchor is not None:
            if opening:
                self._anchors.pop(anchor, None)
                self._open_anchors[id(node)] = anchor
            else:
                self._anchors[anchor] = node
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if isinstance(parent, Items):
            parent.nodes.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._key(node, key_at)
            return
        self._keys[-1] = None
        self._pair(parent, key, node)

    def _key(self, node: Node, alias: Scalar | None) -> None:
        if alias is not None or not isinstance(node, Scalar):
            at = alias or node
            raise Unreadable("a key must be plain text", at.line, at.column)
        self._keys[-1] = node

    def _pair(self, parent: Table, key: Scalar, node: Node) -> None:
        name = key.text
        if name == _MERGE_KEY and key.plain:
            self.problem(
                "merge keys (<<) are not allowed", key.line, key.column, "use `defaults`, or write it out"
            )
        elif name in parent.pairs:
            first = parent.pairs[name][0]
            self.problem(
                f"`{safe(name)}` is here twice", key.line, key.column, f"the first is in line {first.line}"
            )
        else:
            parent.pairs[name] = (key, node)
