"""One run of the matrix of initial states: plan, apply, plan again, and what must hold of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from seamless_reconcile.outcomes import Applied
from seamless_reconcile.plan import Plan
from seamless_reconcile.saved import differences
from simulated.bench import Bench, spec_of
from simulated.undecidable import undecidable
from world import DATABASE, HASHSERVER, Allowed, Case, World, build, cold, every_case, serving
from world.world import LOCAL

WINDOW = 5.0
PLACED = {"hashserver": HASHSERVER, "database": DATABASE}
READABLE = ("starting", "running", "failed", "stale")
STATES = ("running", "stopped", "absent")
CACHES = ("keep", "cold")

# Every reason for which a run may end blocked. Whatever else is blocked is a bug.
REASONS = {
    "a ghost answers": re.compile(r"still answers on port \d+ \(.*\), but no state file leads to it$"),
    "whose process it is": re.compile(r"; nothing shows that process \d+ is this service$"),
    "malformed, nothing to follow": re.compile(r"; nothing tells which process it was of"),
    "malformed, and a process": re.compile(r"a malformed state file leads rhl-stop to no process$"),
    "foreign data": re.compile(r" is foreign: it holds data, but no "),
    "cannot be stopped": re.compile(r"^service\.\S+ cannot be stopped: "),
    "follows from another": re.compile(r"^requires \S+, which is blocked"),
    "a trace of a ghost": re.compile(r"^it is a trace of the process that "),
}
# The only failure: what cannot be known before a process is ended.
STILL_ANSWERS = re.compile(r"^its process was ended, but something still answers on port \d+$")


class Chain(NamedTuple):
    """An initial state and what should become of it."""

    case: Case
    host: str
    type: str
    state: str
    cache: str

    def __str__(self) -> str:
        return f"{self.case} on {self.host}: {self.type} {self.state} {self.cache}"


def every_chain(host: str, type_: str) -> Iterator[Chain]:
    """Give the whole matrix of one host and one type, undecidable states left out."""
    wishes = list(itertools.product(STATES, CACHES))
    for case in every_case(local=host == LOCAL):
        for state, cache in wishes:
            if undecidable(case, host, state) is None:
                yield Chain(case, host, type_, state, cache)


def bench_of(chain: Chain) -> Bench:
    """Make the world of a chain, with the monitors told what may be touched."""
    placed = PLACED[chain.type]
    world = build(chain.case, placed, host=chain.host)
    folder = world.hosts[chain.host].expand(placed.workdir)
    world.monitor.allowed = Allowed(
        keys={chain.host: frozenset({placed.key})},
        clears={chain.host: frozenset({folder} if chain.cache == "cold" else ())},
        client_keys=frozenset({placed.key}),
    )
    spec = spec_of(placed, host=chain.host, state=chain.state, cache=chain.cache, start_window=WINDOW)
    return Bench(world, spec)


def leaves_nothing_unproven(chain: Chain) -> bool:
    """Tell whether an initial state shows all that matters: from each of these, an apply converges (L1)."""
    case = chain.case
    if chain.cache == "cold" and case.cache in ("foreign", "half-cleared"):
        return False
    if case.state in ("absent", "dry-run") or (case.process == "dead" and case.state in READABLE):
        return case.port == "closed"
    if case.process == "ours" and case.port == "ours":
        return case.state in ("running", "stale")
    # This machine's own process table tells whose a pid is.
    return chain.host == LOCAL and case.state in READABLE and case.port == "closed"


def verdict(chain: Chain) -> str:
    """Run a chain and give how it ended; fails where something is wrong with it.

    Gives "converged", or the names of the reasons why it is blocked, or "still answers".
    """
    bench = bench_of(chain)
    plan = bench.plan()
    applied = bench.apply()
    assert bench.world.violations == [], f"{chain}: {bench.world.violations[0]}"
    waited = any("apply waits for it" in warned.message for warned in plan.warnings)
    assert waited or differences(plan, applied.plan) == [], f"{chain}: apply did not do what plan showed"
    final = applied.after or applied.plan
    if not all(outcome.ok for outcome in applied.outcomes):
        return _failure(chain, bench, applied, final)
    assert final.actions == (), f"{chain}: left {[a.verb.value for a in final.actions]}"
    if final.in_sync:
        _check_truth(chain, bench.world)
        return "converged"
    assert final.blocked, f"{chain}: neither in sync nor blocked"
    return " + ".join(sorted({_named(chain, blocked.reason) for blocked in final.blocked}))


def _failure(chain: Chain, bench: Bench, applied: Applied, final: Plan) -> str:
    """An action may fail once, for the one reason; the next plan knows better."""
    first = next(outcome for outcome in applied.outcomes if not outcome.ok)
    assert STILL_ANSWERS.match(first.detail), f"{chain}: {first.action.verb.value}: {first.detail}"
    assert (final.actions, bool(final.blocked)) == ((), True), f"{chain}: it would fail for ever"
    assert bench.apply().outcomes == ()
    return "still answers"


def _named(chain: Chain, reason: str) -> str:
    names = [name for name, pattern in REASONS.items() if pattern.search(reason)]
    assert names, f"{chain}: blocked for a reason without a name: {reason}"
    return names[0]


def _check_truth(chain: Chain, world: World) -> None:
    """What was said to have converged is so in truth."""
    placed = PLACED[chain.type]
    # Who answers the handshake on the port in a live process's state file is taken for the service.
    if chain.state == "running" and chain.case.port != "stranger":
        assert serving(world, chain.host, placed.key), f"{chain}: nothing serves"
    if chain.cache == "cold":
        assert cold(world, chain.host, placed.workdir), f"{chain}: it is not cold"
