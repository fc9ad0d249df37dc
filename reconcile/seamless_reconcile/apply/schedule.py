"""Which action when: along the requirements, at once where they allow it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

from seamless_reconcile.outcomes import Outcome, Result
from seamless_reconcile.plan import Action

Perform = Callable[[Action], Outcome]


def run_actions(
    actions: Sequence[Action],
    perform: Perform,
    *,
    workers: int,
    stop: Event,
    ended: Callable[[Outcome], None],
) -> tuple[Outcome, ...]:
    """Run all actions; a failure stops what requires it and nothing else (L3).

    Args:
        actions: in an order that respects `requires`.
        perform: runs one action and never raises for what a host can cause.
        workers: how many at once; 0 runs them one by one in the caller's thread.
        stop: once set, nothing new begins; what runs is finished.
        ended: told of every outcome, skipped ones included, one at a time.
    """
    results: dict[int, Outcome] = {}

    def settle(outcome: Outcome) -> None:
        results[outcome.action.id] = outcome
        ended(outcome)

    if workers == 0:
        for action in actions:
            settle(_not_run(action, results, stop) or perform(action))
    else:
        _run_at_once(actions, perform, workers, stop, results, settle)
    return tuple(results[action.id] for action in actions)


def _not_run(action: Action, results: dict[int, Outcome], stop: Event) -> Outcome | None:
    """Give the outcome of an action that is not to run, or None if it is."""
    missing = [results[needed] for needed in action.requires if not results[needed].ok]
    if missing:
        first = missing[0]
        why = f"requires {first.action.verb.value} {first.action.resource}, which did not succeed"
        result = Result.NOT_STARTED if first.result is Result.NOT_STARTED else Result.SKIPPED
        return Outcome(action, result, why)
    return Outcome(action, Result.NOT_STARTED, "interrupted") if stop.is_set() else None


def _run_at_once(
    actions: Sequence[Action],
    perform: Perform,
    workers: int,
    stop: Event,
    results: dict[int, Outcome],
    settle: Callable[[Outcome], None],
) -> None:
    waiting = list(actions)
    running: dict[Future[Outcome], Action] = {}
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="apply") as pool:
        while waiting or running:
            for action in [a for a in waiting if all(needed in results for needed in a.requires)]:
                waiting.remove(action)
                outcome = _not_run(action, results, stop)
                if outcome:
                    settle(outcome)
                else:
                    running[pool.submit(perform, action)] = action
            if not running:
                continue
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                del running[future]
                settle(future.result())
