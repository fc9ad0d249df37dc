"""What the reader of the demo sees besides the commands' own output."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from seamless_reconcile.report.screen import Hanging, line, one_line


class Narrator:
    """Tell the story.

    Args:
        show: renders one thing on stdout.
    """

    def __init__(self, show: Callable[[RenderableType], None]) -> None:
        self._show = show
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapter += 1
        self._show(Text())
        self._show(Rule(line(f"{self._chapter}. {title}", "bold"), align="left", style="dim", characters="-"))

    def tell(self, text: str) -> None:
        """Say what is going on."""
        self._show(line(text))

    def command(self, text: str) -> None:
        """Show a command line as it can be repeated."""
        self._show(one_line(f"$ {text}", "bold cyan"))

    def file(self, name: str, text: str) -> None:
        """Show a file."""
        self.tell(f"{name}:")
        for row in text.splitlines():
            self._show(Hanging(Text("    "), line(row, "dim")))

    def proved(self, text: str) -> None:
        """Say what was just proved."""
        self._show(Hanging(Text("ok: ", "bold green"), line(text)))
