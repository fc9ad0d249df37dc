from __future__ import annotations

import time

import pytest

from seamless_reconcile.manifest.scalars import NotPlain, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("FALSE", False),
        ("0", 0),
        ("-0", 0),
        ("7", 7),
        ("+12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-2", -0.015),
        ("nULL", "nULL"),
        ("tRUE", "tRUE"),
        ("running", "running"),
        ("~/data", "~/data"),
        ("10m", "10m"),
        ("1h30m", "1h30m"),
        ("2026-11-23", "2026-11-23"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("1.2.3", "1.2.3"),
        ("v1_000", "v1_000"),
        ("nobody", "nobody"),
        ("y", "y"),
        ("n", "n"),
        ("once", "once"),
        ("127.0.0.1", "127.0.0.1"),
        ("a:22", "a:22"),
        ("-", "-"),
        ("+", "+"),
        (".", "."),
        ("1e", "1e"),
        ("<<", "<<"),
    ],
)
def test_what_a_plain_scalar_means(text, value):
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"),
        *("22:22", "1:02:03", "190:20:30.15", "-1:30", "12:00:00"),
        *("017", "0o17", "-0o7", "08", "0x1F", "0b101", "1_000", "1_0.5", "0_7", "="),
    ],
)
def test_what_readers_disagree_on_is_refused(text):
    with pytest.raises(NotPlain, match="do not agree"):
        resolve(text)


@pytest.mark.parametrize("text", ["9" * 18, "-" + "9" * 18])
def test_a_sign_is_no_digit(text: str) -> None:
    assert resolve(text) == int(text)


@pytest.mark.parametrize("text", [".inf", "-.Inf", ".NaN", "1e999", "-1e400", "9" * 19, "9" * 5000])
def test_no_number_that_json_cannot_hold(text):
    with pytest.raises(NotPlain):
        resolve(text)


@pytest.mark.parametrize("text", ["1" + "_" * 200_000 + "x", "1" * 200_000 + "x", "0" + ":1" * 100_000 + "x"])
def test_long_texts_take_no_time(text):
    started = time.perf_counter()
    assert resolve(text) == text
    assert time.perf_counter() - started < 1
