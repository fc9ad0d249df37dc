"""docs/reference/commands.md."""

from __future__ import annotations

from collections.abc import Iterator

from docs.make.commands import PROGRAM, Command, commands

_OPENING = f"""# Commands

<!-- Made from the program by `make reference`; do not edit. -->

`{PROGRAM} COMMAND --help` says the same, and so do the [man pages](../howto/shell.md).
`{PROGRAM} --version` tells the version. How a command ends is in [exit codes](exit-codes.md), what
programs read in [JSON](json.md), which variables count in [environment](environment.md).

"""


def page() -> str:
    """Give the page."""
    every = commands()
    parts = [_OPENING, "| | |\n|---|---|\n"]
    parts += [f"| [`{one.name}`](#{one.name}) | {_cell(one.short)} |\n" for one in every]
    for one in every:
        parts += ["\n", *_section(one)]
    return "".join(parts)


def _section(command: Command) -> Iterator[str]:
    yield f"## {command.name}\n\n```text\n{PROGRAM} {command.name} {command.usage}\n```\n"
    for block in command.help:
        yield f"\n```text\n{block.text}\n```\n" if block.literal else f"\n{_prose(block.text)}\n"
    yield "\n| option | |\n|---|---|\n"
    for how, what in command.options:
        yield f"| `{_cell(how)}` | {_cell(_prose(what))} |\n"


def _prose(text: str) -> str:
    # What is not in backticks must not be read as markup.
    parts = text.split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("[", r"\[").replace("_", r"\_") for part in parts[::2]]
    return "`".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
