from __future__ import annotations

import hashlib

import pytest

from seamless_reconcile.manifest.environment import MAX_FILLED, Environment, Unset

VALUES = {"A": "1", "EMPTY": "", "_b2": "x y", "REF": "${A}"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("$A", "$A"),
        ("${A}", "1"),
        ("x${A}y${_b2}", "x1yx y"),
        ("${NONE:-d}", "d"),
        ("${NONE:-}", ""),
        ("${NONE:-a b/c:-d}", "a b/c:-d"),
        ("${A:-d}", "1"),
        ("${EMPTY}", ""),
        ("${EMPTY:-d}", "d"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$${A} ${A}", "${A} 1"),
        ("${REF}", "${A}"),
        ("{A}", "{A}"),
    ],
)
def test_references_are_filled_in_once(text, filled):
    assert Environment(VALUES).fill(text) == filled


@pytest.mark.parametrize("text", ["${NONE}", "a ${A} ${NONE}", "${a}"])
def test_an_unset_variable_is_an_error(text):
    with pytest.raises(Unset, match="is not set") as caught:
        Environment(VALUES).fill(text)
    assert caught.value.unset


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A-B}", "${A:+x}", "${A:-${B}}", "${ A }"])
def test_a_malformed_reference_is_an_error(text):
    with pytest.raises(Unset, match="is not \\$\\{NAME\\}") as caught:
        Environment(VALUES).fill(text)
    assert not caught.value.unset


@pytest.mark.parametrize("texts", [["${A}${A}${A}"], ["${A}"] * 3])
def test_what_is_put_in_is_bounded(texts):
    environment = Environment({"A": "x" * (MAX_FILLED // 2)})
    with pytest.raises(Unset, match="more text than is read"):
        [environment.fill(text) for text in texts]


def _digest(values, *texts):
    environment = Environment(values)
    for text in texts:
        environment.fill(text)
    into = hashlib.sha256()
    environment.digest(into)
    return into.hexdigest()


def test_the_digest_knows_what_was_used_and_nothing_else():
    base = _digest({"A": "1", "B": "2"}, "${A}")
    assert _digest({"A": "1", "B": "3"}, "${A}") == base
    assert _digest({"A": "2", "B": "2"}, "${A}") != base
    assert _digest({"A": "1", "B": "2"}, "${A}${B}") != base
    assert _digest({"A": "1", "B": "2"}, "${B}", "${A}") == _digest({"A": "1", "B": "2"}, "${A}", "${B}")
    assert _digest({"A": "\udcff"}, "${A}") != _digest({"A": "\ud800"}, "${A}")
