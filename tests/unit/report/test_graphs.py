"""The manifest's graph as text, dot and mermaid."""

from __future__ import annotations

from seamless_reconcile.report.graphs import Node, graph_dot, graph_mermaid, graph_text
from seamless_reconcile.report.screen import ASCII


def nodes():
    made = [
        Node("tunnel.db", "tunnel", "local", "open", ("service.db",)),
        Node("service.db", "service", "far", "running", ("cache.db",)),
        Node("tunnel.js", "tunnel", "local", "open", ("service.js",)),
        Node("service.js", "service", "far", "running", ("service.db",)),
        Node("cache.db", "cache", "far", "cold /data/db"),
    ]
    return {node.address: node for node in made}


def test_text_unfolds_each_resource_once():
    assert graph_text(nodes()) == (
        "tunnel.db: open\n"
        "└ service.db on far: running\n"
        "  └ cache.db on far: cold /data/db\n"
        "tunnel.js: open\n"
        "└ service.js on far: running\n"
        "  └ service.db (above)\n"
    )
    assert graph_text(nodes(), ASCII).isascii()


def test_dot_has_a_cluster_a_host_and_an_edge_a_requirement():
    text = graph_dot(nodes())
    assert text.startswith("digraph seamless {\n")
    assert text.endswith("}\n")
    assert text.count("subgraph cluster_") == 2
    assert '    label="far";' in text
    assert '    "cache.db" [shape=cylinder, label="cache.db\\ncold /data/db"];' in text
    assert '  "service.js" -> "service.db";' in text
    assert text.count("->") == 4


def test_mermaid_has_a_subgraph_a_host_and_an_edge_a_requirement():
    text = graph_mermaid(nodes())
    assert text.startswith("flowchart LR\n")
    assert text.count("  end\n") == 2
    assert '    n4[("cache.db<br/>cold /data/db")]' in text
    assert "  n3 --> n1\n" in text
    assert text.count("-->") == 4


def test_a_chain_without_end_is_drawn_too():
    many = [Node(f"service.s{n}", "service", "h", "running", (f"service.s{n + 1}",)) for n in range(5000)]
    assert len(graph_text({node.address: node for node in many}).splitlines()) == 5000


def test_what_is_not_in_the_graph_is_not_drawn():
    alone = {"service.a": Node("service.a", "service", "h", "running", ("service.elsewhere",))}
    assert "elsewhere" not in graph_text(alone) + graph_dot(alone) + graph_mermaid(alone)
