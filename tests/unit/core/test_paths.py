"""Paths on hosts are decided as text, and in doubt the cautious way."""

from __future__ import annotations

import pytest

from seamless_reconcile.paths import contains, expand, may_overlap, overlap, refusal

HOME = "/home/svc"


@pytest.mark.parametrize(
    ("path", "home", "expected"),
    [
        ("~", HOME, HOME),
        ("~/", HOME, HOME),
        ("~/a/b", HOME, "/home/svc/a/b"),
        ("~/a/b", None, "~/a/b"),
        ("~user/a", HOME, "~user/a"),
        ("/a//b/./c/", HOME, "/a/b/c"),
        ("/a/b/../c", HOME, "/a/c"),
        ("", HOME, ""),
        ("/a", None, "/a"),
    ],
)
def test_expand(path: str, home: str | None, expected: str) -> None:
    assert expand(path, home) == expected


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        ("/a", "/a/b", True),
        ("/a/", "/a/b", True),
        ("/a", "/a", False),
        ("/a", "/ab", False),
        ("/a/b", "/a", False),
        ("/", "/a", True),
    ],
)
def test_contains(parent: str, child: str, expected: bool) -> None:
    assert contains(parent, child) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a/b", "/a", True),
        ("/a", "/ab", False),
        ("/a/b", "/a/c", False),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected


@pytest.mark.parametrize(
    ("one", "other", "home", "expected"),
    [
        ("~/a", "/home/svc/a/b", HOME, True),
        ("~/a", "/home/svc/b", HOME, False),
        ("~/a/b", "~/a", None, True),
        ("~/a", "~/b", None, False),
        # The home is unknown: by the tail, in doubt yes.
        ("~/a/b", "/home/svc/a/b", None, True),
        ("~/a/b", "/home/svc/a/b/c", None, True),
        ("~/a/b", "/anywhere/else/a", None, True),
        ("~/a/b", "/home/svc/x", None, False),
        ("~/a/b", "/home/svc/a/x", None, False),
        ("~/a/b", "/home", None, True),
        ("~/a/b", "/home/svc", None, True),
        ("~/a/b", "/", None, True),
        ("/a/b", "/a/b", None, True),
    ],
)
def test_may_overlap(one: str, other: str, home: str | None, expected: bool) -> None:
    assert may_overlap(one, other, home) is expected
    assert may_overlap(other, one, home) is expected


NEVER = {
    "relative/path": "not an absolute path",
    "": "not an absolute path",
    "~": "not an absolute path",
    "~other/a/b": "not an absolute path",
    "/a/../b/c": "not a plain path",
    "/a/./b": "not a plain path",
    "//a/b": "not a plain path",
    "/a//b": "not a plain path",
    "/": "a home directory or above one",
    "/data": "too close to the file system's root",
    "/tmp": "too close to the file system's root",
    "/root": "too close to the file system's root",
    "/usr/lib/x": "a system directory",
    "/etc/x": "a system directory",
    "/var/lib/postgresql": "a system directory",
    "/run/user/1000": "a system directory",
    "/home": "a home directory or above one",
    "/home/svc": "a home directory or above one",
    "/home/svc/": "a home directory or above one",
    "/home/other": "a home directory or above one",
    "/Users/me": "a home directory or above one",
    "~/": "a home directory or above one",
    "~/.cache/x": "a hidden directory",
    "/data/.hidden/x": "a hidden directory",
}


@pytest.mark.parametrize("path", NEVER)
def test_what_is_never_cleared(path: str) -> None:
    assert refusal(path, home=HOME) == NEVER[path]
    # Nor where the home is not known.
    assert refusal(path) is not None


@pytest.mark.parametrize(
    "path", ["~/buffers/p", "~/x", "/data/x", "/home/svc/x", "/tmp/x/y", "/root/buffers", "/mnt/a/b/"]
)
@pytest.mark.parametrize("home", [HOME, None])
def test_what_may_be_cleared(path: str, home: str | None) -> None:
    assert refusal(path, home=home) is None


@pytest.mark.parametrize(
    ("path", "home", "expected"),
    [
        ("/var/lib/svc/buffers", "/var/lib/svc", None),
        ("~/buffers", "/var/lib/svc", None),
        ("/var/lib/svc", "/var/lib/svc", "a home directory or above one"),
        ("/var/lib/other", "/var/lib/svc", "a system directory"),
        ("/var/lib/x", "/var/lib", "a system directory"),
        ("/usr/lib/x", "/usr", "a system directory"),
        ("~/buffers", "/root", None),
        ("/root/buffers", "/root", None),
        ("/root", "/root", "a home directory or above one"),
    ],
)
def test_homes_of_service_accounts(path: str, home: str, expected: str | None) -> None:
    assert refusal(path, home=home) == expected


@pytest.mark.parametrize(
    ("path", "root", "home", "fine"),
    [
        ("~/buffers/p", "~/buffers", HOME, True),
        ("~/buffers/p", "~/buffers", None, True),
        ("/home/svc/buffers/p", "~/buffers", HOME, True),
        ("~/buffers", "~/buffers", HOME, False),
        ("~/other/p", "~/buffers", HOME, False),
        ("/data/buffers2/p", "/data/buffers", None, False),
    ],
)
def test_a_cache_lies_strictly_below_its_configured_root(
    path: str, root: str, home: str | None, fine: bool
) -> None:
    assert (refusal(path, root=root, home=home) is None) is fine


def test_a_home_that_is_known_leaves_no_doubt() -> None:
    assert not may_overlap("~/a/b", "/mnt/x/a/b", "/home/svc")
    assert not may_overlap("/mnt/x/a/b", "~/a/b", "/home/svc")
    assert may_overlap("~/a/b", "/mnt/x/a/b", None)
    assert may_overlap("~/a/b", "/home/svc/a", "/home/svc")
