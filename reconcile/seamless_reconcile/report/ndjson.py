"""Events appended to a file as they happen, one JSON object a line."""

from __future__ import annotations

import threading
from pathlib import Path

from seamless_reconcile.events import Event, Reporter
from seamless_reconcile.report.json_ import dumps, stamped_event


class EventsFile:
    """A reporter that appends to a file; each line is there as soon as the event has happened.

    Raises:
        OSError: if the file cannot be opened. A disk that fills up later ends the writing, not the
            run; `problem` then says why.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="ascii")
        self._lock = threading.Lock()
        self.problem = ""

    def on_event(self, event: Event) -> None:
        """Append one event with its time, in UTC."""
        text = dumps(stamped_event(event))
        with self._lock:
            if self.problem:
                return
            try:
                self._file.write(text + "\n")
                self._file.flush()
            except OSError as exc:
                self.problem = exc.strerror or str(exc)

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as exc:
            self.problem = self.problem or exc.strerror or str(exc)


class Several:
    """A reporter that tells several others, in order."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def on_event(self, event: Event) -> None:
        """Tell each."""
        for reporter in self._reporters:
            reporter.on_event(event)
