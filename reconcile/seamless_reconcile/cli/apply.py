"""`apply`: make it so: plan, ask, act, verify."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seamless_reconcile.cli.interrupt import Begun, stops
from seamless_reconcile.cli.options import (
    Asked,
    Narrowed,
    events_option,
    lock_option,
    narrowing_options,
    output_options,
    reaching_options,
)
from seamless_reconcile.cli.output import Output, can_ask
from seamless_reconcile.cli.plan import render_plan
from seamless_reconcile.cli.session import addresses_checked, opened, options_of
from seamless_reconcile.exits import Exit, of_apply
from seamless_reconcile.plan import Plan, Verb
from seamless_reconcile.report.words import plural

if TYPE_CHECKING:  # imported when used
    from seamless_reconcile.outcomes import Applied


@click.command("apply")
@click.argument("planfile", required=False, type=click.Path(path_type=Path), metavar="[PLANFILE]")
@output_options()
@reaching_options
@lock_option(0.0)
@narrowing_options
@events_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask: without --yes, exit 5 if there is anything to do.")
def command(
    out: Output,
    planfile: Path | None,
    asked: Asked,
    narrowed: Narrowed,
    events: Path | None,
    yes: bool,
    no_input: bool,
) -> Exit:
    """Plan, ask, act in parallel along the graph, verify, summarise.

    With PLANFILE (see `plan --out`): do exactly what that plan showed, or nothing if what it was made
    on has changed (exit 4). Ctrl-C finishes the action in hand, then stops and says where.
    """
    approval = Approval(out, yes=yes, ask=not no_input)
    if planfile is not None:
        _refuse_together(asked, narrowed)
        applied = _apply_saved(out, planfile, asked, events, approval)
    else:
        applied = _apply(out, asked, narrowed, events, approval)
    _tell(out, applied, approval)
    return of_apply(applied)


def _refuse_together(asked: Asked, narrowed: Narrowed) -> None:
    if asked.files or narrowed.targets or narrowed.replace:
        raise click.UsageError(
            "PLANFILE says what to do: -f, --target and --replace were settled when it was made"
        )


def _apply(out: Output, asked: Asked, narrowed: Narrowed, events: Path | None, approval: Approval) -> Applied:
    stop, begun = threading.Event(), Begun()
    with (
        stops(stop, begun),
        opened(asked, out, begun, events=events) as session,
        addresses_checked(session, narrowed),
    ):
        return session.apply(options_of(narrowed), approve=approval, stop=stop)


def _apply_saved(
    out: Output, planfile: Path, asked: Asked, events: Path | None, approval: Approval
) -> Applied:
    from seamless_reconcile.outcomes import Applied  # noqa: PLC0415 - imported when used
    from seamless_reconcile.workflow import NotApproved, load_saved  # noqa: PLC0415 - see above

    saved = load_saved(planfile)
    if not saved.plan.actions:
        return Applied(saved.plan)
    if not approval(saved.plan):
        raise NotApproved(saved.plan)
    stop, begun = threading.Event(), Begun()
    where = replace(asked, files=tuple(saved.files))
    with stops(stop, begun), opened(where, out, begun, events=events) as session:
        return session.apply_saved(saved, stop=stop)


class Approval:
    """Show the plan, then ask for it where that is wanted and possible.

    Attributes:
        shown: whether the plan was shown.
    """

    def __init__(self, out: Output, *, yes: bool, ask: bool) -> None:
        self._out, self._yes, self._ask = out, yes, ask
        self.shown = False

    def __call__(self, plan: Plan) -> bool:
        """Tell whether the plan may be carried out."""
        if not self._out.json or not self._yes:
            render_plan(self._out, plan)
        self.shown = True
        if self._yes:
            return True
        if not self._ask or not can_ask():
            self._out.say("this needs approval, and there is nobody to ask: look at the plan, then add --yes")
            return False
        return _answer(question(plan))


def question(plan: Plan) -> str:
    """Word the question; what is lost for good is named."""
    clears = sum(action.verb is Verb.CLEAR for action in plan.actions)
    loss = f"This will delete the contents of {plural(clears, 'cache')}.\n" if clears else ""
    these = "this action" if len(plan.actions) == 1 else f"these {len(plan.actions)} actions"
    return f"{loss}Apply {these}? [y/N] "


def _answer(text: str) -> bool:
    sys.stderr.write(text)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _tell(out: Output, applied: Applied, approval: Approval) -> None:
    if out.json:
        from seamless_reconcile.report.json_ import applied_to_dict  # noqa: PLC0415 - only where asked for

        out.result_json(applied_to_dict(applied))
        return
    if not applied.outcomes and not approval.shown:
        render_plan(out, applied.plan)
        return
    from seamless_reconcile.report.applied import applied_text, last_text  # noqa: PLC0415 - rich is slow

    if not out.quiet:
        out.show(applied_text(applied, glyphs=out.glyphs()))
        return
    _say_what_failed(out, applied)
    out.show(last_text(applied))


def _say_what_failed(out: Output, applied: Applied) -> None:
    """Name on stderr what `-q` must not hide: every failure, and what is still in the way."""
    for outcome in applied.outcomes:
        if not outcome.ok:
            action = outcome.action
            out.say(f"{outcome.result.value}: {action.verb.value} {action.resource}: {outcome.detail}")
    for blocked in (applied.after or applied.plan).blocked:
        out.say(f"blocked: {blocked.resource}: {blocked.reason}")
