"""What must hold between entries: unique names, dependencies that exist and do not go in circles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rhl_helpers.text import safe
from seamless_reconcile.declared import Entry, Location, Problem
from seamless_reconcile.manifest.entries import Source
from seamless_reconcile.manifest.problems import nearest


def check_relations(entries: Sequence[Entry], sources: Sequence[Source]) -> list[Problem]:
    """Check dependencies over the union of all files, names of unusable entries included."""
    names: dict[str, Location] = {}
    for source in sources:
        names = {**source.names(), **names}
    problems = [problem for entry in entries for problem in _dependencies(entry, names)]
    edges = {entry.name: entry.depends_on for entry in entries if entry.depends_on}
    return problems + list(_cycles(edges, {entry.name: entry for entry in entries}))


def _at(entry: Entry) -> Location:
    return entry.places.get("depends_on", entry.at)


def _dependencies(entry: Entry, names: Mapping[str, Location]) -> Iterator[Problem]:
    for needed in entry.depends_on:
        field = f"services.{entry.name}.depends_on"
        if needed == entry.name:
            yield Problem(_at(entry), f"{field}: a service cannot depend on itself")
        elif needed not in names:
            yield Problem(
                _at(entry), f"{field}: no service is named `{safe(needed)}`", nearest(needed, names)
            )


def _cycles(edges: Mapping[str, Sequence[str]], entries: Mapping[str, Entry]) -> Iterator[Problem]:
    if not edges:
        return
    for cycle in cycles(edges):
        first = entries[cycle[0]]
        ring = " → ".join((*cycle, cycle[0]))
        yield Problem(_at(first), f"services.{first.name}.depends_on: goes in a circle: {ring}")


def cycles(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Give one cycle for each knot of the graph, beginning with the name that was given first.

    Args:
        edges: what each name needs; self-loops are left out.
    """
    # Imported here: most manifests have no `depends_on`, and this takes a while.
    import networkx as nx  # noqa: PLC0415

    graph = nx.DiGraph([(name, need) for name, needs in edges.items() for need in needs if need != name])
    order = {name: index for index, name in enumerate(edges)}
    found: list[list[str]] = []
    for knot in nx.strongly_connected_components(graph):
        if len(knot) > 1:
            start = min(knot, key=lambda name: order[name])
            found.append([name for name, _ in nx.find_cycle(graph.subgraph(knot), start)])
    return sorted(found, key=lambda cycle: order[cycle[0]])
