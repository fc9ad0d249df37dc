"""Commands that are imported when they are used: `--help` must not cost what `apply` needs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """A group that knows its commands by name and one line of help.

    Args:
        lazy: name -> (module that has it as `command`, its line in the list of commands).
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names, in the order of a user's day."""
        return list(self._lazy)

    def short_help_of(self, name: str) -> str:
        """Give a command's line in the list of commands."""
        return self._lazy[name][1]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import one command; None if there is no such."""
        if cmd_name not in self._lazy:
            return None
        command = importlib.import_module(self._lazy[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may be meant."""
        name = args[0]
        if name not in self._lazy and not name.startswith("-"):
            import difflib  # noqa: PLC0415 - only for a typing error

            near = difflib.get_close_matches(name, self._lazy, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Offer the commands without importing them: a person waits for this at each Tab."""
        # Without commas: click's script for fish takes one for the end.
        named = [CompletionItem(n, help=text.replace(",", ";")) for n, (_, text) in self._lazy.items()]
        return [
            *(item for item in named if item.value.startswith(incomplete)),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]
