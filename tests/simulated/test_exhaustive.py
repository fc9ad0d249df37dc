"""From every initial state, to every wish, whatever comes in the way: safe at every step, and then as wished.

On every run: all initial states with three wishes each; a set of states that meets every pair of values, with
all wishes; and each of these killed after every step, with every reply lost, with every change between plan
and apply. With SEAMLESS_RECONCILE_EXHAUSTIVE=1 (`make exhaustive`) all that for all states with all wishes.
Bound: `BOUND` applies. docs/reliability/exhaustive.md has the numbers.
"""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from simulated.chains import Chain, decidable, has_actions, leaves_nothing_unproven, spoilt_by, verdict
from simulated.disturbed import (
    CHANGES,
    changed_meanwhile,
    changing_calls,
    moments,
    started_again,
    with_fault,
)
from simulated.product import IMPOSSIBLE, SEED, WISHES, covering, every_tuple, fields_of, impossible, possible
from simulated.undecidable import UNDECIDABLE, costs, undecidable
from world.cases import FRONTEND, OLD
from world.world import LOCAL

EXHAUSTIVE = bool(os.environ.get("SEAMLESS_RECONCILE_EXHAUSTIVE"))
# Shares no factor with the number of wishes, so that each shard has all of them.
SHARDS = 65 if EXHAUSTIVE else 5
LOST = ("lost", "late", "cut")

pytestmark = pytest.mark.timeout(6 * 3600 if EXHAUSTIVE else 900)

Record = Callable[[str, object], None]
chains_of = pytest.mark.parametrize(
    ("host", "type_", "shard"),
    [(h, t, n) for h in (FRONTEND, LOCAL) for t in ("hashserver", "database") for n in range(SHARDS)],
)


def every_pair(host: str, type_: str) -> set[int]:
    """Choose initial states that meet every pair of values of two dimensions."""
    return set(covering([fields_of(case) for case in possible(host, type_)], 2))


def undisturbed(host: str, type_: str) -> Iterator[Chain]:
    """Give what is run as it is: all states, all wishes with the covering ones of them."""
    pairs = every_pair(host, type_)
    for place, case in enumerate(possible(host, type_)):
        # 7 shares no factor with 24: neighbours get other wishes.
        some = [WISHES[(place * 7 + step) % len(WISHES)] for step in (0, 5, 10)]
        wishes = WISHES if EXHAUSTIVE or place in pairs else some
        yield from (Chain(case, host, type_, wish) for wish in wishes)


def disturbed(host: str, type_: str) -> Iterator[Chain]:
    """Give what is run with everything that can come in its way."""
    cases = possible(host, type_)
    pairs = range(len(cases)) if EXHAUSTIVE else sorted(every_pair(host, type_))
    yield from (Chain(cases[place], host, type_, wish) for place in pairs for wish in WISHES)


def sharded(chains: Iterator[Chain], shard: int) -> Iterator[Chain]:
    return filter(decidable, itertools.islice(chains, shard, None, SHARDS))


@chains_of
def test_every_initial_state_and_every_wish(
    host: str, type_: str, shard: int, record_property: Record
) -> None:
    ends: Counter[str] = Counter()
    for place, chain in enumerate(sharded(undisturbed(host, type_), shard)):
        ends[verdict(chain, shown=EXHAUSTIVE or place % 3 == 0)] += 1
    record_property("simulated runs: undisturbed", ends.total())
    record_property("simulated runs that converged: undisturbed", ends["converged"])
    assert ends["converged"]


@chains_of
def test_killed_after_every_step_and_started_again(
    host: str, type_: str, shard: int, record_property: Record
) -> None:
    runs = converged = 0
    for chain in sharded(disturbed(host, type_), shard):
        end, found = moments(chain)
        for moment, forgets in itertools.product(found, (False, True)):
            again = started_again(chain, moment, forgets=forgets)
            assert again == end or end != "converged", f"{chain}, killed after {moment.after}: {again}"
            runs += 1
            converged += again == "converged"
    record_property("simulated runs: killed and started again", runs)
    record_property("simulated runs that converged: killed and started again", converged)
    assert converged


