"""Whatever the bytes: a manifest or its problems, soon, and nothing else."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seamless_reconcile.declared import LAUNCHER_TYPE, SEAMLESS_TYPES, Manifest, ManifestError
from seamless_reconcile.manifest import events, load
from seamless_reconcile.manifest.rules import name_fault, path_fault, subproject_fault
from seamless_reconcile.manifest.tree import Items, Scalar, Table

_WORDS = """\
version: 1|services:|defaults:|clusters:|hashserver|database|jobserver|launcher|type:|state:|running|cold
|cache:|path:|stage:|project:|depends_on:|idle_timeout:|10m|&a|*a|<<:|!!str|---|...|%YAML 1.2|${A}|$${
|${B:-c}|~|null|no|22:22|{|}|[|]|,|:|-|?|>|'|"|#|"\\0"|"\\ud800"|"\\UFFFFFFFF"|"\\x1b"|1e999|.inf|0o7"""
_ODD = ["|", "\n", "\n  ", "\n    ", " ", "\t", "\0", "\ufeff", "9" * 5000, "\x85", "\u2028", "😀"]
WORDS = st.sampled_from([*_WORDS.replace("\n", "").split("|"), *_ODD])
TEXTS = st.lists(WORDS, max_size=60).map(lambda words: " ".join(words).encode("utf-8", "surrogatepass"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["running", "cold", "hashserver"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["state", "cache", "type", "launcher", "path", "x", "stage", "depends_on"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
SHAPED = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "services": st.dictionaries(st.sampled_from([*SEAMLESS_TYPES, "a"]), VALUES, max_size=4),
    },
    optional={"defaults": VALUES, "clusters": VALUES, "x": VALUES},
).map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass"))


@pytest.fixture(params=["libyaml", "pure"])
def parser(request, monkeypatch):
    if request.param == "pure":
        monkeypatch.setattr(events, "_Parser", yaml.SafeLoader)


def _outcome(path, data):
    path.write_bytes(data)
    started = time.perf_counter()
    problems, manifest = None, None
    try:
        manifest = load([path], {"A": "x"})
    except ManifestError as exc:
        problems = exc.problems
    assert time.perf_counter() - started < 5
    assert problems is None or (problems and all(str(problem).isprintable() for problem in problems))
    return manifest


def _sound(manifest):
    assert isinstance(manifest, Manifest)
    for entry in manifest.entries:
        assert name_fault(entry.name) is None
        assert entry.type in (*SEAMLESS_TYPES, LAUNCHER_TYPE)
        for field in ("cluster", "project", "stage", "substage", "queue"):
            assert not getattr(entry.identity, field) or name_fault(getattr(entry.identity, field)) is None
        assert not entry.identity.subproject or subproject_fault(entry.identity.subproject) is None
        assert entry.cache.path is None or path_fault(entry.cache.path) is None


FUZZ = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(data=st.binary(max_size=400) | TEXTS | SHAPED)
@example(data=b'a: "\\UFFFFFFFF"')
@example(data=b'a: "\\ud800"')
@example(data=b"%YAML 99999999999999999999.1\n--- a")
@example(data=b"a: " + b"9" * 5000)
@example(data=b"? " * 500)
@example(data=b"version: 1\nservices: {hashserver: {cache: {path: [], marker: {}}}}\n")
def test_any_bytes(parser, tmp_path, data):
    manifest = _outcome(tmp_path / "m.yaml", data)
    if manifest is not None:
        _sound(manifest)


def _plain(node):
    if isinstance(node, Scalar):
        return (node.text, node.plain, node.line, node.column)
    if isinstance(node, Items):
        return [_plain(child) for child in node.nodes]
    assert isinstance(node, Table)
    return {name: (key.line, key.column, _plain(child)) for name, (key, child) in node.pairs.items()}


@settings(FUZZ, max_examples=200)
@given(data=SHAPED)
def test_both_parsers_read_the_same(monkeypatch, data):
    root, problems = events.read_tree(data, "f")
    with monkeypatch.context() as patch:
        patch.setattr(events, "_Parser", yaml.SafeLoader)
        pure, pure_problems = events.read_tree(data, "f")
    assert problems == pure_problems == []
    assert _plain(root) == _plain(pure)
