from __future__ import annotations

import time

import pytest
import yaml

from seamless_reconcile.manifest import events
from seamless_reconcile.manifest.events import MAX_ALIAS_NODES, MAX_BYTES, MAX_DEPTH, MAX_TEXT, read_tree
from seamless_reconcile.manifest.tree import Items, Scalar, Table, find


@pytest.fixture(params=["libyaml", "pure"])
def parser(request, monkeypatch):
    if request.param == "pure":
        monkeypatch.setattr(events, "_Parser", yaml.SafeLoader)
    else:
        assert yaml.__with_libyaml__
    return request.param


def _read(text):
    root, problems = read_tree(text if isinstance(text, bytes) else text.encode(), "f")
    return root, [str(problem) for problem in problems]


def _good(text):
    root, problems = _read(text)
    assert problems == []
    return root


def _places(node, path=()):
    """Give (path, line, column, text) of every key and scalar."""
    if isinstance(node, Scalar):
        yield path, node.line, node.column, node.text
    elif isinstance(node, Items):
        for index, child in enumerate(node.nodes):
            yield from _places(child, (*path, index))
    else:
        for name, (key, child) in node.pairs.items():
            yield (*path, "key"), key.line, key.column, key.text
            yield from _places(child, (*path, name))


TEXT = """\
# a comment
version: 1
services:
  hashserver: {state: running, "cache" : 'cold'}
  jobserver:
    depends_on:
      - a

      -   b
    note: >-
      folded
      text
    last:
"""


def test_every_key_and_scalar_knows_its_place(parser):
    assert list(_places(_good(TEXT))) == [
        (("key",), 2, 1, "version"),
        (("version",), 2, 10, "1"),
        (("key",), 3, 1, "services"),
        (("services", "key"), 4, 3, "hashserver"),
        (("services", "hashserver", "key"), 4, 16, "state"),
        (("services", "hashserver", "state"), 4, 23, "running"),
        (("services", "hashserver", "key"), 4, 32, "cache"),
        (("services", "hashserver", "cache"), 4, 42, "cold"),
        (("services", "key"), 5, 3, "jobserver"),
        (("services", "jobserver", "key"), 6, 5, "depends_on"),
        (("services", "jobserver", "depends_on", 0), 7, 9, "a"),
        (("services", "jobserver", "depends_on", 1), 9, 11, "b"),
        (("services", "jobserver", "key"), 10, 5, "note"),
        (("services", "jobserver", "note"), 10, 11, "folded text"),
        (("services", "jobserver", "key"), 13, 5, "last"),
        (("services", "jobserver", "last"), 13, 10, ""),
    ]


@pytest.mark.parametrize(
    ("text", "plain"), [("a", True), ("'a'", False), ('"a"', False), ("|\n  a", False), (">\n  a", False)]
)
def test_quotes_are_remembered(parser, text, plain):
    node, _, _ = find(_good(f"k: {text}\n"), ("k",))
    assert isinstance(node, Scalar)
    assert node.plain is plain


def test_columns_count_characters(parser):
    assert list(_places(_good("ä: 'ö'\n😀: y\n"))) == [
        (("key",), 1, 1, "ä"),
        (("ä",), 1, 4, "ö"),
        (("key",), 2, 1, "😀"),
        (("😀",), 2, 4, "y"),
    ]


def test_windows_lines_and_byte_order_mark(parser):
    root = _good(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert [place[1:] for place in _places(root)] == [(1, 1, "a"), (1, 4, "1"), (2, 1, "b"), (2, 4, "2")]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n"])
def test_nothing_is_no_tree(parser, text):
    assert _read(text) == (None, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"\xff\xfea\0", "f:1:1: the file is not UTF-8 text"),
        ("version: 1\n".encode("utf-16"), "f:1:1: the file is not UTF-8 text"),
        (b"a: 1\nb\xc3\xa4: \xe4\n", "f:2:5: the file is not UTF-8 text"),
        (b"a: 1\nb: \0\n", "f:2:4: the character \\x00 is not allowed"),
        ("a: \x1b[0m", "f:1:4: the character \\x1b is not allowed"),
        ("a: \x7f", "f:1:4: the character \\x7f is not allowed"),
        ("a: \x9b", "f:1:4: the character \\x9b is not allowed"),
        ("a: 1\n---\nb: 1\n", "f:2:1: a second YAML document (give each its own file, with another -f)"),
        ("a: *x\n", "f:1:4: the alias *x was not defined before"),
        ("a: &x [*x]\n", "f:1:8: the alias *x refers to itself"),
        ("a: &x 1\n*x : 2\n", "f:2:1: a key must be plain text"),
        ("[a]: 1\n", "f:1:1: a key must be plain text"),
        ("? {a: 1}\n: 1\n", "f:1:3: a key must be plain text"),
    ],
)
def test_what_cannot_be_read_at_all(parser, text, problem):
    root, problems = _read(text)
    assert root is None
    assert problems == [problem]


