"""S6: through a read-only transport nothing changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rhl_helpers import calls
from rhl_helpers.errors import MutationRefused
from rhl_helpers.transport.base import Answer, Reply
from rhl_helpers.transport.read_only import READING, ReadOnlyTransport


class Recorder:
    """Does nothing, and remembers what it was asked to do."""

    host = "h"

    def __init__(self):
        self.ran = []
        self.closed = False

    def run(self, argv, *, timeout, max_output=0, stdout_to=None):
        self.ran.append((tuple(argv), timeout, max_output, stdout_to))
        return Reply(self.host, 0, b"", b"")

    def probe(self, host, port, path, *, timeout):
        return Answer.OK

    def close(self):
        self.closed = True


@pytest.mark.parametrize("helper", sorted(READING))
def test_helpers_that_read_pass(helper):
    below = Recorder()
    sink = object()
    ReadOnlyTransport(below).run((helper, "x"), timeout=3.0, max_output=7, stdout_to=sink)
    assert below.ran == [((helper, "x"), 3.0, 7, sink)]


@pytest.mark.parametrize(
    "argv",
    [
        *((helper, "k") for helper in sorted(calls.MUTATING)),
        ("rhl-new-helper",),
        ("RHL-PS",),
        ("/usr/bin/rhl-ps",),
        (" rhl-ps",),
        ("sh", "-c", "rhl-ps"),
        ("",),
        (),
    ],
)
def test_whatever_else_is_refused_and_not_run(argv):
    below = Recorder()
    with pytest.raises(MutationRefused):
        ReadOnlyTransport(below).run(argv, timeout=1.0)
    assert below.ran == []


def test_every_helper_there_is_is_one_or_the_other():
    installed = {path.name for path in (Path(calls.__file__).parents[0]).glob("rhl-*")}
    import sys  # noqa: PLC0415

    installed |= {path.name for path in Path(sys.executable).parent.glob("rhl-*")} - {"rhl-guard"}
    assert installed == READING | calls.MUTATING
    assert not READING & calls.MUTATING


def test_every_reading_call_passes_and_every_changing_one_does_not():
    reading = [
        calls.ps(),
        calls.inspect("k"),
        calls.inspect_stamped("k"),
        calls.ps_persistent("/x"),
        calls.logs("k"),
        calls.pid_alive(2),
        calls.handshake("http://h:1/"),
        calls.verify_port("h", 1),
        calls.conda_info(),
    ]
    changing = [
        calls.stop("k"),
        calls.remove_server_state("k"),
        calls.remove_client_state("k"),
        calls.clear("/x"),
        calls.launch_service("k", "/x", ["hashserver"]),
        calls.cache_conda(),
    ]
    assert {call.helper for call in reading} == READING
    assert {call.helper for call in changing} == calls.MUTATING


def test_the_rest_is_passed_on():
    below = Recorder()
    transport = ReadOnlyTransport(below)
    assert transport.host == "h"
    assert transport.probe("h", 1, "", timeout=1.0) is Answer.OK
    transport.close()
    assert below.closed
