"""Every rule of the proof, one by one, and which of two that apply is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seamless_reconcile.declared import ServiceState
from seamless_reconcile.kinds import cache
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.proof.judge import Finding, judge, judge_start, uncovered, unprovable
from unit.proof.looks import (
    BUFFERED,
    BUFFERS,
    FRESH,
    NONE,
    RESULTS,
    USED,
    desired_of,
    jobserver,
    look,
    row,
    running,
    specs,
    used,
)

DESIRED = desired_of(specs())
ALL = desired_of({**specs(), "jobserver": jobserver()})
GONE = ServiceObserved(State.STALE, Life.DEAD)
LOST = ServiceObserved(State.UNKNOWN, Life.UNPROVEN, "host unreachable")


def told(proof):
    return proof.finding, proof.reasons


def test_genuine():
    proof = judge(look(DESIRED), used(DESIRED), DESIRED)
    assert told(proof) == (Finding.GENUINE, ())
    assert proof.holds
    assert proof.uncovered == ()
    assert [(c.address, c.cold, c.written) for c in proof.caches] == [
        ("cache.hashserver", True, True),
        ("cache.database", True, True),
    ]
    assert [(s.address, s.key, s.lived) for s in proof.services] == [
        ("service.hashserver", "hashserver-c-rw-p", True),
        ("service.database", "database-c-rw-p", True),
    ]


HIDDEN_CACHE = replace(NONE, state=cache.State.UNKNOWN, reason="timed out")
BEHIND_GUARD = replace(NONE, state=cache.State.UNVERIFIABLE)
EPOCH = replace(USED, epoch="17")


@pytest.mark.parametrize(
    ("before", "finding", "reason"),
    [
        pytest.param({}, None, "", id="all cold and well"),
        pytest.param(
            {"caches": {"hashserver": replace(NONE, state=cache.State.ABSENT)}},
            None,
            "",
            id="no directory yet",
        ),
        pytest.param(
            {"caches": {"database": HIDDEN_CACHE}},
            Finding.UNKNOWN,
            "cache.database is unknown, before the command",
            id="a cache that cannot be seen",
        ),
        pytest.param(
            {"caches": {"hashserver": BEHIND_GUARD}},
            Finding.UNKNOWN,
            "cache.hashserver is unverifiable, before the command",
            id="a cache the guard hides",
        ),
        pytest.param(
            {"services": {"database": LOST}},
            Finding.UNKNOWN,
            "service.database is unknown, before the command",
            id="a service that cannot be seen",
        ),
        pytest.param(
            {"rows": [row("other", BUFFERS)]},
            Finding.UNKNOWN,
            "other (process 77), which is not in the manifest, serves ~/buffers/p, before the command",
            id="somebody else on the same directory",
        ),
        pytest.param({"rows": [row("other", BUFFERS, live=False)]}, None, "", id="somebody else who is dead"),
        pytest.param(
            {"rows": [row("other", f"{BUFFERS}/STAGE-x")]}, None, "", id="somebody else further down"
        ),
        pytest.param(
            {"caches": {"hashserver": BUFFERED}},
            Finding.WARM,
            "cache.hashserver was populated before the command",
            id="warm buffers",
        ),
        pytest.param(
            {"caches": {"database": EPOCH}},
            Finding.WARM,
            "cache.database was populated before the command; it was made cold for epoch 17, and used since",
            id="warm within its epoch",
        ),
        pytest.param(
            {"caches": {"hashserver": replace(NONE, state=cache.State.FOREIGN)}},
            Finding.WARM,
            "cache.hashserver was foreign before the command",
            id="foreign data",
        ),
        pytest.param(
            {"services": {"database": GONE}},
            Finding.CHANGED,
            "service.database was stale before the command",
            id="a service that died meanwhile",
        ),
        pytest.param(
            {"services": {"database": GONE}, "caches": {"hashserver": BUFFERED}},
            Finding.WARM,
            "cache.hashserver was populated before the command",
            id="warm comes before changed",
        ),
        pytest.param(
            {"services": {"database": LOST}, "caches": {"hashserver": BUFFERED}},
            Finding.UNKNOWN,
            "service.database is unknown, before the command",
            id="unknown comes before warm",
        ),
    ],
)
def test_whether_a_command_may_begin(before, finding, reason):
    start = look(DESIRED, **before)
    proof = judge_start(start, DESIRED)
    assert (proof.finding if proof else None) is finding
    assert reason == ("; ".join(proof.reasons) if proof else "")
    # What forbids the beginning forbids the proof, whatever comes after.
    end = judge(start, used(DESIRED), DESIRED)
    assert end.finding is (finding or Finding.GENUINE)
    assert end.reasons == (proof.reasons if proof else ())


@pytest.mark.parametrize(
    ("after", "finding", "reason"),
    [
        pytest.param(
            {"caches": {"database": HIDDEN_CACHE}},
            Finding.UNKNOWN,
            "cache.database is unknown, after the command",
            id="a cache that cannot be seen",
        ),
        pytest.param(
            {"services": {"jobserver": LOST}},
            Finding.UNKNOWN,
            "service.jobserver is unknown, after the command",
            id="a service that cannot be seen",
        ),
        pytest.param(
            {"rows": [row("other", RESULTS, "seamless-database")]},
            Finding.UNKNOWN,
            "other (process 77), which is not in the manifest, serves ~/databases/p, after the command",
            id="somebody else on the same directory",
        ),
        pytest.param(
            {"services": {"database": GONE}},
            Finding.CHANGED,
            "service.database: it is stale after the command",
            id="a service that died",
        ),
        pytest.param(
            {"services": {"database": running(7)}},
            Finding.CHANGED,
            "service.database: process 101 on port 50101 became process 7 on port 50007",
            id="a service that was replaced",
        ),
        pytest.param(
            {"services": {"database": running(101, port=50_007)}},
            Finding.CHANGED,
            "service.database: process 101 on port 50101 became process 101 on port 50007",
            id="the same pid on another port",
        ),
        pytest.param(
            {"services": {"database": running(101, launch="another")}},
            Finding.CHANGED,
            "service.database: process 101 on port 50101 was launched anew",
            id="the same pid launched anew",
        ),
        pytest.param(
            {"services": {"jobserver": GONE}},
            Finding.CHANGED,
            "service.jobserver: it is stale after the command",
            id="a job server counts too",
        ),
        pytest.param(
            {"caches": {"hashserver": NONE, "database": FRESH}},
            Finding.UNTOUCHED,
            f"nothing was written to cache.hashserver ({BUFFERS}); "
            f"nothing was written to cache.database ({RESULTS})",
            id="nothing was written",
        ),
        pytest.param(
            {"caches": {"database": FRESH}},
            Finding.UNTOUCHED,
            f"nothing was written to cache.database ({RESULTS}); only cache.hashserver was written to",
            id="buffers, but no result",
        ),
        pytest.param(
            {"caches": {"hashserver": NONE}},
            Finding.UNTOUCHED,
            f"nothing was written to cache.hashserver ({BUFFERS}); only cache.database was written to",
            id="a result, but no buffers",
        ),
        pytest.param(
            {"caches": {"database": replace(FRESH, state=cache.State.POPULATED)}},
            Finding.UNTOUCHED,
            f"nothing was written to cache.database ({RESULTS}); only cache.hashserver was written to",
            id="only the receipt was lost",
        ),
        pytest.param(
            {"services": {"database": GONE}, "caches": {"hashserver": NONE}},
            Finding.CHANGED,
            "service.database: it is stale after the command",
            id="changed comes before untouched",
        ),
        pytest.param(
            {"services": {"database": GONE}, "caches": {"hashserver": HIDDEN_CACHE}},
            Finding.UNKNOWN,
            "cache.hashserver is unknown, after the command",
            id="unknown comes before changed",
        ),
    ],
)
def test_what_a_command_proves(after, finding, reason):
    proof = judge(look(ALL), used(ALL, **after), ALL)
    assert told(proof) == (finding, tuple(reason.split("; ")))
    assert not proof.holds


def test_a_first_write_to_a_database_that_was_not_there_counts():
    before = look(DESIRED, caches={"database": replace(FRESH, state=cache.State.EMPTY)})
    assert judge(before, used(DESIRED), DESIRED).holds


def test_a_database_written_to_within_its_size_counts_by_its_time():
    after = used(DESIRED, caches={"database": replace(USED, size=FRESH.size)})
    assert judge(look(DESIRED), after, DESIRED).holds


def test_services_that_are_not_to_run_prove_nothing_either_way():
    stopped = desired_of({**specs(), "jobserver": replace(jobserver(), state=ServiceState.STOPPED)})
    after = used(stopped, services={"jobserver": GONE})
    proof = judge(look(stopped), after, stopped)
    assert proof.holds
    assert [s.address for s in proof.services] == ["service.hashserver", "service.database"]


# --- what it says nothing of ---------------------------------------------------------------


def covered_not(services, **look_at):
    desired = desired_of(services)
    return judge(look(desired, **look_at), used(desired), desired).uncovered


def test_the_other_of_two_that_is_kept():
    assert covered_not(specs(database="keep")) == ("cache.database (~/databases/p) was not made cold",)


def test_one_of_two_proves_only_itself():
    desired = desired_of(specs(database="keep"))
    proof = judge(look(desired, caches={"database": USED}), used(desired), desired)
    assert proof.holds
    assert [c.address for c in proof.caches] == ["cache.hashserver"]


@pytest.mark.parametrize(("there", "missing"), [("hashserver", "database"), ("database", "hashserver")])
def test_the_other_of_two_that_is_not_in_the_manifest(there, missing):
    only = {there: specs()[there]}
    assert covered_not(only) == (f"the {missing} beside cache.{there} is not in the manifest",)


def test_the_other_of_two_of_another_deployment():
    both = specs()
    elsewhere = replace(both["database"], identity={**both["database"].identity, "stage": "s"})
    assert covered_not({**both, "database": elsewhere}) == (
        "the database beside cache.hashserver is not in the manifest",
        "the hashserver beside cache.database is not in the manifest",
    )


def test_a_warm_parent():
    above = row("hashserver-c-rw", "/home/svc/buffers")
    assert covered_not(specs(), rows=[above]) == (
        "hashserver-c-rw serves /home/svc/buffers above it (above cache.hashserver)",
    )


def test_what_begins_warm_says_so_too():
    desired = desired_of(specs(database="keep"))
    proof = judge_start(look(desired, caches={"hashserver": BUFFERED}), desired)
    assert proof.uncovered == uncovered(look(desired), desired) != ()


# --- what cannot be proven at all ----------------------------------------------------------


def test_no_cold_cache():
    (problem,) = unprovable(desired_of(specs(hashserver="keep", database="warm")), "m.yaml")
    assert (
        str(problem) == "m.yaml: no cache is declared cold, so there is nothing to prove (add `cache: cold`)"
    )


def test_a_cold_cache_nobody_is_to_serve():
    both = specs()
    down = {**both, "database": replace(both["database"], state=ServiceState.STOPPED)}
    (problem,) = unprovable(desired_of(down), "m.yaml")
    assert str(problem) == (
        "m.yaml:3:3: cache.database is to be cold, but no service on it is to run: "
        "nothing could be written there (declare it `state: running`)"
    )


def test_a_cold_cache_that_one_of_two_is_to_serve():
    both = specs()
    reader = replace(both["hashserver"], name="ro", key="ro", state=ServiceState.ABSENT)
    assert unprovable(desired_of({**both, "ro": reader}), "m.yaml") == []
