"""rhl-clear, on trees of all shapes."""

from __future__ import annotations

import pytest

from contract.lab import Lab
from contract.sim_lab import SimLab
from rhl_helpers import calls
from rhl_helpers.errors import HelperFailed

PREFIX = ".HASHSERVER_PREFIX"


def passes(lab: Lab, path: str = "c", most: int = 20) -> int:
    """Clear until the helper says it is done; give how many passes that took."""
    for count in range(1, most + 1):
        if lab.host.call(calls.clear(lab.path(path))):
            return count
    raise AssertionError("it never ended")


def test_files_and_shallow_directories_go_in_one_pass(lab: Lab) -> None:
    lab.make("c/one", "c/two", "c/ab/x", "c/ab/y", "c/cd/z", "c/empty/")
    reply = lab.run("rhl-clear", lab.path("c"))
    assert (reply.exit_code, reply.stderr) == (0, b"")
    assert reply.stdout.decode() == f"removed 5 item(s) from {lab.path('c')}\n"
    assert lab.listing("c") == []


# What is below `c`, and how many passes it takes: one more than the deepest child has directories below it.
TREES = {
    "flat": (["a"], 1),
    "one level": (["a/x"], 1),
    "two levels": (["a/b/x"], 2),
    "three levels": (["a/b/c/x"], 3),
    "five levels": (["a/b/c/d/e/x"], 5),
    "two below one": (["a/b/x", "a/c/x"], 3),
    "three below one": (["a/b/x", "a/c/x", "a/d/x"], 4),
    "a stage of buffers": (["STAGE-s/ab/x", "STAGE-s/cd/x", "STAGE-s/ef/x", "ab/x"], 4),
    "two stages": (["STAGE-s/ab/x", "STAGE-t/ab/x", "STAGE-t/cd/x"], 3),
    "a bush": (["a/b/c/x", "a/b/d/x", "a/e/x", "a/f/g/x"], 7),
    "empty directories": (["a/b/", "a/c/d/"], 4),
}


@pytest.mark.fact("clear deep")
@pytest.mark.parametrize("name", TREES)
def test_how_many_passes_a_tree_takes(lab: Lab, name: str) -> None:
    paths, expected = TREES[name]
    lab.make(*[f"c/{path}" for path in paths])
    assert passes(lab) == expected
    assert lab.listing("c") == []


@pytest.mark.fact("clear deep")
@pytest.mark.parametrize("order", ["inserted", "sorted", "reversed", 1, 2, 3])
@pytest.mark.parametrize("name", TREES)
def test_the_file_system_s_order_changes_nothing_about_that(name: str, order: str | int) -> None:
    lab = SimLab()
    lab.machine.tree.order = order
    paths, expected = TREES[name]
    lab.make(*[f"c/{path}" for path in paths])
    assert passes(lab) == expected


@pytest.mark.fact("clear deep")
def test_what_a_failed_pass_says_and_leaves(lab: Lab) -> None:
    lab.make("c/a/b/x", "c/top", "c/other/y")
    reply = lab.run("rhl-clear", lab.path("c"))
    assert reply.exit_code == 1
    assert reply.stdout.decode() == f"removed 2 item(s) from {lab.path('c')}\n"
    gone = f"[Errno 2] No such file or directory: '{lab.path('c/a/b')}'"
    assert reply.stderr.decode() == f"rhl-clear: could not remove {lab.path('c/a')}: {gone}\n"
    assert lab.listing("c") == ["a/"]


@pytest.mark.fact("clear dots")
def test_dot_files_go_and_dot_directories_stay(lab: Lab) -> None:
    lab.make(f"c/{PREFIX}", "c/.hidden/x", "c/a/.marker", "c/a/.keep/y", "c/b/z")
    assert lab.host.call(calls.clear(lab.path("c"))) is True
    assert lab.listing("c") == [".hidden/x", "a/.keep/y"]
    assert lab.host.call(calls.clear(lab.path("c"))) is True


@pytest.mark.fact("clear dots")
def test_a_dot_directory_deep_down_fails_every_pass(lab: Lab) -> None:
    lab.make("c/a/b/.keep/y", "c/a/b/x")
    for _ in range(3):
        reply = lab.run("rhl-clear", lab.path("c"))
        assert (reply.exit_code, reply.stdout.decode()) == (1, f"removed 0 item(s) from {lab.path('c')}\n")
        full = f"[Errno 39] Directory not empty: '{lab.path('c/a')}'"
        assert reply.stderr.decode() == f"rhl-clear: could not remove {lab.path('c/a')}: {full}\n"
    assert lab.listing("c") == ["a/b/.keep/y"]


@pytest.mark.fact("clear absent")
def test_an_absent_path_is_a_failure(lab: Lab) -> None:
    with pytest.raises(HelperFailed, match="path does not exist"):
        lab.host.call(calls.clear(lab.path("none")))


def test_a_file_is_no_directory(lab: Lab) -> None:
    lab.make("c")
    with pytest.raises(HelperFailed, match="not a directory"):
        lab.host.call(calls.clear(lab.path("c")))
    assert lab.run("rhl-logs", "c").exit_code == 1


def test_an_empty_directory_is_done_at_once(lab: Lab) -> None:
    lab.make("c/")
    assert passes(lab) == 1
    assert lab.listing("c") == []


@pytest.mark.fact("clear links")
def test_links_below_go_as_links_and_a_linked_root_is_followed(lab: Lab) -> None:
    lab.make("far/x", "real/y")
    lab.link("real/link", "far")
    lab.link("c", "real")
    assert lab.host.call(calls.clear(lab.path("c"))) is True
    assert lab.listing("real") == []
    assert lab.listing("far") == ["x"]


@pytest.mark.parametrize(
    ("path", "reason"), [("relative", "must be absolute"), ("/nowhere/../nothing", "must not contain")]
)
def test_paths_that_are_refused(lab: Lab, path: str, reason: str) -> None:
    with pytest.raises(HelperFailed, match=reason):
        lab.host.call(calls.clear(path))


@pytest.mark.fact("clear unasked")
def test_nobody_is_asked(lab: Lab) -> None:
    lab.make("c/x")
    lab.launch(workdir="~/c")
    row = lab.running()
    assert lab.host.call(calls.clear(lab.path("c"))) is True
    assert lab.listing("c") == []
    assert row.port is not None
    assert lab.answers(row.port).name == "OK"
