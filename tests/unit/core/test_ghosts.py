"""What is known of a process that no state file leads to, and of a state file that leads to none."""

from __future__ import annotations

import pytest

from rhl_helpers.rows import MalformedRow
from seamless_reconcile.facts import Ghost, ServiceFacts
from seamless_reconcile.kinds.service import Life, State, classify
from seamless_reconcile.observed import Absent, Present, Unknown
from unit.core.values import KEY, host, row, spec

GHOST = Ghost(50_001, 4711, "its log")


@pytest.mark.parametrize(("pid", "who"), [(4711, "process 4711"), (None, "a process")])
def test_a_ghost_is_told_with_its_port_its_pid_and_how_to_end_it(pid: int | None, who: str) -> None:
    seen = classify(spec(), ServiceFacts(Absent(), ghost=Ghost(50_001, pid, "its log")), host())
    assert (seen.state, seen.life, seen.pid, seen.port) == (State.ABSENT, Life.HIDDEN, pid, 50_001)
    assert seen.reason == f"{who} still answers on port 50001 (its log), but no state file leads to it"
    assert seen.hint == "stop it by hand on that host" + (f": kill {pid}" if pid else "")


@pytest.mark.parametrize(
    ("live", "why"), [(True, "pid 4000 is not its process"), (False, "its process is gone")]
)
def test_beside_a_state_file_a_ghost_keeps_the_row(live: bool, why: str) -> None:
    one = row(live=live, status="running" if live else "stale")
    seen = classify(spec(), ServiceFacts(Present(one), ghost=GHOST), host(one))
    assert (seen.state, seen.life, seen.row) == (State.STALE, Life.HIDDEN, one)
    assert seen.reason.startswith(f"{why}; process 4711 still answers on port 50001")


def test_of_a_malformed_file_what_can_be_read_is_told() -> None:
    bad = MalformedRow(KEY, "port: not a number", pid=4000, port=50_000, live=False)
    seen = classify(spec(), ServiceFacts(bad, pid_alive=False, leads=1), host())
    assert (seen.state, seen.life, seen.pid, seen.port) == (State.MALFORMED, Life.DEAD, 4000, 50_000)


def test_where_the_handshake_could_not_be_asked_its_process_is_told() -> None:
    one = row()
    seen = classify(spec(), ServiceFacts(Present(one), Unknown("no route", hint="ask again")), host(one))
    assert (seen.state, seen.life, seen.reason, seen.hint) == (
        State.UNKNOWN, Life.UNPROVEN, "no route", "ask again",
    )  # fmt: skip
    assert (seen.row, seen.pid, seen.port) == (one, 4000, 50_000)
