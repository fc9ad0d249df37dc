"""`completion`: print what a shell has to source."""

from __future__ import annotations

import click

from seamless_reconcile.cli.options import output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.exits import Exit

PROGRAM, VARIABLE = "seamless-reconcile", "_SEAMLESS_RECONCILE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@output_options(json=False)
def command(out: Output, shell: str) -> Exit:
    r"""Print the script that lets a shell complete commands, options and the manifest's names.

    \b
    bash: echo 'eval "$(seamless-reconcile completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(seamless-reconcile completion zsh)"' >> ~/.zshrc
    fish: seamless-reconcile completion fish > ~/.config/fish/completions/seamless-reconcile.fish

    bash has to be 4.4 or newer.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only here

    found = get_completion_class(shell)
    if found is None:  # a click without that shell
        raise click.UsageError(f"there is no completion for {shell}")
    # The script is put together from its template: `source()` would look for a bash on this machine first.
    script = found(click.get_current_context().find_root().command, {}, PROGRAM, VARIABLE)
    out.result(script.source_template % script.source_vars() + "\n")
    return Exit.OK
