"""The states of a connection: open means that file, forward, port and service agree."""

from __future__ import annotations

from typing import Any

import pytest

from rhl_helpers.client import MalformedFile
from rhl_helpers.transport.base import Answer
from seamless_reconcile.facts import TunnelFacts
from seamless_reconcile.kinds.tunnel import State, classify
from seamless_reconcile.observed import Unknown
from unit.core.values import file, forward, row, spec

THERE = spec()
DIRECT = spec(tunnelled=False)
OK = {"answer": Answer.OK}
PLAIN = file(50_000, tunneled_host=None, tunneled_port=None)
DASK = {"dashboard_port": 50_001}
CASES: dict[str, tuple[Any, TunnelFacts, Any, State]] = {
    "nothing": (THERE, TunnelFacts(None), row(), State.CLOSED),
    "this machine could not be read": (
        THERE, TunnelFacts(None, problem=Unknown("no")), row(), State.UNKNOWN,
    ),
    "open": (THERE, TunnelFacts(file(), (forward(),), **OK), row(), State.OPEN),
    "open, not asked": (THERE, TunnelFacts(file(), (forward(),)), row(), State.OPEN),
    "open, direct": (DIRECT, TunnelFacts(PLAIN, **OK), row(), State.OPEN),
    "malformed": (THERE, TunnelFacts(MalformedFile("k", "x"), (forward(),)), row(), State.BROKEN),
    "marked stale": (THERE, TunnelFacts(file(stale=True), (forward(),), **OK), row(), State.BROKEN),
    "no forward": (THERE, TunnelFacts(file()), row(), State.BROKEN),
    "no answer": (THERE, TunnelFacts(file(), (forward(),), answer=Answer.SILENT), row(), State.BROKEN),
    "an error for an answer": (
        THERE, TunnelFacts(file(), (forward(),), answer=Answer.NOT_OK), row(), State.BROKEN,
    ),
    "no answer, direct": (DIRECT, TunnelFacts(PLAIN, answer=Answer.CLOSED), row(), State.BROKEN),
    "to the old port": (
        THERE, TunnelFacts(file(tunneled_port=40_000), (forward(remote=40_000),), **OK), row(),
        State.MISROUTED,
    ),
    "a forward that leads elsewhere": (
        THERE, TunnelFacts(file(), (forward(remote=40_000),), **OK), row(), State.MISROUTED,
    ),
    "through another host": (
        THERE, TunnelFacts(file(tunneled_host="x"), (forward(ssh_host="x"),), **OK), row(), State.MISROUTED,
    ),
    "a tunnel where none should be": (
        DIRECT, TunnelFacts(file(), (forward(),), **OK), row(), State.MISROUTED,
    ),
    "no tunnel where one should be": (THERE, TunnelFacts(PLAIN, **OK), row(), State.MISROUTED),
    "to the old port, direct": (DIRECT, TunnelFacts(PLAIN, **OK), row(port=50_009), State.MISROUTED),
    "without its further port": (
        THERE, TunnelFacts(file(), (forward(),), **OK), row(**DASK), State.MISROUTED,
    ),
    "with its further port": (
        THERE,
        TunnelFacts(
            file(extra={"dashboard_port": 61_001}, tunneled_extra=DASK),
            (forward(), forward(61_001, 50_001)), **OK,
        ),
        row(**DASK), State.OPEN,
    ),
    "a forward nobody names": (THERE, TunnelFacts(None, (forward(),)), row(), State.ORPHAN),
    "one more than is named": (
        THERE, TunnelFacts(file(), (forward(), forward(62_000)), **OK), row(), State.ORPHAN,
    ),
    "a forward of another file": (
        THERE, TunnelFacts(None, (forward(),), named_ports=frozenset({61_000})), row(), State.CLOSED,
    ),
    "our local port is another's by now": (
        THERE, TunnelFacts(file(), (forward(remote=40_000),), named_ports=frozenset({61_000})), row(),
        State.BROKEN,
    ),
    "a local port two files name, and it is ours": (
        THERE, TunnelFacts(file(), (forward(),), named_ports=frozenset({61_000}), **OK), row(), State.OPEN,
    ),
    "a forward through another host": (
        THERE, TunnelFacts(None, (forward(ssh_host="x"),)), row(), State.CLOSED,
    ),
    "a forward to another service": (
        THERE, TunnelFacts(None, (forward(remote=40_000),)), row(), State.CLOSED,
    ),
    "a leftover of a service that is gone": (THERE, TunnelFacts(file()), None, State.BROKEN),
    "a service without a port": (THERE, TunnelFacts(file(), (forward(),)), row(port=None), State.OPEN),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_classify(case: str) -> None:
    which, facts, of, state = CASES[case]
    seen = classify(which, facts, of, service_known=True)
    assert seen.state is state
    assert bool(seen.reason) is (state not in (State.OPEN, State.CLOSED))
    assert seen.view()["state"] == state.value


def test_every_state_is_told_apart_here() -> None:
    assert {state for *_, state in CASES.values()} == set(State)


def test_without_its_host_an_open_one_is_unknown() -> None:
    facts = TunnelFacts(file(), (forward(),), **OK)
    assert classify(THERE, facts, None, service_known=False).state is State.UNKNOWN


def test_what_is_shown() -> None:
    facts = TunnelFacts(file(), (forward(),))
    assert classify(THERE, facts, row(), service_known=True).view() == {
        "state": "open", "local_port": 61_000, "forwards": ["61000:localhost:50000"], "verified": False,
    }  # fmt: skip


def test_what_is_somebody_elses_is_not_among_what_would_be_ended() -> None:
    others = (forward(remote=40_000), forward(62_000, 40_001), forward(63_000, ssh_host="x"))
    facts = TunnelFacts(file(), others, named_ports=frozenset({61_000}))
    assert classify(THERE, facts, row(), service_known=True).forwards == ()
