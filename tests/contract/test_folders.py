"""rhl-ps-persistent: what is in a directory."""

from __future__ import annotations

import json

import pytest

from contract.lab import Lab
from rhl_helpers import calls
from rhl_helpers.errors import HelperFailed

PREFIX = ".HASHSERVER_PREFIX"
NOON = 1_700_049_600.75


def rows(lab: Lab, *words: str) -> list[tuple[str, str]]:
    reply = lab.run("rhl-ps-persistent", "--json", *words)
    assert reply.exit_code == 0, reply.stderr
    return [(row["path"], row["state"]) for row in map(json.loads, reply.stdout.decode().splitlines())]


@pytest.mark.fact("marker")
def test_absent_empty_and_populated(lab: Lab) -> None:
    lab.make("empty/", "full/x")
    for name, state in (("none", "absent"), ("empty", "empty"), ("full", "populated")):
        (row,) = lab.host.call(calls.ps_persistent(lab.path(name)))
        assert (row.path, row.state) == (lab.path(name), state)
        assert row.size is None
        assert (row.modified is None) == (state != "populated")


@pytest.mark.fact("marker")
def test_the_marker_is_no_content_if_it_is_named(lab: Lab) -> None:
    lab.make(f"cache/{PREFIX}", "unmarked/x", "empty/")
    assert rows(lab, lab.path("cache")) == [(lab.path("cache"), "populated")]
    assert rows(lab, lab.path("cache"), "--marker", PREFIX) == [(lab.path("cache"), "empty")]
    assert rows(lab, lab.path("unmarked"), "--marker", PREFIX) == []
    assert rows(lab, lab.path("empty"), "--marker", PREFIX) == []
    assert rows(lab, lab.path("none"), "--marker", PREFIX) == [(lab.path("none"), "absent")]
    lab.make("cache/ab/x")
    assert rows(lab, lab.path("cache"), "--marker", PREFIX) == [(lab.path("cache"), "populated")]


@pytest.mark.fact("marker")
def test_a_parent_of_stages_counts_as_populated(lab: Lab) -> None:
    lab.make(f"p/{PREFIX}", "p/STAGE-x/")
    assert rows(lab, lab.path("p"), "--marker", PREFIX) == [(lab.path("p"), "populated")]


@pytest.mark.fact("file")
def test_a_file_gives_size_and_time(lab: Lab) -> None:
    lab.make("db/seamless.db", "bare/other")
    lab.touch("db/seamless.db", NOON)
    (row,) = lab.host.call(calls.ps_persistent(lab.path("db"), file="seamless.db"))
    assert (row.state, row.size, row.modified) == ("populated", 5, "2023-11-15T12:00:00")
    (row,) = lab.host.call(calls.ps_persistent(lab.path("bare"), file="seamless.db"))
    assert (row.state, row.size, row.modified) == ("empty", None, None)
    (row,) = lab.host.call(calls.ps_persistent(lab.path("none"), file="seamless.db"))
    assert row.state == "absent"


@pytest.mark.fact("file", "marker")
def test_a_directory_s_own_time_is_given_without_a_file(lab: Lab) -> None:
    lab.make("cache/x")
    lab.touch("cache", NOON)
    (row,) = lab.host.call(calls.ps_persistent(lab.path("cache")))
    assert row.modified == "2023-11-15T12:00:00"


@pytest.mark.fact("levels")
def test_levels(lab: Lab) -> None:
    lab.make("p/STAGE-a/x", "p/STAGE-b/deep/y", "p/.dot/z", "p/file")
    lab.link("p/link", "p/STAGE-a")
    first = [lab.path(f"p{name}") for name in ("", "/.dot", "/STAGE-a", "/STAGE-b", "/link")]
    assert [path for path, _ in rows(lab, lab.path("p"), "--level", "1")] == first
    deeper = [row.path for row in lab.host.call(calls.ps_persistent(lab.path("p"), level=2))]
    assert deeper == [*first[:4], lab.path("p/STAGE-b/deep"), first[4]]


@pytest.mark.fact("levels", "marker")
def test_levels_with_a_marker_find_the_nested_caches(lab: Lab) -> None:
    lab.make("p/x", f"p/STAGE-a/{PREFIX}", f"p/STAGE-b/{PREFIX}", "p/STAGE-b/ab/y", "p/other/z")
    expected = [(lab.path("p/STAGE-a"), "empty"), (lab.path("p/STAGE-b"), "populated")]
    assert rows(lab, lab.path("p"), "--level", "1", "--marker", PREFIX) == expected


@pytest.mark.fact("one bad path")
def test_one_bad_path_gives_no_row_at_all(lab: Lab) -> None:
    lab.make("good/x", "file")
    for bad in ("relative", "/usr", lab.path("file")):
        reply = lab.run("rhl-ps-persistent", lab.path("good"), bad, "--json")
        assert (reply.exit_code, reply.stdout) == (1, b"")
    assert len(rows(lab, lab.path("good"), lab.path("none"))) == 2


def test_a_tilde_is_expanded_and_paths_are_tidied(lab: Lab) -> None:
    lab.make("good/x")
    assert rows(lab, "~/good/") == [(lab.path("good"), "populated")]
    assert rows(lab, lab.path("good//./")) == [(lab.path("good"), "populated")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("here", "must be absolute"),
        ("/etc", "refusing to operate on system directory"),
        ("/tmp/../etc", "refusing to operate on system directory"),
        ("/tmp/../tmp/x", "must not contain"),
    ],
)
def test_paths_the_helper_refuses(lab: Lab, path: str, reason: str) -> None:
    with pytest.raises(HelperFailed, match=reason):
        lab.host.call(calls.ps_persistent(path))


@pytest.mark.fact("clear anything")
@pytest.mark.parametrize("path", ["/home", "/root", "/dev", "/usr/lib"])
def test_paths_the_helper_should_refuse_but_does_not(lab: Lab, path: str) -> None:
    # rhl-clear checks its path in the very same way; only looking is tried here, since it is real.
    assert lab.run("rhl-ps-persistent", path, "--json").exit_code == 0


@pytest.mark.fact("clear links")
def test_a_link_to_a_system_directory_is_refused(lab: Lab) -> None:
    # As above: the helpers that change things check in the same way.
    lab.link("c", "../" * 20 + "etc")
    with pytest.raises(HelperFailed, match="refusing to operate on system directory"):
        lab.host.call(calls.ps_persistent(lab.path("c")))


@pytest.mark.parametrize(
    "words", [(), ("--level", "x"), ("--level",), ("--level", "-1"), ("--file", "a/b"), ("--marker",)]
)
def test_wrong_arguments(lab: Lab, words: tuple[str, ...]) -> None:
    lab.make("p/x")
    arguments = (lab.path("p"), *words) if words else ()
    reply = lab.run("rhl-ps-persistent", *arguments)
    assert (reply.exit_code, reply.stdout) == (1, b"")


def test_the_table_for_people(lab: Lab) -> None:
    path = lab.path("none")
    reply = lab.run("rhl-ps-persistent", path)
    assert reply.stdout.decode().splitlines()[1].split() == [path, "absent", "-", "-"]
