"""How text reaches a terminal or a pipe: safe, coloured or not, at which width.

Whatever comes from a host or a file is shown through `line` (S10): one printable line, no terminal
escape, no bidirectional override, and never read as rich's markup.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from rhl_helpers.text import safe
from seamless_reconcile.report.json_ import dumps, plain
from seamless_reconcile.report.words import Doing

WIDTH = 80
_NARROWEST = 20
MAX_SHOWN = 500
"""Characters of one value that are shown; the whole of it is in the JSON."""

# The terminal's own sixteen colours: they follow its theme, light or dark.
STYLES = {
    Doing.NOTHING: "",
    Doing.START: "green",
    Doing.OPEN: "green",
    Doing.RESTART: "cyan",
    Doing.REPLACE: "cyan",
    Doing.STOP: "magenta",
    Doing.REMOVE: "magenta",
    Doing.CLOSE: "magenta",
    Doing.CLEAR: "bold red",
    Doing.BLOCKED: "bold red",
    Doing.UNKNOWN: "bold magenta",
    Doing.LEFT: "blue",
}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The few characters beyond ASCII, or what stands for them where the output cannot show them."""

    branch: str = "└ "
    arrow: str = "→"
    dots: str = "…"

    @classmethod
    def for_encoding(cls, encoding: str | None) -> Glyphs:
        """Choose by what the output's encoding can say."""
        try:
            "└→…".encode(encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return ASCII
        return UNICODE


UNICODE = Glyphs()
ASCII = Glyphs("`-", "->", "...")


def line(value: Any, style: str = "") -> Text:
    """Give any text as one safe line; rich's markup in it is only text."""
    return Text(safe(str(value), limit=MAX_SHOWN), style=style)


@dataclass(frozen=True, slots=True)
class Hanging:
    """Something in front, and a text whose further lines wrap under its first.

    Attributes:
        front: stands before the first line.
        body: the text.
        indent: columns before the body, where that is more than `front` takes.
    """

    front: Text
    body: Text
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Wrap the body to what is left of the line."""
        indent = max(self.indent, self.front.cell_len)
        width = max(options.max_width - indent, _NARROWEST)
        # Most lines fit: a plan of ten thousand resources must not be wrapped line by line.
        lines = [self.body] if self.body.cell_len <= width else self.body.wrap(console, width)
        for number, text in enumerate(lines):
            front = self.front if number == 0 else Text()
            text.rstrip()
            whole = Text.assemble(front, " " * (indent - front.cell_len), text)
            yield from whole.render(console, end="\n")


def one_line(text: str, style: str = "") -> Text:
    """Give a safe line that stays one, however narrow the terminal."""
    said = line(text, style)
    said.no_wrap, said.overflow = True, "ignore"
    return said


def shown(value: Any) -> str:
    """Give a value as people read it: words bare, the rest as JSON; None as `none`."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return safe(value, limit=MAX_SHOWN) or '""'
    return safe(dumps(plain(value)), limit=MAX_SHOWN)


def console(file: Any, *, width: int | None = None, color: bool = False, live: bool = False) -> Console:
    """Make a console that never interprets what it is given."""
    return Console(
        file=file,
        width=width,
        force_terminal=True if color or live else None,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    )


def terminal(file: Any, *, color: bool) -> Console:
    """Make a console for a terminal on which lines are redrawn."""
    return console(file, color=color, live=True)


def rendered(renderable: RenderableType, *, width: int = WIDTH, color: bool = False) -> str:
    """Give what a renderable looks like, without trailing blanks."""
    buffer = io.StringIO()
    # In a group, as a text that is printed alone forgets that it must not be wrapped.
    console(buffer, width=width, color=color).print(Group(renderable), crop=False)
    return "".join(part.rstrip() + "\n" for part in buffer.getvalue().splitlines())
