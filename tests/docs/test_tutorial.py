"""The tutorial, done: its files written, its commands run on real services, their output compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/tutorial.md"
# A file's name may end the paragraph before its content; a block of commands stands alone.
STEP = re.compile(r"(?:`([\w./~-]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def steps():
    """Give (name, text) for each file and ("", text) for each block of commands, in their order."""
    for name, language, text in STEP.findall(PAGE.read_text()):
        if name or language == "console":
            yield name, text


def commands(block):
    """Give each command of a block with what it should print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield line, output


def pattern(output):
    """Make a pattern of an output: a line of dots is any lines."""
    anything = r"(?:.*\n)*"
    lines = (anything if line == "..." else re.escape(line) + r"\n" for line in output.splitlines())
    return "".join(lines)


@pytest.mark.services
def test_the_tutorial_is_what_happens(user):
    done = 0
    for name, text in steps():
        if name:
            path = user.home / name[2:] if name.startswith("~/") else user.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            continue
        for line, output in commands(text):
            ran = user.run("sh", "-c", f"{{ {line}; }} 2>&1", seconds=120)
            shown = ran.stdout.replace(str(user.home), "/home/me")
            assert re.fullmatch(pattern(output), shown), f"$ {line}\n{shown}"
            done += 1
    assert done == 11
    assert list(user.site.processes()) == []
