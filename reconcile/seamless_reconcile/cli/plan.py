"""`plan`: show what is, what should be, and what would be done; change nothing."""

from __future__ import annotations

from pathlib import Path

import click

from seamless_reconcile.cli.options import (
    Asked,
    Narrowed,
    events_option,
    narrowing_options,
    output_options,
    reaching_options,
)
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import addresses_checked, opened, options_of
from seamless_reconcile.exits import Exit, of_plan
from seamless_reconcile.plan import Plan


@click.command("plan")
@output_options()
@reaching_options
@narrowing_options
@events_option
@click.option(
    "--out",
    "save_to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the plan, for `apply FILE` and `show FILE`.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there is anything to do.")
@click.option(
    "--passive",
    is_flag=True,
    help="Ask no service whether it is well: a handshake would reset its idle timer.",
)
def command(
    out: Output,
    asked: Asked,
    narrowed: Narrowed,
    events: Path | None,
    save_to: Path | None,
    detailed_exitcode: bool,
    passive: bool,
) -> Exit:
    """Show what is, what should be, and what would be done, in order; change nothing anywhere.

    Exit codes: 0 read and known (2 with --detailed-exitcode if there is anything to do),
    3 something could not be told, 5 something is blocked.
    """
    options = options_of(narrowed)
    with opened(asked, out, events=events) as session, addresses_checked(session, narrowed):
        plan = session.plan(options, passive=passive)
        if save_to is not None:
            session.save(plan, options, save_to)
    show_plan(out, plan)
    if save_to is not None:
        out.note(f"saved to {save_to}; `seamless-reconcile apply {save_to}` does exactly this, or nothing")
    return of_plan(plan, detailed=detailed_exitcode)


def show_plan(out: Output, plan: Plan) -> None:
    """Write a plan as the result."""
    if out.json:
        from seamless_reconcile.report.json_ import plan_to_dict  # noqa: PLC0415 - only where asked for

        out.result_json(plan_to_dict(plan))
    else:
        render_plan(out, plan)


def render_plan(out: Output, plan: Plan) -> None:
    """Write a plan for people; with `-q` only its summary."""
    from seamless_reconcile.report.text import plan_text, summary_text  # noqa: PLC0415 - rich is slow

    out.show(summary_text(plan) if out.quiet else plan_text(plan, verbose=out.verbose, glyphs=out.glyphs()))
