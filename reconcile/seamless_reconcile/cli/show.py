"""`show`: show a saved plan."""

from __future__ import annotations

from pathlib import Path

import click

from seamless_reconcile.cli.options import output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.plan import show_plan
from seamless_reconcile.exits import Exit


@click.command("show")
@click.argument("planfile", type=click.Path(path_type=Path), metavar="FILE")
@output_options()
def command(out: Output, planfile: Path) -> Exit:
    """Show a plan that `plan --out FILE` saved, whether it still holds or not."""
    from seamless_reconcile.workflow import load_saved  # noqa: PLC0415 - imported when used

    show_plan(out, load_saved(planfile).plan)
    return Exit.OK
