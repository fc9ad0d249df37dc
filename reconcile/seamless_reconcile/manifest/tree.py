"""The little tree a manifest is read into: every key and scalar knows where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(slots=True)
class Scalar:
    """One scalar as it was written; `plain` means without quotes. Line and column count from 1."""

    text: str
    plain: bool
    line: int
    column: int


@dataclass(slots=True)
class Table:
    """A mapping. `pairs` keeps the key beside the value, in the order of the file."""

    line: int
    column: int
    pairs: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)


@dataclass(slots=True)
class Items:
    """A sequence."""

    line: int
    column: int
    nodes: list[Node] = field(default_factory=list)


Node: TypeAlias = Scalar | Table | Items


def children(node: Node) -> Iterator[Node]:
    """Give the nodes right below a node."""
    if isinstance(node, Table):
        for _, child in node.pairs.values():
            yield child
    elif isinstance(node, Items):
        yield from node.nodes


def expanded_size(node: Node, *, limit: int, memo: dict[int, int] | None = None) -> int:
    """Count the nodes a node stands for once every alias below it is written out, up to `limit`.

    Shared nodes are counted once and remembered, so the time is bounded by what is in memory.
    """
    known: dict[int, int] = {} if memo is None else memo
    if id(node) not in known:
        size = 1
        for child in children(node):
            size += expanded_size(child, limit=limit, memo=known)
        known[id(node)] = min(size, limit)
    return known[id(node)]


def find(root: Node, path: tuple[str | int, ...]) -> tuple[Node, Scalar | None, int]:
    """Follow a path of keys and indexes as far as it goes.

    Returns:
        The last node found, its own key (None for the root and for list items), and how many steps
        were taken.
    """
    node, key = root, None
    for taken, step in enumerate(path):
        if isinstance(node, Table) and isinstance(step, str) and step in node.pairs:
            key, node = node.pairs[step]
        elif isinstance(node, Items) and isinstance(step, int) and 0 <= step < len(node.nodes):
            key, node = None, node.nodes[step]
        else:
            return node, key, taken
    return node, key, len(path)
