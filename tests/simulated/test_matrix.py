"""From every initial state, one apply converges or says why not, and does nothing wrong on the way."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from dataclasses import replace

import pytest

from simulated.chains import every_chain, leaves_nothing_unproven, verdict
from simulated.undecidable import UNDECIDABLE, undecidable
from world import every_case
from world.cases import FRONTEND, OLD
from world.world import LOCAL

EXHAUSTIVE = bool(os.environ.get("SEAMLESS_RECONCILE_EXHAUSTIVE"))
# Strides that share no factor with the size of any dimension: the sample meets every pair of values.
STRIDE = {FRONTEND: 11, LOCAL: 7}


@pytest.mark.timeout(3600 if EXHAUSTIVE else 180)
@pytest.mark.parametrize("type_", ["hashserver", "database"])
@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
def test_every_initial_state_converges_or_says_why_not(
    host: str, type_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stride = 1 if EXHAUSTIVE else STRIDE[host]
    ends: Counter[str] = Counter()
    for chain in itertools.islice(every_chain(host, type_), 0, None, stride):
        end = verdict(chain)
        ends[end] += 1
        assert end == "converged" or not leaves_nothing_unproven(chain), f"{chain}: {end}"
    lines = [f"{count:8d} {end}\n" for end, count in ends.most_common()]
    with capsys.disabled():
        sys.stdout.write(f"\n{type_} on {host}: {ends.total()} runs (stride {stride})\n{''.join(lines)}")
    # What a run may end with is a short list; each entry of it is met.
    assert ends["converged"] > 500


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_every_exclusion_still_excludes_something(name: str) -> None:
    found = {
        undecidable(replace(case, age=age, finishes=not age), FRONTEND, state)
        for case in every_case()
        for age in (0.0, OLD)
        for state in ("running", "absent")
    }
    assert name in found


@pytest.mark.parametrize("type_", ["hashserver", "database"])
@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
@pytest.mark.parametrize("finishes", [False, True], ids=["hangs", "finishes"])
def test_fresh_starts_converge_or_say_why_not(host: str, type_: str, finishes: bool) -> None:
    ends: Counter[str] = Counter()
    starts = (chain for chain in every_chain(host, type_) if chain.case.state == "starting")
    for chain in itertools.islice(starts, 0, None, 7):
        fresh = chain._replace(case=replace(chain.case, age=1.0, finishes=finishes))
        # One that finishes changes the world while it is being put down: no plan can know.
        if undecidable(fresh.case, host, chain.state) is None and (chain.state == "running" or not finishes):
            ends[verdict(fresh)] += 1
    assert ends["converged"] > 20