@chains_of
def test_every_reply_of_a_changing_call_lost_late_or_cut(
    host: str, type_: str, shard: int, record_property: Record
) -> None:
    runs = converged = 0
    for chain in sharded(disturbed(host, type_), shard):
        end, called = changing_calls(chain)
        for (helper, nth), kind in itertools.product(called, LOST):
            again = with_fault(chain, kind, helper, nth)
            assert again == end or end != "converged", f"{chain}, {helper} {kind}: {again}"
            runs += 1
            converged += again == "converged"
    record_property("simulated runs: a reply lost, late or cut", runs)
    record_property("simulated runs that converged: a reply lost, late or cut", converged)
    assert converged


@chains_of
def test_every_change_between_plan_and_apply(
    host: str, type_: str, shard: int, record_property: Record
) -> None:
    ends: Counter[str] = Counter()
    with_actions = filter(has_actions, sharded(disturbed(host, type_), shard))
    for chain, change in itertools.product(with_actions, CHANGES):
        end = changed_meanwhile(chain, change)
        if end is not None:
            ends[end] += 1
    record_property("simulated runs: the world changed between plan and apply", ends.total())
    record_property(
        "simulated runs that converged: the world changed between plan and apply", ends["converged"]
    )
    assert ends["converged"]


# --- what is left out ------------------------------------------------------------------------


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_every_rule_of_the_impossible_leaves_something_out(name: str) -> None:
    found = {impossible(case, LOCAL, "hashserver") for case in every_tuple()}
    assert name in found


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_every_exclusion_still_excludes_something(name: str) -> None:
    found = {
        undecidable(replace(case, age=age, finishes=not age), FRONTEND, state)
        for case in possible(FRONTEND, "hashserver")
        for age in (0.0, OLD)
        for state in ("running", "absent")
    }
    assert name in found


@pytest.mark.parametrize("type_", ["hashserver", "database"])
@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
def test_where_nothing_can_be_told_no_more_goes_wrong_than_is_written_down(
    host: str, type_: str, record_property: Record
) -> None:
    """Each exclusion says what it may cost; it costs no more."""
    known = list(every_chain_of(host, type_))
    young = [
        chain._replace(case=replace(chain.case, age=1.0, finishes=finishes))
        for chain in known
        if chain.case.state == "starting"
        for finishes in (False, True)
    ]
    chosen = [chain for chain in (*known, *young) if not decidable(chain)]
    if not EXHAUSTIVE:
        chosen = random.Random(SEED).sample(chosen, 1500)  # noqa: S311 - reproducible
    for chain in chosen:
        assert spoilt_by(chain) <= costs(chain.case, chain.host, chain.wish.state), chain
    record_property("simulated runs: undecidable", len(chosen))


@pytest.mark.parametrize("type_", ["hashserver", "database"])
@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
@pytest.mark.parametrize("finishes", [False, True], ids=["hangs", "finishes"])
def test_fresh_starts_converge_or_say_why_not(
    host: str, type_: str, finishes: bool, record_property: Record
) -> None:
    ends: Counter[str] = Counter()
    starts = (chain for chain in every_chain_of(host, type_) if chain.case.state == "starting")
    for chain in itertools.islice(starts, 0, None, 1 if EXHAUSTIVE else 37):
        fresh = chain._replace(case=replace(chain.case, age=1.0, finishes=finishes))
        # One that finishes changes the world while it is being put down: no plan can know.
        if decidable(fresh) and (chain.wish.state == "running" or not finishes):
            end = verdict(fresh)
            ends[end] += 1
            assert end == "converged" or not leaves_nothing_unproven(fresh), fresh
    record_property("simulated runs: just started", ends.total())
    assert ends["converged"]


def every_chain_of(host: str, type_: str) -> Iterator[Chain]:
    for case in possible(host, type_):
        yield from (Chain(case, host, type_, wish) for wish in WISHES)
