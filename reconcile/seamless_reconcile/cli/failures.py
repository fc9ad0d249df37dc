"""What can go wrong, as exit codes and lines for people; what a user or a host causes is no traceback."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import click

from rhl_helpers.errors import HelperError, MutationRefused
from seamless_reconcile.cli.output import Output
from seamless_reconcile.declared import ManifestError
from seamless_reconcile.exits import Exit


@dataclass(frozen=True, slots=True)
class Failure:
    """A known way to fail.

    Attributes:
        kind: the word for programs.
        message: one line for people.
        details: further lines, each whole in itself.
    """

    kind: str
    message: str
    exit: Exit
    details: tuple[str, ...] = ()


def guarded(out: Output, command: Callable[[], Exit]) -> Exit:
    """Run a command and give its exit code, whatever happens in it."""
    try:
        return command()
    except click.ClickException as error:
        if out.json:
            _tell_program(out, Failure("usage", error.format_message(), Exit.USAGE))
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - each becomes an exit code
        failure = known(error) or _internal(out, error)
        tell(out, failure)
        return failure.exit


def exit_of(error: BaseException) -> int:
    """Give the exit code of what ended the program outside of any command."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else Exit.ERROR
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return Exit.USAGE
    return guarded(Output(), lambda: _again(error))


def _again(error: BaseException) -> Exit:
    raise error


def tell(out: Output, failure: Failure) -> None:
    """Say what went wrong: lines on stderr, and with `--json` an object on stdout."""
    if failure.message:
        out.say(failure.message)
    for detail in failure.details:
        out.say(detail)
    if out.json:
        _tell_program(out, failure)


def _tell_program(out: Output, failure: Failure) -> None:
    from seamless_reconcile.report.json_ import error_to_dict  # noqa: PLC0415 - rarely needed

    count = len(failure.details)
    message = failure.message or f"{count} problem{'s' if count != 1 else ''}"
    out.result_json(error_to_dict(failure.kind, message, list(failure.details), failure.exit))


def known(error: BaseException) -> Failure | None:
    """Give what is known of an error; None if it is a bug."""
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", "interrupted: no action was begun", Exit.INTERRUPTED)
    if isinstance(error, ManifestError):
        return Failure("manifest", "", Exit.MANIFEST, tuple(str(problem) for problem in error.problems))
    if isinstance(error, HelperError) and not isinstance(error, MutationRefused):
        hint = f" ({error.hint})" if error.hint else ""
        return Failure(error.kind.replace(" ", "_"), f"error: {error}{hint}", Exit.ERROR)
    if isinstance(error, OSError):
        return Failure("system", _of_system(error), Exit.ERROR)
    return _of_workflow(error)


def _of_system(error: OSError) -> str:
    """Say what the system refused, and of which file."""
    what = error.strerror or str(error)
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"error: {where}{what}"


def _of_workflow(error: BaseException) -> Failure | None:
    # What was never imported cannot have been raised.
    workflow = sys.modules.get("seamless_reconcile.workflow")
    if workflow is None:
        return None
    if isinstance(error, workflow.Locked):
        return Failure("locked", f"locked: {error}", Exit.LOCKED)
    if isinstance(error, workflow.StalePlan):
        message = "the plan is stale: what it was made on has changed; make a new one"
        return Failure("stale_plan", message, Exit.STALE_PLAN, _differences(error))
    if isinstance(error, workflow.PlanFileError):
        return Failure("plan_file", f"not a usable plan: {error}", Exit.MANIFEST)
    if isinstance(error, workflow.NotApproved):
        return Failure("not_approved", "not approved: nothing was changed", Exit.BLOCKED)
    return None


def _differences(error: BaseException) -> tuple[str, ...]:
    listed = getattr(error, "differences", None)
    return tuple(f"  {difference}" for difference in listed or ())


# --- bugs ----------------------------------------------------------------------------------


def _internal(out: Output, error: BaseException) -> Failure:
    """Say in one line that this is a bug, and where the traceback is."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    where = _kept(text)
    if out.verbose:
        for trace_line in text.splitlines():
            out.say(trace_line)
    at = f"; the traceback is in {where}" if where else "; -v shows the traceback"
    return Failure(
        "internal", f"internal error: {type(error).__name__}: {error}; please report it{at}", Exit.ERROR
    )


def _kept(text: str) -> str | None:
    """Keep a traceback in the state folder; None where even that is not possible."""
    from seamless_reconcile.state import state_folder  # noqa: PLC0415 - only where there is a bug

    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = state_folder() / "crashes" / f"{stamp}-{time.time_ns() % 1_000_000_000:09d}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        path.chmod(0o600)
    except OSError:
        return None
    return str(path)
