"""The product's own way to run helpers on this machine, against the suite's."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Iterator

import pytest

from contract.lab import KEY
from contract.real_lab import RealLab
from rhl_helpers.calls import logs
from rhl_helpers.host import Host
from rhl_helpers.transport.base import MAX_OUTPUT
from rhl_helpers.transport.local import LocalTransport

CALLS = [
    ("rhl-ps", "--json"),
    ("rhl-ps", "--bad"),
    ("rhl-inspect", KEY),
    ("rhl-inspect", KEY, "--with-mtime"),
    ("rhl-inspect", "none"),
    ("rhl-logs", KEY),
    ("rhl-ps-persistent", "~/cache", "--json", "--marker", ".HASHSERVER_PREFIX"),
    ("rhl-ps-persistent", "~/cache with a space; $HOME 'x'", "--json"),
    ("rhl-pid-alive", "0"),
    ("rhl-stop", "none"),
    ("rhl-rm", "none", "--server"),
    ("rhl-clear", "~/none"),
    ("rhl-conda-info",),
]


@pytest.fixture
def lab(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealLab]:
    lab = RealLab(tmp_path)
    for name, value in lab.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REMOTE_HTTP_LAUNCHER_DIR", raising=False)
    try:
        yield lab
    finally:
        lab.close()


@pytest.mark.parametrize("argv", CALLS, ids=" ".join)
def test_the_same_call_gives_the_same_reply(lab: RealLab, argv: tuple[str, ...]) -> None:
    lab.state({"pid": None, "status": "starting", "text": "é\u2028"})
    lab.write_log(KEY, b"\xff\x00 raw\r\n")
    lab.make("cache/.HASHSERVER_PREFIX", "cache/ab/x", "cache with a space; $HOME 'x'/y")
    theirs = lab.run(*argv)
    ours = LocalTransport().run(argv, timeout=30.0)
    assert ours.exit_code == theirs.exit_code
    assert ours.stdout == theirs.stdout
    assert ours.stderr == theirs.stderr


def test_what_is_not_installed(lab: RealLab) -> None:
    reply = LocalTransport().run(("rhl-nothing",), timeout=30.0)
    assert (reply.exit_code, lab.run("rhl-nothing").exit_code) == (127, 127)


def test_a_log_that_is_streamed_comes_whole_however_large(lab: RealLab) -> None:
    size = MAX_OUTPUT + 1_000_000
    lab.state({"pid": None, "status": "failed"})
    lab.write_log(KEY, b"x" * size)
    sink = io.BytesIO()
    assert Host(LocalTransport()).call(logs(KEY), stdout_to=sink) is not None
    assert len(sink.getvalue()) == size
