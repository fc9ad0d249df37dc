"""Ten thousand entries. The limits leave room for a slow, busy machine; docs tell what is usual."""

from __future__ import annotations

import gc
import time

COUNT = 10_000
ENTRY = """\
  h{0}:
    type: hashserver
    stage: s{0}
    state: running
    cache: cold
    tunnel: auto
"""


def large(count: int = COUNT) -> str:
    head = "version: 1\ndefaults: {cluster: mycluster, project: p}\nservices:\n"
    return head + "".join(ENTRY.format(index) for index in range(count))


def test_many_entries_load_soon(written):
    text = large()
    started = time.perf_counter()
    manifest = written.load(text)
    took = time.perf_counter() - started
    assert len(manifest.entries) == COUNT
    assert took < 5, f"{took:.2f} s"


def test_the_collector_is_left_as_it_was(written):
    text = "version: 1\nservices: {}\n"
    assert gc.isenabled()
    written.load(text)
    assert gc.isenabled()
    gc.disable()
    try:
        written.load(text)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_many_problems_are_all_told_soon(written):
    text = large().replace("running", "runing")
    started = time.perf_counter()
    assert len(written.problems(text)) == COUNT
    assert time.perf_counter() - started < 20
