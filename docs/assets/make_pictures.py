"""Make docs/assets/*.svg: what a terminal of 80 columns shows of a real run on this machine.

`python -m docs.assets.make_pictures` starts a real hashserver and database in a throw-away folder, has
a computation warm their caches, and pictures the plan and the apply that make them cold. Only the
folder's name is replaced, by /home/me.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from seamless_reconcile.demo.stage import Stage, stage

HERE = Path(__file__).resolve().parent
COLUMNS, WITH_LONGER_PATHS = 80, 110
# Its own background: readable on a light page and on a dark one.
_DIM = "3c4048 e06c75 98c379 e5c07b 61afef c678dd 56b6c2 dcdfe4"
_BRIGHT = "828997 f08089 acd78d efca8f 75c3ff da8cf1 6acad6 ffffff"


def _rgb(words: str) -> list[tuple[int, int, int]]:
    return [(int(w[:2], 16), int(w[2:4], 16), int(w[4:], 16)) for w in words.split()]


_THEME = TerminalTheme((30, 33, 39), (220, 223, 228), _rgb(_DIM), _rgb(_BRIGHT))
# Without the fonts that rich's own form would load from elsewhere.
_FORM = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def seen(scene: Stage, argv: Sequence[str]) -> str:
    """Run a command on a terminal of its own; gives what it printed as its result."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WITH_LONGER_PATHS, 0, 0))
    environ = {**scene.environ, "TERM": "xterm-256color"}
    environ.pop("NO_COLOR", None)
    with subprocess.Popen(
        argv, cwd=scene.work, env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # how Linux tells that the other side has closed
            pass
        finally:
            os.close(ours)
        process.wait(timeout=60)
    return shown.decode().replace("\r\n", "\n").replace(str(scene.home), "/home/me")


def picture(name: str, title: str, commands: Sequence[tuple[str, str]]) -> None:
    """Draw commands and what they printed."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    for command, shown in commands:
        console.print(Text.assemble(("$ ", "green"), (command, "bold")))
        console.print(Text.from_ansi(shown.rstrip("\n")), soft_wrap=True)
        console.print()
    console.save_svg(str(HERE / f"{name}.svg"), title=title, theme=_THEME, code_format=_FORM, unique_id=name)


def main() -> None:
    """Make all of them."""
    with stage(keep=False, quiet=True) as scene:
        scene.run(["seamless-reconcile", "apply", "--yes"])
        scene.ask(["seamless-run", "wc", "-w", "words.txt"])
        lines = [
            ("seamless-reconcile", *words) for words in (("plan",), ("apply", "--yes", "-q"), ("plan", "-q"))
        ]
        shown = [(" ".join(argv), seen(scene, argv)) for argv in lines]
    for command, text in shown:
        sys.stdout.write(f"$ {command}\n{text}")
    picture("plan-and-apply", "seamless-reconcile", shown)


if __name__ == "__main__":
    main()
