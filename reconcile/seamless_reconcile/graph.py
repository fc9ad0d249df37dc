"""The graph of resources: tunnel → service → cache, and services that require each other.

networkx takes 0.1 s to import, half of what a plan of a converged host takes: it is imported by the
functions that need a graph, and most plans need none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from seamless_reconcile.desired import Desired
from seamless_reconcile.kinds.cache import CacheNode

if TYPE_CHECKING:
    import networkx as nx


def resource_graph(desired: Desired, nodes: Iterable[CacheNode]) -> nx.DiGraph[str]:
    """Give the graph whose edges mean *requires*, by address."""
    import networkx as nx  # noqa: PLC0415 - see above

    graph: nx.DiGraph[str] = nx.DiGraph()
    cache_of = {name: node.address for node in nodes for name in node.services}
    for name, spec in desired.services.items():
        graph.add_edge(f"tunnel.{name}", f"service.{name}")
        if name in cache_of:
            graph.add_edge(f"service.{name}", cache_of[name])
        for needed in spec.dependencies:
            graph.add_edge(f"service.{name}", f"service.{needed}")
    return graph


def service_order(desired: Desired) -> list[str]:
    """Order services so that each comes after what it requires, else as the manifest has them.

    Raises:
        ValueError: if services require each other in a circle; names it.
    """
    place = {name: index for index, name in enumerate(desired.services)}
    needs = [(needed, name) for name, spec in desired.services.items() for needed in spec.dependencies]
    if all(place[needed] < place[name] for needed, name in needs):
        # As people write it: what is required comes first.
        return list(place)
    import networkx as nx  # noqa: PLC0415 - see above

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(place)
    graph.add_edges_from(needs)
    try:
        return list(nx.lexicographical_topological_sort(graph, key=place.__getitem__))
    except nx.NetworkXUnfeasible:
        circle = [edge[0] for edge in nx.find_cycle(graph)]
        raise ValueError(
            "services require each other in a circle: " + " → ".join([*circle, circle[0]])
        ) from None


def with_requirements(
    addresses: Iterable[str], graph: nx.DiGraph[str], aliases: Mapping[str, str]
) -> frozenset[str]:
    """Give the addresses and everything they require.

    Args:
        addresses: what the user named.
        graph: see `resource_graph`.
        aliases: other names of shared caches, to the address of their node.

    Raises:
        KeyError: with the first address that is not in the graph.
    """
    import networkx as nx  # noqa: PLC0415 - see above

    selected: set[str] = set()
    for address in addresses:
        node = aliases.get(address, address)
        if node not in graph:
            raise KeyError(address)
        selected |= {node} | nx.descendants(graph, node)
    return frozenset(selected)


def cache_aliases(nodes: Iterable[CacheNode]) -> dict[str, str]:
    """Map `cache.NAME` of every service that shares a cache to the cache's own address."""
    return {f"cache.{name}": node.address for node in nodes for name in node.services}
