"""`graph`: draw what requires what, from the manifest alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from seamless_reconcile.cli.options import Asked, manifest_options, output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import opened
from seamless_reconcile.exits import Exit

if TYPE_CHECKING:  # what is drawn brings networkx along
    from seamless_reconcile.desired import Desired
    from seamless_reconcile.report.graphs import Node


@click.command("graph")
@output_options(json=False)
@manifest_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "dot", "mermaid"]),
    default="text",
    show_default=True,
    help="A tree to read, or a picture for Graphviz or Mermaid.",
)
def command(out: Output, asked: Asked, form: str) -> Exit:
    """Draw what requires what, from the manifest alone; contact nothing."""
    from seamless_reconcile.report import graphs  # noqa: PLC0415 - imported when used

    with opened(asked, out) as session:
        nodes = nodes_of(session.desired)
    draw: dict[str, Callable[[], str]] = {
        "text": lambda: graphs.graph_text(nodes, out.glyphs()),
        "dot": lambda: graphs.graph_dot(nodes),
        "mermaid": lambda: graphs.graph_mermaid(nodes),
    }
    out.result(draw[form]())
    return Exit.OK


def nodes_of(desired: Desired) -> dict[str, Node]:
    """Give every resource of a manifest with its wish and what it requires, in the manifest's order."""
    from seamless_reconcile.graph import resource_graph  # noqa: PLC0415 - networkx is slow
    from seamless_reconcile.kinds.cache import cache_nodes  # noqa: PLC0415 - see above
    from seamless_reconcile.report.graphs import Node  # noqa: PLC0415 - see above

    caches = cache_nodes(desired)
    edges = resource_graph(desired, caches)
    nodes: list[Node] = []
    for name, spec in desired.services.items():
        nodes.append(Node(f"tunnel.{name}", "tunnel", "local", spec.tunnel.value))
        nodes.append(Node(f"service.{name}", "service", spec.host, spec.state.value))
    nodes += [
        Node(cache.address, "cache", cache.host, f"{cache.state.value} {cache.path}") for cache in caches
    ]
    return {
        node.address: Node(
            node.address, node.kind, node.host, node.wish, tuple(edges.successors(node.address))
        )
        for node in nodes
    }
