"""What must hold between entries: dependencies that exist and do not go in circles."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping, Sequence

from rhl_helpers.text import safe
from seamless_reconcile.declared import Entry, Location, Problem
from seamless_reconcile.manifest.problems import nearest

# Looking for the nearest name among many, many times, would take minutes.
_MAX_COMPARISONS = 50_000
# Of a circle.
_SHOWN = 50


def check_relations(entries: Sequence[Entry], names: Mapping[str, Location]) -> list[Problem]:
    """Check dependencies over the union of all files.

    Args:
        entries: the usable ones.
        names: all that are declared, usable or not.
    """
    problems: list[Problem] = []
    for entry in entries:
        hints = len(problems) * len(names) < _MAX_COMPARISONS
        problems += _dependencies(entry, names, hints=hints)
    edges = {entry.name: entry.depends_on for entry in entries if entry.depends_on}
    return problems + list(_circles(edges, {entry.name: entry for entry in entries}))


def _at(entry: Entry) -> Location:
    return entry.places.get("depends_on", entry.at)


def _dependencies(entry: Entry, names: Mapping[str, Location], *, hints: bool) -> Iterator[Problem]:
    field = f"services.{entry.name}.depends_on"
    for index, needed in enumerate(entry.depends_on):
        at = entry.places.get(f"depends_on[{index}]") or _at(entry)
        if needed == entry.name:
            yield Problem(at, f"{field}: a service cannot depend on itself")
        elif needed not in names:
            hint = nearest(needed, names) if hints else ""
            yield Problem(at, f"{field}: no service is named `{safe(needed)}`", hint)


def _circles(edges: Mapping[str, Sequence[str]], entries: Mapping[str, Entry]) -> Iterator[Problem]:
    for cycle in cycles(edges):
        first = entries[cycle[0]]
        yield Problem(_at(first), f"services.{first.name}.depends_on: goes in a circle: {ring(cycle)}")


def ring(cycle: Sequence[str]) -> str:
    """Show a cycle, back to where it begins; the middle of a very long one is counted only."""
    names = list(cycle)
    if len(names) > _SHOWN:
        names[_SHOWN // 2 : -_SHOWN // 2] = [f"({len(names) - _SHOWN} more)"]
    return " → ".join((*names, names[0]))


def cycles(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Give one cycle for each knot of the graph, beginning with the name that was given first.

    Args:
        edges: what each name needs; needing itself does not count.
    """
    others = {name: [need for need in needs if need != name] for name, needs in edges.items()}
    try:
        graphlib.TopologicalSorter(others).prepare()
    except graphlib.CycleError:
        return _knots(others)
    return []


def _knots(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    # Imported here: it takes longer than reading most manifests, and circles are rare.
    import networkx as nx  # noqa: PLC0415

    graph = nx.DiGraph([(name, need) for name, needs in edges.items() for need in needs])
    order = {name: index for index, name in enumerate(edges)}
    found: list[list[str]] = []
    for knot in nx.strongly_connected_components(graph):
        if len(knot) > 1:
            start = min(knot, key=lambda name: order[name])
            inside = graph.subgraph(knot)
            ways = [nx.shortest_path(inside, need, start) for need in inside.successors(start)]
            found.append([start, *min(ways, key=len)[:-1]])
    return sorted(found, key=lambda cycle: order[cycle[0]])
