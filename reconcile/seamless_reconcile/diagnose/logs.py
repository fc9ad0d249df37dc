"""A log as lines, and what stands in it. Pure; its time is bounded by how much is kept of a log.

A log is untrusted (S10): nothing of it is more than text, and a hostile one costs no more than
`MAX_LINES` lines of `MAX_LINE` characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rhl_helpers.secrets import redacted
from seamless_reconcile.diagnose.tracebacks import Traceback, find_tracebacks

MAX_BYTES = 1024 * 1024
"""The end of a log that is kept; what stands before it is only counted."""
MAX_LINES = 5_000
MAX_LINE = 1_000
"""Characters of a line that are looked at."""

ENDS = ("Finished server process", "Shutdown after timeout", "keep_cluster_alive exit")
"""How services that say so say that they end in order."""
BEGINS = (
    "Uvicorn running on",
    "Press Ctrl+C to end",
    "Welcome to the Seamless jobserver",
    "Dask scheduler address",
)
"""How services say that they have come up."""


@dataclass(frozen=True, slots=True)
class Log:
    """The end of one log.

    Attributes:
        present: False if there is none.
        lines: its last lines, each cut, not yet safe to show.
        cut: whether more stands before them.
        tracebacks: those in these lines, in order.
    """

    present: bool
    lines: tuple[str, ...] = ()
    cut: bool = False
    tracebacks: tuple[Traceback, ...] = field(default=())

    @property
    def empty(self) -> bool:
        """Whether there is one, and nothing in it."""
        return self.present and not self.lines

    @property
    def ended(self) -> bool:
        """Whether it says at its end that the service ended in order."""
        return any(end in line for line in self.lines[-_LAST:] for end in ENDS)

    @property
    def came_up(self) -> bool:
        """Whether it says that the service came up."""
        return any(begin in line for line in self.lines for begin in BEGINS)


_LAST = 15


def read_log(data: bytes | None, *, cut: bool = False) -> Log:
    """Make the lines of a log's end; None is the log that is not there.

    Args:
        data: the end of the log, as it was read.
        cut: whether more stands before it.
    """
    if data is None:
        return Log(present=False)
    kept = data[-MAX_BYTES:]
    cut = cut or len(kept) < len(data)
    text = kept.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = [redacted(line[:MAX_LINE]) for line in text.split("\n")]
    if cut and len(lines) > 1:
        del lines[0]  # the rest of a line
    while lines and not lines[-1].strip():
        lines.pop()
    last = tuple(lines[-MAX_LINES:])
    return Log(present=True, lines=last, cut=cut or len(last) < len(lines), tracebacks=find_tracebacks(last))
