"""Any bytes, within a time and a memory that depend on their length alone."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz.targets import MAX_INPUT, TARGETS

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 5.0
BYTES = 32 * 1024 * 1024

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_NAMES = """\
key|status|json_status|live|pid|port|workdir|log|command|parameters|meta|dry_run|dashboard_port|path|state|size
|modified|mtime|data|hostname|tunneled-host|tunneled-port|version|services|receipts|launched|ended|kind
|format_version|files|targets|replace|digest|plan|actions|resources"""
NAMES = st.sampled_from(_NAMES.replace("\n", "").split("|"))
objects = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=20,
)
lines = st.lists(st.dictionaries(NAMES, objects, max_size=8).map(json.dumps), max_size=4).map("\n".join)
hostile = st.lists(
    st.sampled_from(
        ["\x1b[2J", "\x9b31m", "\u202e", "{", '{"', "}", "\n", "[red]", "\x00", "\ud800", "9" * 400, "é"]
    ),
    max_size=12,
).map("".join)
inputs = st.one_of(
    st.binary(max_size=300),
    (lines | hostile | objects.map(json.dumps)).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.tuples(lines, st.integers(0, 400)).map(lambda cut: cut[0].encode()[: cut[1]]),
)


@pytest.mark.parametrize("name", TARGETS)
@settings(
    max_examples=250, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(data=inputs)
@example(data=b"")
@example(data=b"\xff\xfe{}")
@example(data=b'{"pid": 1e999}')
@example(data=b'{"key": "k", "pid": true, "port": 99999999999999999999}')
def test_any_bytes(name: str, data: bytes) -> None:
    began = time.process_time()
    TARGETS[name](data)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    "path", sorted(CORPUS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_the_corpus(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_each_target_has_a_corpus() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


LARGE = {
    "one long line": b"a" * MAX_INPUT,
    "many lines": b"\n" * MAX_INPUT,
    "lists in lists": b"[" * MAX_INPUT,
    "objects in objects": b'{"a":' * (MAX_INPUT // 5),
    "a long number": b'{"pid": ' + b"9" * (MAX_INPUT - 20) + b"}",
    "a long word": b'{"key": "' + b"k" * (MAX_INPUT - 20) + b'"}',
    "many rows": b'{"key": "k"}\n' * (MAX_INPUT // 13),
    "many escapes": b"\x1b[31m" * (MAX_INPUT // 5),
    "many braces": b'{"' * (MAX_INPUT // 2),
    "spaces, then one letter": b" " * (MAX_INPUT - 1) + b"x",
    "quotes": b"'" * MAX_INPUT,
    "backslashes": b'{"command": "' + b"\\\\" * (MAX_INPUT // 2 - 10) + b'"}',
    "aliases": b"a: &a [1]\n" + b"".join(b"b%d: [*a, *a, *a]\n" % n for n in range(4000)),
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("case", LARGE)
def test_large_input_takes_bounded_time_and_memory(name: str, case: str) -> None:
    TARGETS[name](b"{}")
    tracemalloc.start()
    began = time.process_time()
    try:
        TARGETS[name](LARGE[case])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Tracing makes it several times slower than it is.
    assert time.process_time() - began < 4 * SECONDS
    assert peak < BYTES
