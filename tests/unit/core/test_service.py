"""The rules that tell one state of a service from another: first match wins."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rhl_helpers.rows import MalformedRow
from rhl_helpers.transport.base import Answer
from seamless_reconcile.desired import Handshake
from seamless_reconcile.facts import Evidence, Ghost, ServiceFacts
from seamless_reconcile.kinds.service import (
    CLOCK_DOUBT,
    Life,
    State,
    as_fileless,
    as_miswired,
    classify,
    handshake_port,
    same_command,
)
from seamless_reconcile.kinds.wiring import Wire, miswired
from seamless_reconcile.observed import Absent, Present, Unknown
from unit.core.values import host, row, spec

GHOST = Ghost(50_000, 4001, "its log")
BAD = MalformedRow("k", "not JSON")


def facts(of: Any = None, **more: Any) -> ServiceFacts:
    return ServiceFacts(Present(row()) if of is None else of, **more)


def there(**fields: Any) -> Present[Any]:
    return Present(row(**fields))


ROWS: dict[str, tuple[ServiceFacts, State, Life]] = {
    "could not be read": (facts(Unknown("no")), State.UNKNOWN, Life.UNPROVEN),
    "no file": (facts(Absent()), State.ABSENT, Life.DEAD),
    "no file, a ghost": (facts(Absent(), ghost=GHOST), State.ABSENT, Life.HIDDEN),
    "dry run": (facts(there(dry_run=True, pid=None, live=None)), State.STALE, Life.DEAD),
    "dry run, a ghost": (facts(there(dry_run=True, pid=None), ghost=GHOST), State.STALE, Life.HIDDEN),
    "failed": (facts(there(status="failed", live=False)), State.FAILED, Life.DEAD),
    "failed, no pid": (facts(there(status="failed", live=None, pid=None)), State.FAILED, Life.DEAD),
    "failed, lives on": (facts(there(status="failed")), State.FAILED, Life.UNPROVEN),
    "failed, lives on, ours": (
        facts(there(status="failed"), evidence=Evidence.OURS), State.FAILED, Life.OURS,
    ),
    "failed, a zombie": (facts(there(status="failed"), evidence=Evidence.ZOMBIE), State.FAILED, Life.DEAD),
    "failed, nobody knows": (facts(there(status="failed", live=None)), State.UNKNOWN, Life.UNPROVEN),
    "dead": (facts(there(live=False)), State.STALE, Life.DEAD),
    "dead, a ghost": (facts(there(live=False), ghost=GHOST), State.STALE, Life.HIDDEN),
    "died while starting": (facts(there(status="starting", live=False)), State.STALE, Life.DEAD),
    "gone here": (facts(evidence=Evidence.GONE), State.STALE, Life.DEAD),
    "zombie": (facts(evidence=Evidence.ZOMBIE), State.STALE, Life.DEAD),
    "pid of a stranger": (facts(evidence=Evidence.STRANGER), State.STALE, Life.DEAD),
    "no pid": (facts(there(pid=None, live=None)), State.MALFORMED, Life.DEAD),
    "port could not be asked": (facts(answer=Unknown("no")), State.UNKNOWN, Life.UNPROVEN),
    "starting": (facts(there(status="starting"), age=1.0), State.STARTING, Life.OURS),
    "starting, age unknown": (facts(there(status="starting")), State.STARTING, Life.OURS),
    "starting, within the doubt of clocks": (
        facts(there(status="starting"), age=60 + CLOCK_DOUBT), State.STARTING, Life.OURS,
    ),
    "starting outlived": (
        facts(there(status="starting"), age=61 + CLOCK_DOUBT), State.UNHEALTHY, Life.UNPROVEN,
    ),
    "starting outwaited, ours": (
        facts(there(status="starting"), age=math.inf, evidence=Evidence.OURS), State.UNHEALTHY, Life.OURS,
    ),
    "unknown status": (facts(there(status="odd")), State.MALFORMED, Life.UNPROVEN),
    "unknown status, seen well": (facts(there(status="odd"), seen_well=True), State.MALFORMED, Life.OURS),
    "no port": (facts(there(port=None)), State.MALFORMED, Life.UNPROVEN),
    "running": (facts(answer=Answer.OK), State.RUNNING, Life.OURS),
    "running, not asked": (facts(), State.RUNNING, Life.OURS),
    "port closed": (facts(answer=Answer.CLOSED), State.UNHEALTHY, Life.UNPROVEN),
    "port closed, seen well": (facts(answer=Answer.CLOSED, seen_well=True), State.UNHEALTHY, Life.OURS),
    "port closed, ours": (
        facts(answer=Answer.CLOSED, evidence=Evidence.OURS), State.UNHEALTHY, Life.OURS,
    ),
    "not ok": (facts(answer=Answer.NOT_OK), State.UNHEALTHY, Life.OURS),
    "silent": (facts(answer=Answer.SILENT), State.UNHEALTHY, Life.OURS),
    "marked stale too late": (facts(there(status="stale"), answer=Answer.OK), State.UNHEALTHY, Life.OURS),
    "marked stale, not asked": (facts(there(status="stale")), State.UNHEALTHY, Life.UNPROVEN),
    "malformed, nothing left to follow": (
        facts(BAD, leads=0, has_log=True), State.MALFORMED, Life.UNPROVEN,
    ),
    "malformed, never launched": (facts(BAD, leads=0, has_log=False), State.MALFORMED, Life.DEAD),
    "malformed, all traces cold": (facts(BAD, leads=2, has_log=True), State.MALFORMED, Life.DEAD),
    "malformed, a ghost": (facts(BAD, ghost=GHOST), State.MALFORMED, Life.HIDDEN),
    "malformed, its pid lives": (
        facts(MalformedRow("k", "x", pid=4000), pid_alive=True), State.MALFORMED, Life.UNPROVEN,
    ),
    "malformed, its pid could not be asked": (
        facts(MalformedRow("k", "x", pid=4000), pid_alive=None), State.MALFORMED, Life.UNPROVEN,
    ),
    "malformed, its pid is dead": (
        facts(MalformedRow("k", "x", pid=4000), pid_alive=False), State.MALFORMED, Life.DEAD,
    ),
    "malformed, its pid is a stranger's": (
        facts(MalformedRow("k", "x", pid=4000), pid_alive=True, evidence=Evidence.STRANGER),
        State.MALFORMED, Life.DEAD,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_classify(case: str) -> None:
    given, state, life = ROWS[case]
    seen = classify(spec(), given, host(row()))
    assert (seen.state, seen.life) == (state, life)
    assert seen.alive is (life is not Life.DEAD)
    if life in (Life.UNPROVEN, Life.HIDDEN):
        # Whatever needs a person's hand says why, and (but for what could not be read) what to do.
        assert seen.reason
        assert seen.hint or state is State.UNKNOWN


def test_every_state_but_miswired_is_told_apart_here() -> None:
    assert {state for _, state, _ in ROWS.values()} == set(State) - {State.MISWIRED}
    assert {life for _, _, life in ROWS.values()} == set(Life)


@pytest.mark.parametrize(
    ("evidence", "life"), [(Evidence.NONE, Life.UNPROVEN), (Evidence.OURS, Life.OURS)], ids=["there", "here"]
)
def test_two_rows_that_claim_one_port(evidence: Evidence, life: Life) -> None:
    rival = row("other")
    seen = classify(spec(), facts(answer=Answer.OK, evidence=evidence), host(row(), rival))
    assert (seen.state, seen.life, seen.reason) == (
        State.UNHEALTHY, life, "other claims the same port 50000",
    )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{"live": False}, {"status": "stale"}, {"port": 50_001}, {"network_interface": "node1"}],
    ids=str,
)
def test_rows_that_claim_nothing(fields: dict[str, Any]) -> None:
    seen = classify(spec(), facts(answer=Answer.OK), host(row(), row("other", **fields)))
    assert seen.state is State.RUNNING


def test_a_handshake_port_of_its_own() -> None:
    dask = spec(handshake=Handshake("health", "dashboard_port"))
    assert handshake_port(dask, row(dashboard_port=50_001)) == 50_001
    assert handshake_port(dask, row()) is None
    assert handshake_port(spec(), row()) == 50_000
    assert handshake_port(spec(handshake=None), row()) == 50_000
    assert classify(dask, facts(), host()).state is State.MALFORMED


@pytest.mark.parametrize(
    ("handshake", "answer", "verified"),
    [(Handshake(), Answer.OK, True), (Handshake(), None, False), (None, None, True)],
)
def test_what_is_verified(handshake: Handshake | None, answer: Answer | None, verified: bool) -> None:
    seen = classify(spec(handshake=handshake), facts(answer=answer), host())
    assert seen.verified is verified
    assert ("verified" in seen.view()) is not verified


def test_what_is_shown() -> None:
    meta = {"reconcile": {"launch_id": "abc", "epoch": "one"}}
    seen = classify(spec(), facts(there(meta=meta), answer=Answer.OK), host())
    assert seen.view() == {
        "state": "running",
        "pid": 4000,
        "port": 50_000,
        "launch_id": "abc",
        "epoch": "one",
    }


@pytest.mark.parametrize(
    "meta", [{}, {"reconcile": None}, {"reconcile": "x"}, {"reconcile": {"launch_id": 7}}], ids=str
)
def test_a_meta_of_somebody_else(meta: dict[str, Any]) -> None:
    seen = classify(spec(), facts(there(meta=meta), answer=Answer.OK), host())
    assert seen.launch_id is None


def test_judged_again() -> None:
    seen = classify(spec(), facts(answer=Answer.OK), host())
    assert (as_miswired(seen, "why").state, as_miswired(seen, "why").reason) == (State.MISWIRED, "why")
    assert (as_fileless(seen).state, as_fileless(seen).life) == (State.UNHEALTHY, Life.OURS)


@pytest.mark.parametrize(
    ("of", "readable"),
    [(BAD, False), (there(status="odd"), True), (there(), True), (Absent(), True)],
    ids=["malformed", "odd status", "running", "absent"],
)
def test_what_leads_rhl_stop_to_a_process(of: Any, readable: bool) -> None:
    assert classify(spec(), facts(of), host()).readable is readable


# --- command lines ---------------------------------------------------------------------------

COMMANDS = {
    "the same": ("a b c", "a b c", True),
    "another word": ("a b c", "a b d", False),
    "one more": ("a b", "a b c", False),
    "another order": ("a b c", "a c b", False),
    "a home expanded": ("a ~/x/y", "a /home/svc/x/y", True),
    "another tail": ("a ~/x/y", "a /home/svc/x/z", False),
    "a tail within a word": ("a ~/y", "a /home/svc-y", False),
    "not expanded": ("a ~/x", "a ~/x", True),
    "relative": ("a ~/x", "a x", False),
    "another status file": ("a --status-file ~/1.json b", "a --status-file /h/2.json b", True),
    "another form of it": ("a --status-file ~/1.json b", "a --status-file=/h/2.json b", True),
    "no status file": ("a --status-file ~/1.json b", "a b", True),
    "nothing": ("", "", True),
    "nothing observed": ("a", "", False),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_same_command(case: str) -> None:
    want, have, expected = COMMANDS[case]
    assert same_command(want.split(), have.split()) is expected


@pytest.mark.parametrize(
    ("command", "words"),
    [("a 'b c'", ("a", "b c")), ("a 'b", ("a 'b",)), (None, ()), ("", ())],
    ids=["quoted", "unbalanced", "none", "empty"],
)
def test_the_words_of_a_command(command: str | None, words: tuple[str, ...]) -> None:
    assert classify(spec(), facts(there(command=command)), host()).command == words


# --- wires -----------------------------------------------------------------------------------


def wired(port: int | None, role: str = "buffer") -> dict[str, Any]:
    return {role: [] if port is None else [{"remote_url": f"http://localhost:{port}", "url": "http://x:1"}]}


def wire(port: int | None) -> Wire:
    return Wire("buffer", "service.hashserver", None if port is None else f"http://localhost:{port}")


WITHOUT = "it was launched without a buffer: it computes without storage"
WIRES: dict[str, tuple[dict[str, Any], Wire, frozenset[int], str]] = {
    "where it should be": (wired(1000), wire(1000), frozenset(), ""),
    "elsewhere": (
        wired(1000), wire(1001), frozenset({1000, 1001}),
        "it is wired to port 1000 for its buffer; service.hashserver is on port 1001",
    ),
    "without": (wired(None), wire(1000), frozenset(), WITHOUT),
    "no parameters": ({}, wire(1000), frozenset(), WITHOUT),
    "parameters of another shape": ({"buffer": {"url": 1}}, wire(1000), frozenset(), WITHOUT),
    "a url that is none": (
        {"buffer": [{"url": "http://x:99999"}, {"url": 7}, "x"]}, wire(1000), frozenset(), WITHOUT,
    ),
    "by its url": ({"buffer": [{"url": "http://localhost:1000"}]}, wire(1000), frozenset(), ""),
    "down, and nothing there": (
        wired(1000), wire(None), frozenset({7}),
        "it is wired to port 1000 for its buffer, where nothing is any more",
    ),
    "down, but somebody is there": (wired(1000), wire(None), frozenset({1000}), ""),
    "down, and never wired": (wired(None), wire(None), frozenset(), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", WIRES)
def test_miswired(case: str) -> None:
    parameters, one, ports, expected = WIRES[case]
    assert miswired(parameters, [one], ports) == expected


def test_of_several_wires_the_first_wrong_one_is_told() -> None:
    parameters = {**wired(1000), **wired(2000, "database")}
    wires = [wire(1000), Wire("database", "service.database", "http://localhost:2001")]
    assert "service.database is on port 2001" in miswired(parameters, wires, frozenset())
