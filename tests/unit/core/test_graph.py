"""The order of services, circles, and what a target requires."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_reconcile.desired import Desired
from seamless_reconcile.graph import cache_aliases, resource_graph, service_order, with_requirements
from seamless_reconcile.kinds.cache import cache_nodes
from unit.core.values import spec, wish


def desired(**needs: str) -> Desired:
    """Give a manifest: name -> the names it requires."""
    return Desired({name: spec(name, dependencies=tuple(of.split())) for name, of in needs.items()})


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({}, []),
        ({"a": "", "b": ""}, ["a", "b"]),
        ({"b": "", "a": ""}, ["b", "a"]),
        ({"a": "", "b": "a", "c": "a b"}, ["a", "b", "c"]),
        ({"a": "b c", "b": "", "c": ""}, ["b", "c", "a"]),
        ({"a": "c", "b": "", "c": "b"}, ["b", "c", "a"]),
        ({"z": "y", "y": "x", "x": "", "w": ""}, ["x", "y", "z", "w"]),
    ],
)
def test_order(needs: dict[str, str], order: list[str]) -> None:
    assert service_order(desired(**needs)) == order


@pytest.mark.parametrize(
    ("needs", "circle"),
    [
        ({"a": "b", "b": "a"}, "a → b → a"),
        ({"x": "", "a": "b", "b": "c", "c": "a"}, "a → b → c → a"),
        ({"a": "a"}, "a → a"),
    ],
)
def test_a_circle_is_named(needs: dict[str, str], circle: str) -> None:
    with pytest.raises(ValueError, match="services require each other in a circle: ") as caught:
        service_order(desired(**needs))
    told = str(caught.value).rpartition(": ")[2].split(" → ")
    assert told[0] == told[-1]
    assert set(told) == set(circle.split(" → "))


@given(st.data())
def test_each_comes_after_what_it_requires(data: st.DataObject) -> None:
    names = [f"s{index}" for index in range(data.draw(st.integers(1, 8)))]
    needs = {
        name: " ".join(data.draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else [])
        for index, name in enumerate(names)
    }
    shuffled = {name: needs[name] for name in data.draw(st.permutations(names))}
    order = service_order(desired(**shuffled))
    assert sorted(order) == sorted(names)
    for name, of in needs.items():
        assert all(order.index(needed) < order.index(name) for needed in of.split())


STORE = Desired(
    {
        "hashserver": spec(cache=wish()),
        "ro": spec("ro", cache=wish()),
        "database": spec("database", cache=wish("~/databases/p")),
        "jobs": spec("jobs", dependencies=("hashserver", "database")),
        "other": spec("other"),
    }
)
NODES = cache_nodes(STORE)
CLOSURES = {
    "cache.hashserver": {"cache.hashserver"},
    "cache.ro": {"cache.hashserver"},
    "service.ro": {"service.ro", "cache.hashserver"},
    "service.other": {"service.other"},
    "tunnel.other": {"tunnel.other", "service.other"},
    "service.jobs": {
        "service.jobs", "service.hashserver", "service.database", "cache.hashserver", "cache.database",
    },
    "tunnel.jobs": {
        "tunnel.jobs", "service.jobs", "service.hashserver", "service.database", "cache.hashserver",
        "cache.database",
    },
}  # fmt: skip


@pytest.mark.parametrize("address", CLOSURES)
def test_a_target_and_what_it_requires(address: str) -> None:
    graph, aliases = resource_graph(STORE, NODES), cache_aliases(NODES)
    assert with_requirements([address], graph, aliases) == CLOSURES[address]


def test_several_targets() -> None:
    graph, aliases = resource_graph(STORE, NODES), cache_aliases(NODES)
    both = with_requirements(["tunnel.other", "cache.ro"], graph, aliases)
    assert both == CLOSURES["tunnel.other"] | CLOSURES["cache.ro"]


@pytest.mark.parametrize("address", ["service.nobody", "", "cache.jobs", "jobs"])
def test_an_address_that_is_not_there(address: str) -> None:
    with pytest.raises(KeyError, match=f"'{address}'"):
        with_requirements(["service.other", address], resource_graph(STORE, NODES), cache_aliases(NODES))


def test_edges() -> None:
    graph = resource_graph(STORE, NODES)
    assert set(graph.successors("service.jobs")) == {"service.hashserver", "service.database"}
    assert set(graph.successors("service.ro")) == {"cache.hashserver"}
    assert set(graph.predecessors("service.jobs")) == {"tunnel.jobs"}
