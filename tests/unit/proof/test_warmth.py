"""A cold stage under something warm that a run could read beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamless_reconcile.kinds import cache
from seamless_reconcile.kinds.cache import CacheObserved
from seamless_reconcile.planner import make_plan
from seamless_reconcile.planner.warmth import warm_above
from unit.proof.looks import BUFFERED, IDENTITY, NONE, desired_of, look, row, specs

STAGE = "~/buffers/p/STAGE-ci"
MESSAGE = "a run that reads it too can still get cached results"


def stage(state="cold"):
    """Give the hashserver of a stage below the project's."""
    parent = specs()["hashserver"]
    wish = replace(parent.cache, path=STAGE, state=cache.CacheState(state))
    more = {"name": "stage", "key": "hashserver-c-rw-p--STAGE-ci", "workdir": STAGE}
    return replace(parent, **more, cache=wish, identity={**IDENTITY, "stage": "ci"})


def project(state):
    return specs(hashserver=state)["hashserver"]


def warnings(desired, **seen):
    inner = {"stage": replace(NONE, path="/home/svc/buffers/p/STAGE-ci"), **seen.pop("caches", {})}
    snapshot = look(desired, caches=inner, **seen)
    found = [(above.address, above.message) for above in warm_above(desired, snapshot)]
    told = [(w.resource, w.message) for w in make_plan(desired, snapshot).warnings]
    assert [warning for warning in told if warning in found] == found
    return found


@pytest.mark.parametrize(
    ("state", "warned"),
    [
        (cache.State.POPULATED, True),
        (cache.State.FOREIGN, True),
        (cache.State.UNKNOWN, True),
        (cache.State.UNVERIFIABLE, True),
        (cache.State.EMPTY, False),
        (cache.State.ABSENT, False),
    ],
    ids=lambda value: str(getattr(value, "value", value)),
)
def test_a_declared_parent_that_is_not_proven_cold(state, warned):
    desired = desired_of({"hashserver": project("keep"), "stage": stage()})
    found = warnings(desired, caches={"hashserver": CacheObserved(state, "/home/svc/buffers/p")})
    above = ("cache.stage", f"cold, but cache.hashserver above it is {state.value}: {MESSAGE}")
    assert found == ([above] if warned else [])


def test_a_declared_parent_that_is_to_be_cold_too():
    desired = desired_of({"hashserver": project("cold"), "stage": stage()})
    assert warnings(desired, caches={"hashserver": BUFFERED}) == []


def test_a_warm_stage_below_a_cold_project_is_not_above():
    desired = desired_of({"hashserver": project("cold"), "stage": stage("keep")})
    assert warnings(desired, caches={"stage": BUFFERED}) == []


def test_a_sibling_is_not_above():
    other = project("keep")
    other = replace(other, cache=replace(other.cache, path=f"{STAGE}-too"))
    desired = desired_of({"hashserver": other, "stage": stage()})
    assert warnings(desired, caches={"hashserver": BUFFERED}) == []


@pytest.mark.parametrize(
    ("served", "warned"),
    [
        (row("hashserver-c-rw-p", "/home/svc/buffers/p"), True),
        (row("hashserver-c-rw-p", "~/buffers/p"), True),
        (row("hashserver-c-rw-p", "/home/svc/buffers/p", "/opt/conda/bin/hashserver"), True),
        (row("database-c-rw-p", "/home/svc/buffers/p", "seamless-database"), True),
        (row("hashserver-c-rw-p", "/home/svc/buffers/p", live=False), False),
        (row("hashserver-c-rw-p", "/home/svc/buffers/p", live=None), False),
        (row("jobserver-c-rw-p", "/home/svc", "seamless-jobserver"), False),
        (row("hashserver-c-rw-q", "/home/svc/buffers/q"), False),
        (row("hashserver-c-rw-p", STAGE), False),
    ],
    ids=["parent", "with a tilde", "by its full path", "database", "dead", "not looked at", "job server",
         "another project", "the stage itself"],
)  # fmt: skip
def test_an_undeclared_parent_that_is_served(served, warned):
    found = warnings(desired_of({"stage": stage()}), rows=[served])
    above = ("cache.stage", f"cold, but {served.key} serves {served.workdir} above it: {MESSAGE}")
    assert found == ([above] if warned else [])


def test_a_declared_parent_is_told_once():
    desired = desired_of({"hashserver": project("keep"), "stage": stage()})
    served = row("hashserver-c-rw-p", "/home/svc/buffers/p")
    assert len(warnings(desired, caches={"hashserver": BUFFERED}, rows=[served])) == 1
