"""Tracebacks are found in whatever stands around them; whose code raised is told by its file."""

from __future__ import annotations

import traceback

import pytest

from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.logs import read_log
from seamless_reconcile.diagnose.tracebacks import (
    Frame,
    Kind,
    blame,
    chains,
    find_tracebacks,
    owner,
    prefixes,
)
from unit.diagnose.made import HERE

SITE = "/home/svc/miniforge3/envs/seamless/lib/python3.11/site-packages"
MODULES = knowledge().modules


def found(text):
    return find_tracebacks(text.splitlines())


def formatted(make):
    try:
        make()
    except (ValueError, KeyError, RuntimeError) as error:
        return "".join(traceback.format_exception(error))
    raise AssertionError("nothing was raised")


def boom():
    raise ValueError("first: with a colon")


def chained():
    try:
        boom()
    except ValueError as error:
        raise KeyError("second") from error


def bare():
    raise RuntimeError


def several_lines():
    raise ValueError('one\ntwo\n  File "x", line 3')


@pytest.mark.parametrize(
    ("make", "lines"),
    [
        (boom, ["ValueError: first: with a colon"]),
        (chained, ["ValueError: first: with a colon", "KeyError: 'second'"]),
        (bare, ["RuntimeError"]),
        (several_lines, ["ValueError: one"]),
    ],
)
def test_what_python_writes_is_read(make, lines):
    assert [one.line for one in found(formatted(make))] == lines


def test_a_chain_is_one():
    twice = formatted(chained) + "between\n" + formatted(chained)
    assert [[one.name for one in chain] for chain in chains(found(twice))] == [["ValueError", "KeyError"]] * 2


GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/x/site-packages/starlette/_utils.py", line 76, in collapse_excgroups
  |     yield
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/x/site-packages/hashserver.py", line 747, in get_file
    |     response = ResponseClass(
    | TypeError: init() got an unexpected keyword argument 'method'
    +------------------------------------
"""


def test_a_group_of_exceptions_is_read():
    assert [one.line for one in found(GROUP)] == [
        "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
        "TypeError: init() got an unexpected keyword argument 'method'",
    ]


def test_what_a_logger_writes_in_front_does_not_matter():
    (one,) = read_log((HERE / "logs" / "D240.hashserver.starting.log").read_bytes()).tracebacks
    assert one.line == "RuntimeError: can't start new thread"


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):",
        "Traceback (most recent call last):\nValueError: no frames",
        'Traceback (most recent call last):\n  File "x", line 1, in f',
        'Traceback (most recent call last):\n  File "x", line 1, in f\n!!! not an exception',
        'x\n  File "x", line 1, in f\nValueError: no head',
        "",
    ],
)
def test_what_is_cut_off_is_none(text):
    assert found(text) == ()


def test_one_that_is_cut_off_does_not_hide_the_next():
    text = 'Traceback (most recent call last):\n  File "x", line 1, in f\n' + formatted(boom)
    assert [one.name for one in found(text)] == ["ValueError"]


@pytest.mark.parametrize(
    ("file", "kind", "package"),
    [
        (f"{SITE}/hashserver.py", Kind.SEAMLESS, "hashserver"),
        (f"{SITE}/hash_file_response.py", Kind.SEAMLESS, "hashserver"),
        (f"{SITE}/database_models.py", Kind.SEAMLESS, "seamless-database"),
        (f"{SITE}/jobserver.py", Kind.SEAMLESS, "seamless-jobserver"),
        (f"{SITE}/seamless_dask/wrapper.py", Kind.SEAMLESS, "seamless-dask"),
        (f"{SITE}/seamless_transformer/worker.py", Kind.SEAMLESS, "seamless-transformer"),
        (f"{SITE}/starlette/responses.py", Kind.DEPENDENCY, "starlette"),
        (f"{SITE}/peewee.py", Kind.DEPENDENCY, "peewee"),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", Kind.DEPENDENCY, "yaml"),
        ("/home/svc/miniforge3/envs/x/lib/python3.11/asyncio/base_events.py", Kind.STANDARD, ""),
        ("<frozen importlib._bootstrap>", Kind.STANDARD, ""),
        ("/home/me/src/hashserver/hashserver.py", Kind.SEAMLESS, "hashserver"),
        ("/home/me/src/seamless-dask/seamless_dask/wrapper.py", Kind.SEAMLESS, "seamless-dask"),
        ("/home/me/analysis.py", Kind.UNKNOWN, ""),
        ("", Kind.UNKNOWN, ""),
    ],
)
def test_whose_code_a_file_is(file, kind, package):
    assert owner(Frame(file, 1), MODULES) == (kind, package)


@pytest.mark.parametrize(
    ("log", "kind", "package", "called_by"),
    [
        # Where an interface changed, the caller raises; else the dependency does, called by a service.
        ("D204.hashserver.alive", Kind.SEAMLESS, "hashserver", ""),
        ("D204.database.starting", Kind.SEAMLESS, "seamless-database", ""),
        ("D230.database.alive", Kind.DEPENDENCY, "peewee", "seamless-database"),
        ("D220.hashserver.alive", Kind.DEPENDENCY, "aiofiles", "hashserver"),
        ("D202.daskserver.failed", Kind.SEAMLESS, "seamless-dask", ""),
        ("D261.daskserver.alive", Kind.DEPENDENCY, "dask_jobqueue", ""),
    ],
)
def test_a_dependency_is_told_from_seamless(log, kind, package, called_by):
    last = read_log((HERE / "logs" / f"{log}.log").read_bytes()).tracebacks[-1]
    whose = blame(last, MODULES)
    assert (whose.kind, whose.package, whose.called_by) == (kind, package, called_by)


def test_the_environment_is_told():
    log = read_log((HERE / "logs" / "D204.hashserver.alive.log").read_bytes())
    assert prefixes(log.tracebacks) == ("/home/svc/miniforge3/envs/seamless",)
