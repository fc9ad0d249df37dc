"""docs/man: a page for the program and one for each command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from docs.make.commands import PROGRAM, Block, Command, commands, program

from seamless_reconcile import __version__

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
_FILES = (
    ("seamless.reconcile.yaml", "the manifest, in the working directory"),
    ("seamless.yaml, seamless.profile.yaml", "cluster, project and stage, where the manifest does not say"),
    ("~/.seamless/clusters.yaml, ~/.seamless/clusters/*.yaml", "the clusters"),
    ("~/.ssh/config, ~/.ssh/known_hosts", "how hosts are reached, and who they are"),
)


def pages() -> Mapping[str, str]:
    """Give the pages by their file names."""
    every = commands()
    made = {f"{PROGRAM}.1": "\n".join(_program(program(), every)) + "\n"}
    for one in every:
        made[f"{PROGRAM}-{one.name}.1"] = "\n".join(_command(one)) + "\n"
    return made


def _program(main: Command, every: list[Command]) -> Iterator[str]:
    yield from _head(PROGRAM, main.short, f"{PROGRAM} {main.usage}")
    yield from _described(main)
    yield ".SH COMMANDS"
    for one in every:
        yield from _item(f"{PROGRAM}-{one.name}(1)", one.short)
    yield ".SH FILES"
    for name, what in _FILES:
        yield from _item(name, what)
    yield ".SH ENVIRONMENT"
    for name, what in _table("environment.md"):
        yield from _item(name, what)
    yield from _exits()
    yield ".SH SEE ALSO"
    yield _text(", ".join([*(f"{PROGRAM}-{one.name}(1)" for one in every), "ssh_config(5)"]))


def _command(command: Command) -> Iterator[str]:
    name = f"{PROGRAM}-{command.name}"
    yield from _head(name, command.short, f"{PROGRAM} {command.name} {command.usage}")
    yield from _described(command)
    yield from _exits()
    yield ".SH SEE ALSO"
    yield _text(f"{PROGRAM}(1)")


def _head(name: str, short: str, usage: str) -> Iterator[str]:
    yield rf'.TH "{name.upper()}" "1" "" "{PROGRAM} {__version__}" "{PROGRAM}"'.replace("-", r"\-")
    yield ".SH NAME"
    yield rf"{_text(name)} \- {_text(short.rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield rf".B {_text(usage)}"


def _described(command: Command) -> Iterator[str]:
    yield ".SH DESCRIPTION"
    for block in command.help:
        yield from _block(block)
    yield ".SH OPTIONS"
    for how, what in command.options:
        yield from _item(how, what)


def _block(block: Block) -> Iterator[str]:
    if block.literal:
        yield from (".PP", ".nf", *map(_text, block.text.splitlines()), ".fi")
    else:
        yield from (".PP", _text(block.text))


def _item(term: str, text: str) -> Iterator[str]:
    yield from (".TP", rf"\fB{_text(term)}\fR", _text(text))


def _exits() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for code, _, when in _table("exit-codes.md"):
        yield from _item(code, when)


def _table(page: str) -> Iterator[list[str]]:
    """Give the rows of the first table of a page of the reference, as plain text."""
    lines = (REFERENCE / page).read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            return
        yield [_unlinked(cell.strip()) for cell in line.strip("|").split("|")]


def _unlinked(text: str) -> str:
    """Leave out links: those in brackets with their text, of the others only the target."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r" \(\[[^]]*\]\([^)]*\)\)", "", text))


def _text(text: str) -> str:
    """Give text that roff takes as it stands; what is in backticks is bold."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    bold = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", escaped)
    return rf"\&{bold}" if bold[:1] in (".", "'") else bold
