"""A watch for people: a picture that is drawn anew in place, or a line for each change."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from rhl_helpers.text import safe
from seamless_reconcile.audit.changes import Held, Round
from seamless_reconcile.audit.scene import Finding
from seamless_reconcile.report.findings import STYLES
from seamless_reconcile.report.screen import Hanging, line, one_line

_INDENT = " " * 5
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


# --- in a pipe -----------------------------------------------------------------------------


def change_lines(now: Round, summary: str) -> Iterator[str]:
    """Give the lines of one look: each change, then how it stands; nothing where nothing changed."""
    if now.looks > 1 and not (now.new or now.gone or now.doubted):
        return
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now.when))
    word = "found" if now.looks == 1 else "new"
    for one in now.new:
        yield f"{when} {word:<5} {said(one.finding)}"
    for one in now.doubted:
        yield f"{when} doubt {said(one.finding)}"
    for gone in now.gone:
        yield f"{when} gone  {said(gone.finding)}"
    yield safe(f"{when} look  {summary}")


def said(finding: Finding) -> str:
    """Give a finding in one safe line (S10)."""
    return safe(f"{finding.rule.id} {finding.severity.value:<7} {_where(finding)}: {_what(finding)}")


def _where(finding: Finding) -> str:
    return f"{finding.resource} on {finding.host}" if finding.host else finding.resource


def _what(finding: Finding) -> str:
    return f"{finding.rule.title}: {finding.message}"


# --- on a terminal -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """What a watch shows right now; as much of it as there is room for.

    Attributes:
        now: the last look; None before the first has ended.
        summary: how it stands.
        every: seconds between looks.
        clock: the wall clock, seconds.
        looking: hosts that are being read; none between looks.
        verbose: also what each finding means.
        quiet: only how it stands.
        ended: whether the watch is over: nothing is cut off then.
    """

    now: Round | None
    summary: str
    every: float
    clock: float
    looking: Sequence[str] = ()
    verbose: bool = False
    quiet: bool = False
    ended: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it: how it stands, what is there, what went lately."""
        head = Group(*self._head())
        yield head
        room = console.size.height - len(console.render_lines(head, options)) - 1
        blocks = [] if self.quiet or self.now is None else list(self._blocks(self.now))
        for number, block in enumerate(blocks):
            room -= len(console.render_lines(block, options))
            if room < 1 and not self.ended:
                yield line(f"and {len(blocks) - number} more: the terminal has no room for them", "dim")
                return
            yield block

    def _head(self) -> Iterator[RenderableType]:
        if self.now is None:
            yield one_line(f"seamless-reconcile audit: looks at {', '.join(self.looking)}", "bold")
            return
        yield one_line(self.summary, "bold")
        looked = f"{_time(self.now.when)}, {_span(self.clock - self.now.when)} ago"
        if self.ended:
            yield line(f"last look {looked}; {self.now.looks} in all", "dim")
        elif self.looking:
            yield line(f"last look {looked}; looks at {', '.join(self.looking)}", "dim")
        else:
            yield line(f"last look {looked}; every {self.every:g} s; Ctrl-C ends it", "dim")
        yield Text()

    def _blocks(self, now: Round) -> Iterator[RenderableType]:
        fresh = {id(one) for one in now.new} if now.looks > 1 else set()
        for one in now.held.values():
            yield self._held(one, fresh=id(one) in fresh)
        if now.lately:
            yield Text()
        for gone in now.lately:
            front = Text(f"{gone.finding.rule.id} gone    ", "green")
            lasted = f"{_time(gone.until)}, after {_span(gone.until - gone.since)}"
            yield Hanging(front, line(f"{_where(gone.finding)}: {gone.finding.rule.title} ({lasted})"))

    def _held(self, one: Held, *, fresh: bool) -> RenderableType:
        finding, style = one.finding, STYLES[one.finding.severity]
        front = Text(f"{finding.rule.id} {finding.severity.value:<8}", "dim" if one.doubtful else style)
        since = f"since {_time(one.since)}, {_span(self.clock - one.since)}"
        state = "; its host is away: may be gone" if one.doubtful else ""
        mark = "new " if fresh else ""
        parts: list[RenderableType] = [
            Hanging(front, line(f"{_where(finding)}: {_what(finding)} ({mark}{since}{state})"))
        ]
        if self.verbose:
            parts.append(Hanging(Text(_INDENT), line(finding.rule.meaning, "dim")))
        parts.append(Hanging(Text(_INDENT), line(f"do: {finding.remedy}", "dim" if one.doubtful else "")))
        return Group(*parts)


def _time(when: float) -> str:
    today = time.localtime()[:3] == time.localtime(when)[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M", time.localtime(when))


def _span(seconds: float) -> str:
    """Give a time span as people say it."""
    if seconds < _MINUTE:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.0f} h" if seconds < _DAY else f"{seconds / _DAY:.0f} d"
