"""The manifest's graph as text, dot and mermaid; edges mean *requires*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rhl_helpers.text import safe
from seamless_reconcile.report.screen import UNICODE, Glyphs


@dataclass(frozen=True, slots=True)
class Node:
    """One resource as it is drawn.

    Attributes:
        wish: what it should be.
        requires: addresses, in order.
    """

    address: str
    kind: str
    host: str
    wish: str
    requires: tuple[str, ...] = ()


_SHAPES = {"tunnel": "cds", "service": "box", "cache": "cylinder"}
_BRACKETS = {"tunnel": (">", "]"), "service": ("[", "]"), "cache": ("[(", ")]")}


# --- text ----------------------------------------------------------------------------------


def graph_text(nodes: Mapping[str, Node], glyphs: Glyphs = UNICODE) -> str:
    """Give one tree for each resource that nothing requires; what was shown already is not unfolded again."""
    required = {address for node in nodes.values() for address in node.requires}
    seen: set[str] = set()
    lines: list[str] = []
    waiting = [(node, 0) for node in reversed([*nodes.values()]) if node.address not in required]
    while waiting:
        node, depth = waiting.pop()
        again = node.address in seen
        lines.append(_entry(node, depth, glyphs, again=again))
        if not again:
            seen.add(node.address)
            below = [nodes[address] for address in node.requires if address in nodes]
            waiting += [(inner, depth + 1) for inner in reversed(below)]
    return "".join(f"{text}\n" for text in lines)


def _entry(node: Node, depth: int, glyphs: Glyphs, *, again: bool) -> str:
    indent = "  " * (depth - 1) + glyphs.branch if depth else ""
    if again:
        return safe(f"{indent}{node.address} (above)")
    where = "" if node.kind == "tunnel" else f" on {node.host}"
    return safe(f"{indent}{node.address}{where}: {node.wish}")


# --- dot -----------------------------------------------------------------------------------


def graph_dot(nodes: Mapping[str, Node]) -> str:
    """Give the graph for Graphviz, one cluster for each host."""
    lines = ["digraph seamless {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for index, (host, members) in enumerate(_by_host(nodes).items()):
        lines += [f"  subgraph cluster_{index} {{", f"    label={_quoted(host)};"]
        lines += [
            f"    {_quoted(node.address)} [shape={_SHAPES.get(node.kind, 'box')}, "
            f"label={_quoted(node.address, node.wish)}];"
            for node in members
        ]
        lines.append("  }")
    lines += [
        f"  {_quoted(node.address)} -> {_quoted(address)};"
        for node in nodes.values()
        for address in node.requires
        if address in nodes
    ]
    return "\n".join([*lines, "}", ""])


def _quoted(*parts: str) -> str:
    escaped = [safe(part).replace("\\", "\\\\").replace('"', '\\"') for part in parts]
    return '"' + "\\n".join(escaped) + '"'


# --- mermaid -------------------------------------------------------------------------------


def graph_mermaid(nodes: Mapping[str, Node]) -> str:
    """Give the graph for Mermaid, one subgraph for each host."""
    ids = {address: f"n{index}" for index, address in enumerate(nodes)}
    lines = ["flowchart LR"]
    for index, (host, members) in enumerate(_by_host(nodes).items()):
        lines.append(f"  subgraph h{index}[{_entity(host)}]")
        for node in members:
            left, right = _BRACKETS.get(node.kind, ("[", "]"))
            lines.append(f"    {ids[node.address]}{left}{_entity(node.address, node.wish)}{right}")
        lines.append("  end")
    lines += [
        f"  {ids[node.address]} --> {ids[address]}"
        for node in nodes.values()
        for address in node.requires
        if address in nodes
    ]
    return "\n".join([*lines, ""])


def _entity(*parts: str) -> str:
    """Give a quoted label in which nothing is markup: Mermaid renders HTML in labels."""
    allowed = " .:/-_,~=+()"
    escaped = [
        "".join(c if c.isalnum() or c in allowed else f"#{ord(c)};" for c in safe(part)) for part in parts
    ]
    return '"' + "<br/>".join(escaped) + '"'


def _by_host(nodes: Mapping[str, Node]) -> dict[str, list[Node]]:
    hosts: dict[str, list[Node]] = {}
    for node in nodes.values():
        hosts.setdefault(node.host, []).append(node)
    return hosts
