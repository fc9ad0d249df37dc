"""What happens while it happens, on a terminal: what runs, on which host, for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from seamless_reconcile.events import (
    Ended,
    Event,
    HostRead,
    Planned,
    Progress,
    Reading,
    Started,
    Stopping,
    Waiting,
)
from seamless_reconcile.outcomes import Result
from seamless_reconcile.report.progress import ended_line, event_line
from seamless_reconcile.report.screen import line
from seamless_reconcile.report.words import phrase

_SHOWN = 12
"""Lines of things in hand; a terminal is not endless."""

_ENDED_STYLES = {
    Result.DONE: "green",
    Result.UNNEEDED: "",
    Result.FAILED: "bold red",
    Result.REFUSED: "bold red",
}


@dataclass(slots=True)
class _InHand:
    """One thing that is going on."""

    text: str
    since: float = field(default_factory=time.monotonic)


class LiveProgress:
    """A reporter that keeps what is in hand at the bottom; what ended scrolls away above it.

    Between reading and acting the screen is given back, so that a question can be asked.

    Args:
        console: where to; a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._in_hand: dict[object, _InHand] = {}
        self._footer = ""
        self._live: Live | None = None
        self._spinner = Spinner("dots" if console.encoding.startswith("utf") else "line")

    def on_event(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            self._note(event)
        # Printed without the lock: the screen's own thread holds its lock while it asks for the picture.
        for text in _scrolls(event):
            self._console.print(text)
        if isinstance(event, Planned):
            self.pause()
        elif self._in_hand:
            self._resume()

    def _note(self, event: Event) -> None:
        if isinstance(event, Reading):
            self._in_hand.update({("host", host): _InHand(f"read {host}") for host in event.hosts})
        elif isinstance(event, HostRead):
            self._in_hand.pop(("host", event.host), None)
        elif isinstance(event, Waiting):
            self._in_hand[("wait", event.resource)] = _InHand(f"wait for {event.resource}: {event.what}")
        elif isinstance(event, Started):
            self._in_hand[event.action.id] = _InHand(phrase(event.action))
        elif isinstance(event, Progress):
            self._tell(event)
        elif isinstance(event, Ended):
            self._in_hand.pop(event.outcome.action.id, None)
        elif isinstance(event, Stopping):
            self._footer = f"finishing what is in hand ({event.in_hand}), then stopping"

    def _tell(self, event: Progress) -> None:
        known = self._in_hand.get(event.action.id)
        if known:
            known.text = f"{phrase(event.action)}: {event.what}"

    # --- the screen ----------------------------------------------------------------------

    def _resume(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console,
                get_renderable=self._picture,
                transient=True,
                refresh_per_second=8,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def pause(self) -> None:
        """Give the screen back."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        with self._lock:
            self._in_hand.clear()

    def _picture(self) -> RenderableType:
        with self._lock:
            now = time.monotonic()
            things = list(self._in_hand.values())
        sign = self._spinner.render(now)
        turning = sign if isinstance(sign, Text) else Text()
        lines: list[RenderableType] = [
            Text(" ").join([turning, line(f"{thing.text}  {now - thing.since:.0f} s")])
            for thing in things[:_SHOWN]
        ]
        if len(things) > _SHOWN:
            lines.append(line(f"  and {len(things) - _SHOWN} more"))
        if self._footer:
            lines.append(line(self._footer, "bold"))
        return Group(*lines)


def _scrolls(event: Event) -> Iterator[Text]:
    """Give what stays readable above what is in hand."""
    if isinstance(event, Ended):
        yield line(ended_line(event.outcome), _ENDED_STYLES.get(event.outcome.result, "magenta"))
    if isinstance(event, HostRead) and event.problem:
        yield line(event_line(event), "magenta")
