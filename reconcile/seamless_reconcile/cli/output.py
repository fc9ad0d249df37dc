"""stdout is the result, stderr is progress and diagnostics."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:  # rich is imported when something is rendered
    from rich.console import RenderableType

    from seamless_reconcile.events import Reporter
    from seamless_reconcile.report.screen import Glyphs

MIN_WIDTH = 40
MAX_WIDTH = 120
TERMINAL_WIDTH = 80
"""Columns of a terminal that does not tell how many it has."""
UNWRAPPED = 1_000_000
"""Columns of what is no terminal: a pipe gets plain lines, a path or an action whole in one of them."""


@dataclass(frozen=True, slots=True)
class Output:
    """How one command talks.

    Attributes:
        json: the result is one JSON object, nothing else goes to stdout.
        quiet: no progress; of a plan only its summary.
        verbose: more of everything.
        color: auto, always or never.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"

    # --- the result ----------------------------------------------------------------------

    def result(self, text: str) -> None:
        """Write to stdout; a reader that has gone away is no error."""
        _write(sys.stdout, text)

    def result_json(self, value: Any) -> None:
        """Write one JSON object."""
        from seamless_reconcile.report.json_ import dumps  # noqa: PLC0415 - only where asked for

        self.result(dumps(value, indent=2) + "\n")

    def show(self, renderable: RenderableType) -> None:
        """Render for people: on stdout, or on stderr where stdout is for programs."""
        from seamless_reconcile.report.screen import rendered  # noqa: PLC0415 - see above

        stream = sys.stderr if self.json else sys.stdout
        _write(stream, rendered(renderable, width=width(stream), color=self.colored(stream)))

    def glyphs(self) -> Glyphs:
        """Choose the characters that what `show` writes to can say."""
        from seamless_reconcile.report.screen import Glyphs  # noqa: PLC0415 - see above

        return Glyphs.for_encoding(getattr(sys.stderr if self.json else sys.stdout, "encoding", None))

    # --- diagnostics -----------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Write one line to stderr, safe to show whatever is in it."""
        from rhl_helpers.text import safe  # noqa: PLC0415 - see above

        _write(sys.stderr, safe(text) + "\n")

    def note(self, text: str) -> None:
        """Write one line to stderr that `-q` leaves out."""
        if not self.quiet:
            self.say(text)

    def colored(self, stream: TextIO | None) -> bool:
        """Tell whether a stream gets colours; `--color` wins over NO_COLOR."""
        if self.color != "auto":
            return self.color == "always"
        return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def progress(self) -> Reporter:
        """Give who reports progress: live on a terminal, plain lines in a pipe, nobody with `-q`."""
        if self.quiet:
            from seamless_reconcile.events import Silent  # noqa: PLC0415 - see above

            return Silent()
        if is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
            from seamless_reconcile.report.live import LiveProgress  # noqa: PLC0415 - see above
            from seamless_reconcile.report.screen import terminal  # noqa: PLC0415 - see above

            return LiveProgress(terminal(sys.stderr, color=self.colored(sys.stderr)))
        from seamless_reconcile.report.progress import PlainProgress  # noqa: PLC0415 - see above

        return PlainProgress(self.say, verbose=self.verbose)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person sees a stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def can_ask() -> bool:
    """Tell whether there is somebody to ask, and who sees the question."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def width(stream: TextIO | None) -> int:
    """Give the columns to write in; only for a terminal is anything wrapped."""
    if not is_terminal(stream) or stream is None:
        return UNWRAPPED
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return min(max(columns or TERMINAL_WIDTH, MIN_WIDTH), MAX_WIDTH)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError:
        _silence(stream)
        raise


def _silence(stream: TextIO) -> None:
    """Send a stream nowhere, so that closing it at the end cannot fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)
