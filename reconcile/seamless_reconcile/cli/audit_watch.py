"""`audit --watch`: look again and again until Ctrl-C; nothing is changed anywhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.live import Live

from seamless_reconcile.audit import Finding, Scene
from seamless_reconcile.audit.changes import Round
from seamless_reconcile.audit.reaching import Auditor
from seamless_reconcile.audit.survey import Before
from seamless_reconcile.audit.watching import watch
from seamless_reconcile.cli.interrupt import ended_by
from seamless_reconcile.cli.output import Output, is_terminal
from seamless_reconcile.events import Event, HostRead, Noted, Reading, Reporter
from seamless_reconcile.exits import Exit
from seamless_reconcile.reaching import SystemClock
from seamless_reconcile.report.findings import finding_to_dict, summary
from seamless_reconcile.report.screen import terminal
from seamless_reconcile.report.watching import Picture, change_lines

_TICK = 0.2
"""Seconds after which Ctrl-C is noticed while hosts are being read."""


class Screen:
    """What a watch has to say, on a terminal or in a pipe; also hears which hosts are being read."""

    def __init__(self, out: Output, every: float) -> None:
        self._out, self._every = out, every
        self._lock = threading.Lock()
        self._now: Round | None = None
        self._summary = ""
        self._looking: tuple[str, ...] = ()

    def on_event(self, event: Event) -> None:
        """Take who is being read."""
        with self._lock:
            if isinstance(event, Reading):
                self._looking = event.hosts
            elif isinstance(event, HostRead):
                self._looking = tuple(host for host in self._looking if host != event.host)

    def tell(self, now: Round, summary: str) -> None:
        """Take what a look gave."""
        with self._lock:
            self._now, self._summary, self._looking = now, summary, ()
        if not self.redraws:
            for text in change_lines(now, summary):
                self._out.result(text + "\n")

    @property
    def redraws(self) -> bool:
        """Whether it is drawn in place: on a terminal that can."""
        return is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"

    def picture(self, *, ended: bool = False) -> Picture:
        """Give what to draw now."""
        with self._lock:
            return Picture(
                self._now,
                self._summary,
                self._every,
                time.time(),
                self._looking,
                self._out.verbose,
                self._out.quiet,
                ended,
            )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the picture on the terminal; the last one stays there."""
        if not self.redraws:
            yield
            return
        console = terminal(sys.stdout, color=self._out.colored(sys.stdout))
        with Live(
            console=console,
            get_renderable=self.picture,
            screen=True,
            refresh_per_second=2,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield
        if self._now is not None:
            self._out.show(self.picture(ended=True))


def watched(
    out: Output,
    auditor: Auditor,
    every: float,
    *,
    screen: Screen,
    reporter: Reporter,
    code: Callable[[Scene, Sequence[Finding]], Exit],
) -> Exit:
    """Watch until Ctrl-C; gives what a single audit at the time of the last look would have given."""
    stop = threading.Event()
    last: list[Exit] = [Exit.INTERRUPTED]

    def told(now: Round, scene: Scene, found: Sequence[Finding]) -> None:
        last[0] = code(scene, found)
        note(reporter, now)
        screen.tell(now, summary(scene, found))

    with ended_by(stop), screen.shown():
        watch(
            lambda before: _looked(auditor, reporter, before, stop),
            every,
            clock=SystemClock(),
            pause=stop.wait,
            told=told,
        )
    if last[0] is Exit.INTERRUPTED:
        out.say("interrupted before the first look had ended")
    return last[0]


def note(reporter: Reporter, now: Round) -> None:
    """Tell programs what a look changed."""
    for what, those in (("found", now.new), ("gone", now.gone), ("doubted", now.doubted)):
        for one in those:
            reporter.on_event(Noted(what, {"finding": finding_to_dict(one.finding)}))
    reporter.on_event(Noted("looked", {"looks": now.looks, "findings": len(now.held)}))


def _looked(auditor: Auditor, reporter: Reporter, before: Before, stop: threading.Event) -> Scene | None:
    """Look beside this thread, so that Ctrl-C need not wait for any host; None once it was pressed."""
    scenes: list[Scene] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def look() -> None:
        try:
            scenes.append(auditor.look(reporter, before))
        except BaseException as exc:  # noqa: BLE001 - raised again below
            failures.append(exc)
        done.set()

    threading.Thread(target=look, name="look", daemon=True).start()
    while not done.wait(_TICK):
        if stop.is_set():
            return None
    if failures:
        raise failures[0]
    return scenes[0]
