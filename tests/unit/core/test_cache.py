"""The states of a cache, when it counts as cold, receipts, epochs, and what lies inside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seamless_reconcile.declared import CacheState
from seamless_reconcile.desired import Desired
from seamless_reconcile.facts import CacheFacts, Receipt
from seamless_reconcile.kinds.cache import (
    COLD,
    CacheNode,
    Launch,
    Nested,
    State,
    cache_nodes,
    classify,
    depth_first,
    encloses,
    home_by,
    is_cold,
    nested_outside,
)
from seamless_reconcile.observed import Absent, Present, Unknown
from unit.core.values import HOME, node, persistent, spec, stored, wish

HASH = node()
DATA = node(
    "~/databases/p", name="database", marker="seamless.db", file="seamless.db", markers=("seamless.db",)
)  # fmt: skip
BOTH = node(beside="seamless.db", markers=(".HASHSERVER_PREFIX", "seamless.db"))
ROOT = f"{HOME}/buffers/p"
FILE = {"size": 98_304, "modified": "2023-11-14T22:13:20"}
NOTED = Receipt(98_304, "2023-11-14T22:13:20", 4000, "abc")
REFUSED = Unknown("guard refused: no marker", refused_marker=True)
POLICY = Unknown("guard refused: outside", refused_policy=True)


def there(state: str = "populated", **more: Any) -> Present[Any]:
    return Present(persistent(state=state, **more))


def below(path: str, state: str = "populated") -> Any:
    return persistent(f"{ROOT}/{path}", state)


STAGE = (below("STAGE-a"),)
NEW_STAGE = (below("STAGE-a", "empty"),)
CASES: dict[str, tuple[CacheNode, CacheFacts, State]] = {
    "not read": (HASH, CacheFacts(Unknown("no")), State.UNKNOWN),
    "hidden by the guard's marker policy": (HASH, CacheFacts(REFUSED), State.UNVERIFIABLE),
    "refused by its path policy": (HASH, CacheFacts(POLICY), State.UNKNOWN),
    "no such directory": (HASH, CacheFacts(there("absent")), State.ABSENT),
    "only its marker": (HASH, CacheFacts(there("empty")), State.EMPTY),
    "buffers": (HASH, CacheFacts(there()), State.POPULATED),
    "buffers beside a stage": (
        HASH, CacheFacts(there(), nested=STAGE, children=(below("ab"), *STAGE)), State.POPULATED,
    ),
    "only a stage": (HASH, CacheFacts(there(), nested=STAGE, children=STAGE), State.EMPTY),
    "only a new stage": (HASH, CacheFacts(there(), nested=NEW_STAGE, children=NEW_STAGE), State.EMPTY),
    "a way to a stage": (
        HASH, CacheFacts(there(), nested=(below("sub/STAGE-a"),), children=(below("sub"),)), State.EMPTY,
    ),
    "empty directories": (HASH, CacheFacts(there(), children=(below("ab", "empty"),)), State.EMPTY),
    "no directories, so files": (HASH, CacheFacts(there(), children=()), State.POPULATED),
    "a stage, the rest could not be listed": (HASH, CacheFacts(there(), nested=STAGE), State.POPULATED),
    "no marker, no directory": (HASH, CacheFacts(Absent(), plain=persistent(state="absent")), State.ABSENT),
    "no marker, empty": (HASH, CacheFacts(Absent(), plain=persistent(state="empty")), State.EMPTY),
    "no marker, data": (HASH, CacheFacts(Absent(), plain=persistent()), State.FOREIGN),
    "no marker, only a stage": (
        HASH, CacheFacts(Absent(), plain=persistent(), nested=STAGE, children=STAGE), State.EMPTY,
    ),
    "no marker, data beside a stage": (
        HASH, CacheFacts(Absent(), plain=persistent(), nested=STAGE, children=(below("thesis"), *STAGE)),
        State.FOREIGN,
    ),
    "no marker, hidden": (HASH, CacheFacts(Absent(), plain=REFUSED), State.UNVERIFIABLE),
    "no marker, not read": (HASH, CacheFacts(Absent(), plain=Unknown("no")), State.UNKNOWN),
    "a database": (DATA, CacheFacts(there(**FILE)), State.POPULATED),
    "a database as noted": (DATA, CacheFacts(there(**FILE), receipt=NOTED), State.PRISTINE),
    "a database written to": (
        DATA, CacheFacts(there(**{**FILE, "modified": "2023-11-14T22:13:21"}), receipt=NOTED),
        State.POPULATED,
    ),
    "a database that grew": (
        DATA, CacheFacts(there(**{**FILE, "size": 1}), receipt=NOTED), State.POPULATED,
    ),
    "no database": (DATA, CacheFacts(there("empty"), plain=persistent(state="empty")), State.EMPTY),
    "no database, but data": (DATA, CacheFacts(there("empty"), plain=persistent()), State.FOREIGN),
    "no database, only a stage": (
        DATA, CacheFacts(there("empty"), plain=persistent(), nested=STAGE, children=STAGE), State.EMPTY,
    ),
    "both, new": (
        BOTH, CacheFacts(there(), beside=persistent(**FILE), children=(), receipt=NOTED), State.PRISTINE,
    ),
    "both, buffers": (
        BOTH, CacheFacts(there(), beside=persistent(**FILE), children=(below("ab"),), receipt=NOTED),
        State.POPULATED,
    ),
    "both, results": (
        BOTH, CacheFacts(there(), beside=persistent(**FILE), children=()), State.POPULATED,
    ),
    "both, not listed": (
        BOTH, CacheFacts(there(), beside=persistent(**FILE), receipt=NOTED), State.POPULATED,
    ),
    "both, only the database's file": (
        BOTH, CacheFacts(Absent(), plain=persistent(), beside=persistent(**FILE), children=()),
        State.POPULATED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_classify(case: str) -> None:
    which, facts, state = CASES[case]
    seen = classify(which, facts, {})
    assert seen.state is state
    assert seen.view()["state"] == state.value
    if state in (State.UNKNOWN, State.UNVERIFIABLE, State.FOREIGN):
        assert seen.reason


def test_every_state_is_told_apart_here() -> None:
    assert {state for _, _, state in CASES.values()} == set(State)


def test_what_a_guards_path_policy_refuses_is_marked_so() -> None:
    assert classify(HASH, CacheFacts(POLICY), {}).refused
    assert not classify(HASH, CacheFacts(REFUSED), {}).refused


# --- receipts --------------------------------------------------------------------------------

SERVED: dict[str, tuple[Receipt, list[Launch], State]] = {
    "by nobody": (NOTED, [], State.PRISTINE),
    "by the launch it was taken of": (NOTED, [Launch(4000, "abc")], State.PRISTINE),
    "by that launch with another pid": (NOTED, [Launch(4001, "abc")], State.PRISTINE),
    "by another launch": (NOTED, [Launch(4000, "def")], State.POPULATED),
    "by a launch that is not ours": (NOTED, [Launch(4000, None)], State.POPULATED),
    "by several, that one among them": (NOTED, [Launch(9, None), Launch(4000, "abc")], State.PRISTINE),
    "by several others": (NOTED, [Launch(9, None), Launch(8, "def")], State.POPULATED),
    "of a launch without id, same pid": (
        replace(NOTED, launch_id=None),
        [Launch(4000, None)],
        State.PRISTINE,
    ),
    "of a launch without id, other pid": (replace(NOTED, launch_id=None), [Launch(9, None)], State.POPULATED),
    "of nobody": (replace(NOTED, launch_id=None, pid=None), [Launch(None, None)], State.POPULATED),
}


@pytest.mark.parametrize("case", SERVED)
def test_a_receipt_vouches_for_the_process_it_was_taken_of(case: str) -> None:
    receipt, launches, state = SERVED[case]
    assert classify(DATA, CacheFacts(there(**FILE), receipt=receipt), {}, launches).state is state


def test_a_receipt_is_of_no_use_for_buffers() -> None:
    assert classify(HASH, CacheFacts(there(**FILE), receipt=NOTED), {}).state is State.POPULATED


# --- cold ------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("state", list(State))
def test_is_cold(state: State, served: bool) -> None:
    expected = state in COLD or (state is State.UNVERIFIABLE and not served)
    assert is_cold(HASH, stored(state), served=served) is expected


@pytest.mark.parametrize("state", list(State))
def test_within_its_epoch_everything_is_cold(state: State) -> None:
    assert is_cold(node(epoch="one"), stored(state, epoch="one"), served=True)


@pytest.mark.parametrize(
    ("wished", "meta", "memory", "seen"),
    [
        ("one", {"epoch": "one"}, None, "one"),
        ("one", {}, "one", "one"),
        ("one", {"epoch": "two"}, "one", "one"),
        ("one", {"epoch": "one"}, "two", "one"),
        ("one", {"epoch": "two"}, "three", "two"),
        ("one", {}, None, None),
        (None, {"epoch": "two"}, None, "two"),
        (None, {}, None, None),
        ("one", {"epoch": 1}, None, None),
        ("one", {"epoch": ""}, "", None),
    ],
)
def test_epochs(wished: str | None, meta: dict[str, Any], memory: str | None, seen: str | None) -> None:
    facts = CacheFacts(there(), epoch_cleared=memory)
    observed = classify(node(epoch=wished), facts, meta)
    assert observed.epoch == seen
    assert is_cold(node(epoch=wished), observed, served=True) is (wished is not None and seen == wished)


# --- nested ----------------------------------------------------------------------------------


def test_what_is_empty_inside_is_not_lost() -> None:
    facts = CacheFacts(there(), nested=(below("STAGE-a"), below("STAGE-b", "empty")))
    assert [n.path for n in classify(HASH, facts, {}).nested] == [f"{ROOT}/STAGE-a"]


@pytest.mark.parametrize(
    ("cold", "home", "outside"),
    [
        ([], HOME, True),
        ([f"{ROOT}/STAGE-a"], None, False),
        ([f"{ROOT}/STAGE-a/"], None, False),
        (["~/buffers/p/STAGE-a"], HOME, False),
        (["~/buffers/p/STAGE-a"], None, True),
        (["~/STAGE-a"], HOME, True),
        (["~/p/STAGE-a"], HOME, True),
        ([f"{ROOT}/STAGE-b", f"{ROOT}/STAGE-a"], HOME, False),
        ([ROOT], HOME, True),
    ],
)
def test_nested_outside(cold: list[str], home: str | None, outside: bool) -> None:
    seen = stored(nested=(Nested(f"{ROOT}/STAGE-a"),))
    assert bool(nested_outside(seen, cold, home)) is outside


@pytest.mark.parametrize(
    ("path", "real", "home"),
    [
        ("~/a/b", "/home/svc/a/b", "/home/svc"),
        ("~/a/b", "/a/b", None),
        ("~/a/b", "/home/svc/a/c", None),
        ("/a/b", "/a/b", None),
        ("~/a", "~/a", None),
    ],
)
def test_home_by(path: str, real: str, home: str | None) -> None:
    assert home_by(path, real) == home


# --- nodes -----------------------------------------------------------------------------------


def nodes(*specs: Any) -> tuple[CacheNode, ...]:
    return cache_nodes(Desired({one.name: one for one in specs}))


def test_one_directory_is_one_cache() -> None:
    found = nodes(
        spec("a", cache=wish("~/x", state=CacheState.KEEP)),
        spec("b", cache=wish("~/x/", state=CacheState.COLD, epoch="one")),
        spec("c", cache=wish("~/x", state=CacheState.WARM)),
        spec("d", cache=wish("~/y", state=CacheState.WARM)),
        spec("e", cache=wish("~/x"), host="elsewhere"),
        spec("f"),
    )
    assert [(n.name, n.host, n.path, n.services, n.state, n.epoch) for n in found] == [
        ("a", "frontend", "~/x", ("a", "b", "c"), CacheState.COLD, "one"),
        ("d", "frontend", "~/y", ("d",), CacheState.WARM, None),
        ("e", "elsewhere", "~/x", ("e",), CacheState.COLD, None),
    ]


@pytest.mark.parametrize("order", [1, -1], ids=["buffers first", "database first"])
def test_a_database_beside_buffers(order: int) -> None:
    both = [
        spec("a", cache=wish("~/x")),
        spec("b", cache=wish("~/x", marker="seamless.db", file="seamless.db")),
    ]
    (found,) = nodes(*both[::order])
    assert (found.marker, found.file, found.beside) == (".HASHSERVER_PREFIX", None, "seamless.db")
    assert set(found.markers) == {".HASHSERVER_PREFIX", "seamless.db"}


def test_two_databases_are_judged_by_their_file() -> None:
    (found,) = nodes(*(spec(n, cache=wish("~/x", marker="seamless.db", file="seamless.db")) for n in "ab"))
    assert (found.marker, found.file, found.beside) == ("seamless.db", "seamless.db", None)


def test_inner_caches_come_first() -> None:
    paths = ["/a/b", "/a/b/c/d", "/a", "/a/b/c", "/x/y"]
    assert [n.path for n in depth_first(node(path) for path in paths)] == [
        "/a/b/c/d", "/a/b/c", "/a/b", "/x/y", "/a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (node("/a/b"), node("/a/b/c"), True),
        (node("/a/b"), node("/a/b"), False),
        (node("/a/b"), node("/a/bc"), False),
        (node("/a/b"), node("/a/b/c", host="elsewhere"), False),
    ],
)
def test_encloses(outer: CacheNode, inner: CacheNode, expected: bool) -> None:
    assert encloses(outer, inner) is expected
