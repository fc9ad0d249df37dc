"""What happens while it happens, as plain lines: for a pipe, a file, a CI log."""

from __future__ import annotations

from collections.abc import Callable

from rhl_helpers.text import safe
from seamless_reconcile.events import Ended, Event, HostRead, Progress, Reading, Started, Stopping, Waiting
from seamless_reconcile.outcomes import Outcome, Result
from seamless_reconcile.report.words import phrase, plural

_LABELS = {
    Result.DONE: "done",
    Result.UNNEEDED: "unneeded",
    Result.REFUSED: "refused",
    Result.FAILED: "failed",
    Result.SKIPPED: "skipped",
    Result.NOT_STARTED: "not begun",
}


class PlainProgress:
    """A reporter that gives each event as one line.

    Args:
        write: takes one line without its end.
        verbose: also hosts that were read without a problem.
    """

    def __init__(self, write: Callable[[str], None], *, verbose: bool = False) -> None:
        self._write = write
        self._verbose = verbose

    def on_event(self, event: Event) -> None:
        """Write the line of one event, if it has one."""
        text = event_line(event, verbose=self._verbose)
        if text:
            self._write(safe(text))


def event_line(event: Event, *, verbose: bool = False) -> str:
    """Give the line of one event; empty for what a reader of a log need not know."""
    if isinstance(event, Started):
        cause = f" ({event.action.cause})" if event.action.cause else ""
        return f"started   {phrase(event.action)}{cause}"
    if isinstance(event, Ended):
        return ended_line(event.outcome)
    if isinstance(event, Progress):
        return f"          {phrase(event.action)}: {event.what}"
    if isinstance(event, Waiting):
        return f"waiting   {event.resource}: {event.what}"
    if isinstance(event, Reading):
        return f"reading   {', '.join(event.hosts)}" if verbose else ""
    if isinstance(event, HostRead):
        return _host_line(event) if verbose or event.problem else ""
    if isinstance(event, Stopping) and event.in_hand:
        return f"stopping  after {plural(event.in_hand, 'action')} in hand"
    return ""


def ended_line(outcome: Outcome) -> str:
    """Give the line of an action that ended: how, what, how long, and why if it went wrong."""
    took = f"  {outcome.seconds:.1f} s" if outcome.ok else ""
    why = f": {outcome.detail}" if outcome.detail and outcome.result is not Result.DONE else ""
    hint = f" ({outcome.hint})" if outcome.hint and not outcome.ok else ""
    return f"{_LABELS[outcome.result]:<10}{phrase(outcome.action)}{took}{why}{hint}"


def _host_line(event: HostRead) -> str:
    if event.problem:
        return f"unread    {event.host}: {event.problem}"
    return f"read      {event.host}  {event.seconds:.1f} s"
