"""Write everything that is made from the code."""

from __future__ import annotations

from pathlib import Path

from docs.make import man, markdown

DOCS = Path(__file__).resolve().parents[1]


def made() -> dict[Path, str]:
    """Give every file that is made, with what belongs into it."""
    files = {DOCS / "reference/commands.md": markdown.page()}
    files |= {DOCS / "man" / name: text for name, text in man.pages().items()}
    return files


if __name__ == "__main__":
    (DOCS / "man").mkdir(exist_ok=True)
    wanted = made()
    for stray in set((DOCS / "man").glob("*.1")) - set(wanted):
        stray.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
