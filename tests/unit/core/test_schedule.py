"""Which action when: along what they require, at once where that allows it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event, Lock, get_ident
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seamless_reconcile.apply.schedule import run_actions
from seamless_reconcile.outcomes import SUCCEEDED, Outcome, Result
from seamless_reconcile.plan import Action
from unit.core.values import action

WORKERS = pytest.mark.parametrize("workers", [0, 1, 4])


class Run:
    """Runs actions and notes what began and ended when."""

    def __init__(self, *, workers: int, ends: dict[int, Result] | None = None, stop_at: int = 0) -> None:
        self.workers, self.ends, self.stop_at = workers, ends or {}, stop_at
        self.stop = Event()
        self.log: list[tuple[str, int]] = []
        self.told: list[Outcome] = []
        self.lock = Lock()
        self.within: Callable[[Action], Any] = lambda _: None

    def perform(self, one: Action) -> Outcome:
        with self.lock:
            self.log.append(("begin", one.id))
        self.within(one)
        if one.id == self.stop_at:
            self.stop.set()
        with self.lock:
            self.log.append(("end", one.id))
        return Outcome(one, self.ends.get(one.id, Result.DONE))

    def run(self, *actions: Action) -> dict[int, str]:
        outcomes = run_actions(
            actions, self.perform, workers=self.workers, stop=self.stop, ended=self.told.append
        )
        assert [outcome.action for outcome in outcomes] == list(actions)
        assert sorted(o.action.id for o in self.told) == sorted(a.id for a in actions)
        return {outcome.action.id: outcome.result.value for outcome in outcomes}


@WORKERS
def test_nothing_to_do(workers: int) -> None:
    assert Run(workers=workers).run() == {}


@WORKERS
def test_a_failure_stops_what_requires_it_and_nothing_else(workers: int) -> None:
    run = Run(workers=workers, ends={1: Result.FAILED})
    found = run.run(action(1), action(2), action(3, 1), action(4, 3), action(5, 2), action(6, 2, 4))
    assert found == {1: "failed", 2: "done", 3: "skipped", 4: "skipped", 5: "done", 6: "skipped"}
    skipped = next(o for o in run.told if o.action.id == 3)
    assert skipped.detail.startswith("requires launch service.s1, which ")


@WORKERS
@pytest.mark.parametrize("result", [Result.REFUSED, Result.FAILED])
def test_what_was_refused_stops_too(result: Result, workers: int) -> None:
    assert Run(workers=workers, ends={1: result}).run(action(1), action(2, 1))[2] == "skipped"


@WORKERS
def test_what_was_not_needed_is_as_good_as_done(workers: int) -> None:
    assert Run(workers=workers, ends={1: Result.UNNEEDED}).run(action(1), action(2, 1))[2] == "done"


@WORKERS
def test_once_stopped_nothing_new_begins(workers: int) -> None:
    run = Run(workers=workers, stop_at=1)
    found = run.run(action(1), action(2, 1), action(3, 2))
    assert found == {1: "done", 2: "not_started", 3: "not_started"}
    assert run.log == [("begin", 1), ("end", 1)]


@WORKERS
def test_stopped_before_it_began(workers: int) -> None:
    run = Run(workers=workers)
    run.stop.set()
    assert set(run.run(action(1), action(2)).values()) == {"not_started"}


def test_what_runs_is_finished() -> None:
    run = Run(workers=2)
    both = Barrier(2, timeout=10)

    def meet(one: Action) -> None:
        both.wait()
        if one.id == 1:
            run.stop.set()
        both.wait()

    run.within = meet
    assert run.run(action(1), action(2), action(3, 1), action(4, 2)) == {
        1: "done", 2: "done", 3: "not_started", 4: "not_started",
    }  # fmt: skip


def test_independent_actions_run_at_once() -> None:
    run = Run(workers=3)
    barrier = Barrier(3, timeout=10)
    run.within = lambda one: barrier.wait() if one.id <= 3 else None
    assert set(run.run(action(1), action(2), action(3), action(4, 1, 2, 3)).values()) == {"done"}


def test_no_more_than_so_many_at_once() -> None:
    run, now, most = Run(workers=2), 0, 0

    def within(_: Action) -> None:
        nonlocal now, most
        with run.lock:
            now += 1
            most = max(most, now)
        Event().wait(0.005)
        with run.lock:
            now -= 1

    run.within = within
    run.run(*(action(number) for number in range(1, 9)))
    assert most == 2


def test_one_by_one_in_the_callers_thread() -> None:
    run, threads = Run(workers=0), set()
    run.within = lambda _: threads.add(get_ident())
    run.run(action(1), action(2))
    assert threads == {get_ident()}


@WORKERS
def test_an_error_of_the_program_itself_is_not_swallowed(workers: int) -> None:
    run = Run(workers=workers)

    def break_(_: Action) -> None:
        raise RuntimeError("a bug")

    run.within = break_
    with pytest.raises(RuntimeError, match="a bug"):
        run.run(action(1), action(2, 1))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from([0, 1, 3]))
def test_nothing_begins_before_what_it_requires_has_succeeded(data: st.DataObject, workers: int) -> None:
    count = data.draw(st.integers(1, 10))
    actions = [
        action(
            n, *data.draw(st.lists(st.integers(1, n - 1), unique=True, max_size=3) if n > 1 else st.just([]))
        )
        for n in range(1, count + 1)
    ]
    ends = data.draw(st.dictionaries(st.integers(1, count), st.sampled_from(list(Result)[:4])))
    run = Run(workers=workers, ends=ends)
    found = run.run(*actions)
    for one in actions:
        good = all(Result(found[needed]) in SUCCEEDED for needed in one.requires)
        assert (found[one.id] == "skipped") is not good
        assert (("begin", one.id) in run.log) is good
        for needed in one.requires if good else ():
            assert run.log.index(("end", needed)) < run.log.index(("begin", one.id))
