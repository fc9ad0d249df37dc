"""One chain, tunnel → service → cache: put into an initial state, run, and judged by the truth."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from seamless_reconcile.outcomes import Applied
from seamless_reconcile.plan import Plan, Verb
from seamless_reconcile.saved import differences
from simulated.bench import Bench, spec_of
from simulated.product import Wish
from simulated.undecidable import undecidable
from world import DATABASE, HASHSERVER, Allowed, Case, Fault, Profile, World, build, cold, serving
from world.client import read_file
from world.world import LOCAL

BOUND = 2
"""Applies after which all is as wished, or blocked for one of `REASONS`: one undisturbed apply and the look
after it; a second one where the first was disturbed, or where it found out what only an act can tell."""

# Coarse enough that nothing is looked at often while it is waited for: looks cost, waiting does not.
WINDOW = 2.0
LATENCY = 0.4
PACE = Profile(0.2, 0.05, 0.01, 0.1)
PLACED = {"hashserver": HASHSERVER, "database": DATABASE}
READABLE = ("starting", "running", "failed", "stale")
EPOCH = "one"
NO_LOOK = b"PermissionError: [Errno 13] Permission denied"

# Every reason for which a run may end blocked. Whatever else is blocked is a bug.
REASONS = {
    "a ghost answers": re.compile(r"still answers on port \d+ \(.*\), but no state file leads to it$"),
    "whose process it is": re.compile(r"; nothing shows that process \d+ is this service$"),
    "malformed, nothing to follow": re.compile(r"; nothing tells which process it was of"),
    "malformed, and a process": re.compile(r"a malformed state file leads rhl-stop to no process$"),
    "foreign data": re.compile(r" is foreign: it holds data, but no "),
    "cannot be stopped": re.compile(r"^service\.\S+ cannot be stopped: "),
    "follows from another": re.compile(r"^requires \S+, which is (blocked|unknown)"),
    "a trace of a ghost": re.compile(r"^it is a trace of the process that "),
    "others inside": re.compile(r" holds other caches that are not to be cold: "),
    "warm is an assertion": re.compile(r"^declared warm, but it is "),
    "nobody can look inside": re.compile(r"Permission denied"),
    "a tunnel to what should not run": re.compile(r"^requires service\.\S+, which should be "),
}
# The only failure: what cannot be known before a process is ended.
STILL_ANSWERS = re.compile(r"^its process was ended, but something still answers on port \d+$")


class Chain(NamedTuple):
    """An initial state and what should become of it."""

    case: Case
    host: str
    type: str
    wish: Wish

    def __str__(self) -> str:
        return f"{self.case} on {self.host}: {self.type} {self.wish}"

    @property
    def cold(self) -> bool:
        """Whether its cache may be cleared."""
        return self.wish.cache.startswith("cold")


def decidable(chain: Chain) -> bool:
    """Tell whether the helpers show enough of a chain to know what it is."""
    return undecidable(chain.case, chain.host, chain.wish.state) is None


def bench_of(chain: Chain) -> Bench:
    """Make the world of a chain, with the monitors told what may be touched."""
    placed, case = PLACED[chain.type], chain.case
    unknown = case.cache == "unknown"
    world = build(replace(case, cache="populated") if unknown else case, placed, host=chain.host)
    if unknown:
        world.faults.append(Fault("reply", "rhl-ps-persistent", times=None, reply=(1, b"", NO_LOOK)))
    machine = world.hosts[chain.host]
    machine.latency, machine.profiles = LATENCY, dict.fromkeys(machine.profiles, PACE)
    folder = machine.expand(placed.workdir)
    world.monitor.allowed = Allowed(
        keys={chain.host: frozenset({placed.key})},
        clears={chain.host: frozenset({folder} if chain.cold else ())},
        client_keys=frozenset({placed.key}),
    )
    wish = chain.wish
    spec = spec_of(
        placed, host=chain.host, state=wish.state, cache=wish.cache.partition("-")[0], tunnel=wish.tunnel,
        epoch=EPOCH if wish.cache == "cold-since" else None, start_window=WINDOW,
    )  # fmt: skip
    return Bench(world, spec)


def leaves_nothing_unproven(chain: Chain) -> bool:
    """Tell whether an initial state shows all that matters: from each of these, an apply converges (L1)."""
    case, wish = chain.case, chain.wish
    if case.cache == "unknown" or (chain.cold and case.cache in ("foreign", "half-cleared")):
        return False
    if wish.cache == "warm" and case.cache != "populated":
        return False
    if wish.tunnel == "open" and wish.state != "running":
        return False
    if case.state in ("absent", "dry-run") or (case.process == "dead" and case.state in READABLE):
        return case.port == "closed"
    if case.process == "ours" and case.port == "ours":
        return case.state in ("running", "stale")
    # This machine's own process table tells whose a pid is.
    return chain.host == LOCAL and case.state in READABLE and case.port == "closed"


def has_actions(chain: Chain) -> bool:
    """Tell whether there is anything to do."""
    return bool(bench_of(chain).plan().actions)


def verdict(chain: Chain, *, shown: bool = True) -> str:
    """Apply a chain, and give how it ended; fails where something is wrong with it.

    Gives "converged", or the names of the reasons why it is blocked, or "still answers".

    Args:
        chain: what to run.
        shown: whether to plan first, which must change nothing (S6) and show what apply then does (S7).
    """
    bench = bench_of(chain)
    plan = bench.plan() if shown else None

    def as_shown(again: Plan) -> None:
        waited = plan is not None and any("apply waits for it" in warned.message for warned in plan.warnings)
        assert plan is None or waited or differences(plan, again) == [], (
            f"{chain}: apply did not do what plan showed"
        )

    end = judged(chain, bench, bench.apply(agree=as_shown))
    assert end == "converged" or not leaves_nothing_unproven(chain), f"{chain}: {end}"
    return end


def spoilt_by(chain: Chain) -> frozenset[str]:
    """Run a chain that nobody can tell from another, and give the safety rules it breaks."""
    bench = bench_of(chain)
    bench.plan()
    bench.apply()
    bench.world.new_run()
    bench.apply()
    return frozenset(violation.rule for violation in bench.world.violations)


def judged(chain: Chain, bench: Bench, applied: Applied) -> str:
    """Give how an apply ended; fails where it has done what it must not, or left what it could do."""
    assert bench.world.violations == [], f"{chain}: {bench.world.violations[0]}"
    verbs = [outcome.action.verb for outcome in applied.outcomes]
    assert len(verbs) == len(set(verbs)) <= len(Verb), f"{chain}: more than one action a verb"
    final = applied.after or applied.plan
    if not all(outcome.ok for outcome in applied.outcomes):
        return _failure(chain, bench, applied, final)
    assert final.actions == (), f"{chain}: left {[a.verb.value for a in final.actions]}"
    if final.in_sync:
        check_truth(chain, bench.world)
        return "converged"
    assert final.blocked or final.unknown, f"{chain}: neither in sync nor blocked"
    return ending(chain, final)


def ending(chain: Chain, final: Plan) -> str:
    """Give the names of the reasons why a plan is blocked; fails for a reason without a name."""
    named = {_named(chain, blocked.reason) for blocked in final.blocked}
    unseen = any(r.verdict.value == "unknown" for r in final.resources)
    return " + ".join(sorted(named | ({"nobody can look inside"} if unseen else set())))


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


def check_truth(chain: Chain, world: World) -> None:
    """What was said to have converged is so in truth."""
    placed, wish, case = PLACED[chain.type], chain.wish, chain.case
    machine = world.hosts[chain.host]
    # Who answers the handshake on the port in a live process's state file is taken for the service.
    if wish.state == "running" and case.port != "stranger":
        pids = serving(world, chain.host, placed.key)
        # Beside it, at most an orphan that no trace leads to.
        assert len(pids) == 1 or (pids and world.monitor.notes), f"{chain}: {len(pids)} serve"
    if wish.state == "absent":
        assert placed.key not in machine.state, f"{chain}: its state file is still there"
    if chain.cold and wish.cache == "cold":
        assert cold(world, chain.host, placed.workdir), f"{chain}: it is not cold"
    raw = world.local.client_files.get(placed.key)
    if wish.tunnel == "closed":
        assert raw is None, f"{chain}: its connection file is still there"
    elif wish.state == "running":
        _check_connection(chain, world, raw)


def _check_connection(chain: Chain, world: World, raw: bytes | None) -> None:
    """Follow the connection as a client would: to the port in the state file."""
    state = world.hosts[chain.host].state[PLACED[chain.type].key].raw
    file = read_file("key", raw or b"")
    port = getattr(file, "port", None)
    if chain.host != LOCAL:
        forward = world.client.forward_at(port or 0)
        assert forward is not None, f"{chain}: no forward where its connection file says"
        port = forward.remote_port
    assert f'"port": {port}' in state.decode(), f"{chain}: connected to port {port}, not to the service"
