"""The command line, as values: what the reference and the man pages are made of."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

import click

from seamless_reconcile.cli.lazy import LazyGroup
from seamless_reconcile.cli.main import cli

PROGRAM = "seamless-reconcile"


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a command's help.

    Attributes:
        literal: its lines stand as they are.
    """

    text: str
    literal: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        short: one line.
        usage: what follows the name.
        options: (how it is written, what it does).
    """

    name: str
    short: str
    usage: str
    help: tuple[Block, ...]
    options: tuple[tuple[str, str], ...]


def program() -> Command:
    """Give the program itself."""
    context = cli.make_context(PROGRAM, [], resilient_parsing=True)
    return _described("", (cli.help or "").strip(), cli, context)


def commands() -> list[Command]:
    """Give the commands, in the program's own order."""
    above = cli.make_context(PROGRAM, [], resilient_parsing=True)
    found = []
    if not isinstance(cli, LazyGroup):
        raise TypeError(cli)
    for name in cli.list_commands(above):
        command = cli.get_command(above, name)
        if command is None:
            raise LookupError(name)
        context = click.Context(command, info_name=name, parent=above)
        found.append(_described(name, cli.short_help_of(name), command, context))
    return found


def _described(name: str, short: str, command: click.Command, context: click.Context) -> Command:
    records = [
        record for p in command.get_params(context) if (record := p.get_help_record(context)) is not None
    ]
    usage = " ".join(command.collect_usage_pieces(context))
    blocks = tuple(_blocks(inspect.cleandoc(command.help or "")))
    return Command(name, short, usage, blocks, tuple((how, " ".join(what.split())) for how, what in records))


def _blocks(text: str) -> list[Block]:
    """Split a help text at its empty lines; click's mark for literal lines is a line with a backspace."""
    parts = [part.strip("\n") for part in re.split(r"\n\s*\n", text) if part.strip()]
    return [
        Block(part.partition("\n")[2], literal=True)
        if part.startswith("\b\n")
        else Block(" ".join(part.split()))
        for part in parts
    ]