@pytest.mark.parametrize(
    "text",
    ["a: [", "a: b: c", "a:\n\t- b", "{a: 1", "'a", "a: |x\n b", "%FOO\n", "@a", "a: !<x", "- a\nb: c"],
)
def test_syntax_errors_have_a_place(parser, text):
    root, (problem,) = _read(text)
    assert root is None
    file, line, column, message = problem.split(":", maxsplit=3)
    assert (file, int(line) >= 1, int(column) >= 1) == ("f", True, True)
    assert message.strip()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: !!str 1\n", ["f:1:4: the tag tag:yaml.org,2002:str is not allowed"]),
        ("a: !x {b: 1}\n", ["f:1:4: the tag !x is not allowed"]),
        (
            "a: !!python/object/apply:os.system [id]\n",
            ["f:1:4: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed"],
        ),
        ("a: ! b\n", ["f:1:4: the tag ! is not allowed"]),
        ("a: 1\nb: 2\na: 3\n", ["f:3:1: `a` is here twice (the first is in line 1)"]),
        (
            "{a: 1, 'a': 2, b: {c: 1, c: 2}}",
            [
                "f:1:8: `a` is here twice (the first is in line 1)",
                "f:1:26: `c` is here twice (the first is in line 1)",
            ],
        ),
        ("a: {<<: {b: 1}}\n", ["f:1:5: merge keys (<<) are not allowed (use `defaults`, or write it out)"]),
    ],
)
def test_what_is_refused_while_reading_on(parser, text, problems):
    root, found = _read(text)
    assert isinstance(root, Table)
    assert found == problems


def test_a_quoted_merge_key_is_a_key(parser):
    assert list(_good("'<<': 1\n").pairs) == ["<<"]


def test_aliases_repeat_a_few_settings(parser):
    root = _good("a: &x {b: &y [1, 2], c: *y}\nd: *x\n")
    assert root.pairs["d"][1] is root.pairs["a"][1]
    assert find(root, ("d", "c", 1))[0].text == "2"


def test_an_anchor_may_be_used_again(parser):
    assert find(_good("a: &x 1\nb: *x\nc: &x 2\nd: *x\n"), ("d",))[0].text == "2"


def _laughs(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        _laughs(30),
        "a: &x [" + "y, " * MAX_ALIAS_NODES + "]\nb: *x\n",
        "a: &x 1\nb: [" + "*x, " * (MAX_ALIAS_NODES + 1) + "]",
    ],
    ids=["a billion laughs", "one large anchor", "many aliases"],
)
def test_aliases_do_not_explode(parser, text):
    started = time.perf_counter()
    root, (problem,) = _read(text)
    assert root is None
    assert f"aliases stand for more than {MAX_ALIAS_NODES} values" in problem
    assert time.perf_counter() - started < 5


def test_aliases_up_to_the_limit(parser):
    assert _good("a: &x 1\nb: [" + "*x, " * MAX_ALIAS_NODES + "]")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "- [", "a: ["], ids=repr)
def test_depth_is_bounded(parser, opening):
    started = time.perf_counter()
    root, (problem,) = _read(opening * 2_000)
    assert root is None
    assert f"nested deeper than {MAX_DEPTH} levels" in problem or "flow node" in problem
    assert time.perf_counter() - started < 5


def test_depth_up_to_the_limit(parser):
    assert _good("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    _, (problem,) = _read("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    assert problem == f"f:1:{MAX_DEPTH + 1}: nested deeper than {MAX_DEPTH} levels"


def test_size_is_bounded():
    _, (problem,) = _read(b"#" * (MAX_BYTES + 1))
    assert problem == "f:1:1: the file is larger than 4 MiB"
    assert _read(b"#" * MAX_BYTES) == (None, [])


def test_the_length_of_a_text_is_bounded(parser):
    assert _good("a: " + "x" * MAX_TEXT)
    _, (problem,) = _read("a: " + "x" * (MAX_TEXT + 1))
    assert problem == f"f:1:4: a text of more than {MAX_TEXT} characters"


def test_the_number_of_values_is_bounded(monkeypatch):
    monkeypatch.setattr(events, "MAX_NODES", 5)
    assert _good("[1, 2, 3, 4]")
    _, (problem,) = _read("[1, 2, 3, 4, 5]")
    assert problem == "f:1:14: more than 5 values"
