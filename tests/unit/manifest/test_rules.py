from __future__ import annotations

import time

import pytest

from seamless_reconcile.manifest import rules

HOSTILE = [
    "",
    " ",
    "a b",
    "a\nb",
    "a\n",
    "-a",
    ".a",
    "_a",
    "a--b",
    "STAGE-x",
    "xSTAGE-y",
    "SUBSTAGE-z",
    "{x}",
    "{__import__('os').system('x')}",
    "$HOME",
    "a;b",
    "a'b",
    'a"b',
    "a\\b",
    "a`b`",
    "ä",
    "a\u202eb",
    "a\x00b",
    "..",
    ".",
    "a" * 101,
    "\uff41",
    "a/",
]


@pytest.mark.parametrize("text", [*HOSTILE, "a/b"], ids=repr)
def test_what_is_no_name(text):
    assert rules.name_fault(text)


@pytest.mark.parametrize("text", ["a", "A1", "0", "a.b_c-d", "a-", "a" * 100])
def test_what_is_a_name(text):
    assert rules.name_fault(text) is None


@pytest.mark.parametrize(
    "text", [*HOSTILE, "a//b", "/a", "a/../b", "a/./b", "a/-b", "a/STAGE-x", "a/b c"], ids=repr
)
def test_what_is_no_subproject(text):
    assert rules.subproject_fault(text)


@pytest.mark.parametrize("text", ["a", "a/b", "a.1/b_2/c-3"])
def test_what_is_a_subproject(text):
    assert rules.subproject_fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a/b", "./a", "../a", "~", "~/", "/", "//", "//a", "/a//b", "/a//", "~user/a", "~a"),
        *("/a/..", "/a/../b", "/a/./b", "/.", "~/..", "~/./a", "/a b", "/a\n", "/a\0", "/a'b", '/a"b'),
        *("/a;b", "/a$b", "/a`b", "/a{b}", "/a|b", "/a&b", "/a*b", "/a?b", "/a\\b", "/ä", "/a#b", "/a(b"),
        "/" + "a" * 1000,
    ],
    ids=repr,
)
def test_what_is_no_path(text):
    assert rules.path_fault(text)


@pytest.mark.parametrize(
    "text", ["/a", "/a/", "~/a", "~/a/b.c", "/a/.b", "/scratch/u@h/x%y_z+1=2:3,4.5~6-7", "/a/...", "/-a"]
)
def test_what_is_a_path(text):
    assert rules.path_fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=x",
        "a_b",
        "a b",
        "u@h",
        "a..b",
        "-",
        "a-",
        "h;x",
        "fe80::1%eth0;x",
        "x" * 64,
        "a." * 200,
        "{x}",
    ],
    ids=repr,
)
def test_what_is_no_host(text):
    assert rules.host_fault(text)


@pytest.mark.parametrize("text", ["h", "node1.cluster", "10.0.0.1", "::1", "fe80::1", "localhost", "h."])
def test_what_is_a_host(text):
    assert rules.host_fault(text) is None


@pytest.mark.parametrize("text", ["", "-x", ".", "..", "a/b", "a b", "a" * 101], ids=repr)
def test_what_is_no_marker(text):
    assert rules.marker_fault(text)


@pytest.mark.parametrize("text", [".rhl-clearable", "seamless.db", ".HASHSERVER_PREFIX"])
def test_what_is_a_marker(text):
    assert rules.marker_fault(text) is None


@pytest.mark.parametrize("text", ["", "-n", "a b", "a'b", "a\nb", "x" * 1001, "{x}", "$(x)"], ids=repr)
def test_what_is_no_conda_environment(text):
    assert rules.conda_fault(text)


@pytest.mark.parametrize("text", ["base", "~/envs/x", "/opt/conda/envs/x-1.0", "py_3.11"])
def test_what_is_a_conda_environment(text):
    assert rules.conda_fault(text) is None


@pytest.mark.parametrize("text", ["http://x", "//x", "a b", "a#b", "a\nb", "{x}", "x" * 1001], ids=repr)
def test_what_is_no_url_path(text):
    assert rules.url_path_fault(text)


@pytest.mark.parametrize("text", ["", "healthcheck", "/a/b", "a?b=c&d=%20"])
def test_what_is_a_url_path(text):
    assert rules.url_path_fault(text) is None


@pytest.mark.parametrize("text", ["", "-a", "a b", "a\n", "{a}", "a" * 101], ids=repr)
def test_what_is_no_epoch(text):
    assert rules.epoch_fault(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1h30m5s", 5405),
        (" 5m ", 300),
        ("0", 0),
    ],
)
def test_durations(text, seconds):
    assert rules.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "1d", "1.5h", "-1m", "m10", "30m1h", "1h 30m", "ten", "1" * 7 + "m"]
)
def test_what_is_no_duration(text):
    assert rules.seconds(text) is None


@pytest.mark.parametrize(
    "rule", [rules.path_fault, rules.url_path_fault, rules.host_fault, rules.conda_fault]
)
def test_long_texts_take_no_time(rule):
    started = time.perf_counter()
    assert rule("/" + "a/" * 500_000 + "\0")
    assert time.perf_counter() - started < 1
