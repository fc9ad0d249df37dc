"""Hints are checked before anything resolves them, and a key only tells what to try."""

from __future__ import annotations

from typing import Any

import pytest

from seamless_reconcile.importing.guesses import from_key, from_meta, relevant

META = {"service": "hashserver", "cluster": "c", "project": "p", "mode": "rw", "stage": None}


def test_a_whole_meta_is_a_guess() -> None:
    guess, wrong = from_meta({**META, "subproject": "s/t", "stage": "a", "queue": "ignored"})
    assert wrong == ""
    assert guess is not None
    assert (guess.type, dict(guess.values)) == (
        "hashserver",
        {"cluster": "c", "project": "p", "subproject": "s/t", "stage": "a", "mode": "rw"},
    )


def test_no_meta_is_no_guess_and_no_fault() -> None:
    assert from_meta({}) == (None, "")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"service": 3}, "names no service type"),
        ({"service": "postgres"}, "service type postgres"),
        ({"cluster": None}, "names no cluster"),
        ({"cluster": "{1+1}"}, "cluster may hold only"),
        ({"project": ["p"]}, "project is no text"),
        ({"project": "../../etc"}, "project may hold only"),
        ({"project": ""}, "project must not be empty"),
        ({"stage": "a--b"}, "stage must not contain '--'"),
        ({"subproject": "a/../b"}, "subproject may hold only"),
        ({"mode": "rwx"}, "mode is neither"),
    ],
)
def test_a_meta_with_anything_odd_is_none(changed: dict[str, Any], wrong: str) -> None:
    guess, told = from_meta({**META, **changed})
    assert guess is None
    assert wrong in told


def test_dask_servers_have_a_queue() -> None:
    guess, _ = from_meta({"service": "pure-daskserver", "cluster": "c", "queue": "q", "project": "{evil}"})
    assert guess is not None
    assert (guess.type, dict(guess.values)) == ("pure_daskserver", {"cluster": "c", "queue": "q"})
    assert "queue" in relevant("daskserver")


@pytest.mark.parametrize(
    ("key", "clusters", "values"),
    [
        ("hashserver-c-rw-p", ["c"], [("hashserver", "c", "p", None, None)]),
        ("database-c-ro-p--s--t--STAGE-a", ["c"], [("database", "c", "p", "s/t", "a")]),
        # Names run together: both are tried.
        ("hashserver-c-rw-x-rw-p", ["c", "c-rw-x"], [
            ("hashserver", "c", "x-rw-p", None, None), ("hashserver", "c-rw-x", "p", None, None),
        ]),
        ("hashserver-c-rw-p", ["d"], []),
        ("hashserver-c-rw-", ["c"], []),
        ("something", ["c"], []),
    ],
)  # fmt: skip
def test_a_key_tells_what_to_try(key: str, clusters: list[str], values: list[tuple[Any, ...]]) -> None:
    fields = ("cluster", "project", "subproject", "stage")
    found = [(g.type, *(g.values.get(name) for name in fields)) for g in from_key(key, clusters)]
    assert found == values


def test_a_substage_is_told_from_its_stage() -> None:
    (guess,) = from_key("jobserver-c-rw-p--STAGE-aSUBSTAGE-b", ["c"])
    assert (guess.values["stage"], guess.values["substage"]) == ("a", "b")


def test_a_pure_daskserver_is_its_cluster_and_queue() -> None:
    (guess,) = from_key("pure-daskserver-c-q1", ["c"])
    assert dict(guess.values) == {"cluster": "c", "queue": "q1"}
