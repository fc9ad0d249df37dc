"""How an apply ended, for people: what was done, what was not and why, and the one line that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from seamless_reconcile.outcomes import Applied, Outcome, Result
from seamless_reconcile.plan import Plan, Verdict
from seamless_reconcile.report.screen import UNICODE, Glyphs, Hanging, line, one_line
from seamless_reconcile.report.text import summary_text
from seamless_reconcile.report.words import phrase, plural

_TITLES = {
    Result.DONE: ("Done:", "green"),
    Result.UNNEEDED: ("So already:", ""),
    Result.FAILED: ("Failed:", "bold red"),
    Result.REFUSED: (
        "Refused, because something has changed since the plan or safety forbids it:",
        "bold red",
    ),
    Result.SKIPPED: ("Skipped, because something they require did not succeed:", "magenta"),
    Result.NOT_STARTED: ("Not started:", "magenta"),
}
_SYMBOLS = {Result.DONE: "", Result.UNNEEDED: "", Result.FAILED: "x", Result.REFUSED: "x"}
_SHOWN_LEFT = 10


def applied_text(applied: Applied, *, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Give the outcomes by how they ended, what still stands in the way, the record, the last line."""
    if not applied.outcomes:
        return summary_text(applied.plan)
    parts: list[RenderableType] = []
    for result in _TITLES:
        parts += _section(result, [o for o in applied.outcomes if o.result is result], glyphs)
    parts += _still_blocked(applied.after, glyphs)
    if applied.record:
        parts.append(one_line(f"Record: {applied.record}"))
    return Group(*parts, last_text(applied))


def last_text(applied: Applied) -> Text:
    """Give the last line alone."""
    return one_line(last_line(applied), "bold")


def _section(result: Result, outcomes: list[Outcome], glyphs: Glyphs) -> Iterator[RenderableType]:
    if not outcomes:
        return
    title, style = _TITLES[result]
    yield Text(title, style or "bold")
    for outcome in outcomes:
        took = f"  {outcome.seconds:.1f} s" if outcome.seconds >= 0.05 else ""  # noqa: PLR2004 - shown as 0.1
        why = f": {outcome.detail}" if outcome.detail else ""
        yield _item(_SYMBOLS.get(result, "-"), style, f"{phrase(outcome.action)}{took}{why}")
        if outcome.hint:
            yield _item("", "", f"{glyphs.arrow} {outcome.hint}")
    yield Text()


def _item(symbol: str, style: str, text: str) -> Hanging:
    return Hanging(Text(f"  {symbol:<2}", style), line(text))


def _still_blocked(after: Plan | None, glyphs: Glyphs) -> Iterator[RenderableType]:
    if after is None or not after.blocked:
        return
    yield Text("Still in the way:", "bold")
    for blocked in after.blocked:
        yield _item("x", "bold red", f"{blocked.resource}: {blocked.reason}")
        if blocked.hint:
            yield _item("", "", f"{glyphs.arrow} {blocked.hint}")
    yield Text()


def last_line(applied: Applied) -> str:
    """Give the one line that says how an apply ended that had anything to do."""
    outcomes = applied.outcomes
    if applied.converged:
        return f"Apply complete: {plural(len(outcomes), 'action')}, in sync."
    counts = Counter(outcome.result for outcome in outcomes)
    said = ", ".join(f"{counts[result]} {word}" for result, word in _COUNTED if counts[result])
    opening = "Apply interrupted" if applied.interrupted else "Apply"
    left = _left(applied)
    return f"{opening}: {said}." + (f" Not converged: {_listed(left)}." if left else "")


_COUNTED = (
    (Result.DONE, "done"),
    (Result.UNNEEDED, "so already"),
    (Result.FAILED, "failed"),
    (Result.REFUSED, "refused"),
    (Result.SKIPPED, "skipped"),
    (Result.NOT_STARTED, "not started"),
)


def _left(applied: Applied) -> list[str]:
    """Name what is not as declared, as far as it was looked at again."""
    if applied.after is not None:
        return [r.address for r in applied.after.resources if r.verdict is not Verdict.IN_SYNC]
    return list(dict.fromkeys(o.action.resource for o in applied.outcomes if not o.ok))


def _listed(addresses: Iterable[str]) -> str:
    names = list(addresses)
    rest = len(names) - _SHOWN_LEFT
    return ", ".join(names[:_SHOWN_LEFT]) + (f" and {rest} more" if rest > 0 else "")
