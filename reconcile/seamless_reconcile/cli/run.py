"""`run -- CMD`: make it so, prove it cold, run CMD, prove that it used the services."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seamless_reconcile.cli.apply import Approval
from seamless_reconcile.cli.interrupt import Begun, reluctantly, stops
from seamless_reconcile.cli.options import Asked, events_option, lock_option, output_options, reaching_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import opened
from seamless_reconcile.exits import Exit, of_apply

if TYPE_CHECKING:  # imported when used
    from seamless_reconcile.proof.trial import Trial

LOCK_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class _Files:
    """What is written of the proof, for programs."""

    certificate: Path | None
    junit: Path | None


@click.command("run", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.argument("words", nargs=-1, required=True, metavar="-- CMD [ARG]...")
@output_options(json=False)
@reaching_options
@lock_option(LOCK_TIMEOUT)
@events_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask: without --yes, exit 5 if there is anything to do.")
@click.option(
    "--restore",
    is_flag=True,
    help="Afterwards put the services back as they were, running or not, whatever became of CMD.",
)
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write what was proved, as JSON.",
)
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The same as a JUnit file.",
)
def command(
    out: Output,
    words: tuple[str, ...],
    asked: Asked,
    events: Path | None,
    yes: bool,
    no_input: bool,
    restore: bool,
    certificate: Path | None,
    junit: Path | None,
) -> int:
    """Converge to the manifest, run CMD on cold caches, and prove that it really ran on them.

    CMD's output and streams are its own. Exit: CMD's own code where the proof holds, 6 where it does
    not, and the code `apply` would give where the services could not be made as declared.
    """
    from seamless_reconcile.proof.child import CannotStart, check_command  # noqa: PLC0415 - imported when used
    from seamless_reconcile.proof.trial import Trial  # noqa: PLC0415 - see above

    try:
        check_command(words)
    except CannotStart as exc:
        out.say(f"{exc}: nothing was changed")
        return exc.exit_code
    # stdout is the command's: everything of ours goes to stderr.
    aside = replace(out, json=True)
    stop, begun, files = threading.Event(), Begun(), _Files(certificate, junit)
    with stops(threading.Event(), Begun()), opened(asked, aside, begun, events=events) as session:
        trial = Trial(session, words, restore=restore, guard=reluctantly)
        _write(trial, files)
        try:
            with trial:
                with stops(stop, begun):
                    ready = trial.begin(approve=Approval(aside, yes=yes, ask=not no_input), stop=stop)
                if ready:
                    trial.run()
        except KeyboardInterrupt:
            if trial.applied is None:
                raise
            out.say("interrupted: what the command did was not judged")
            return Exit.INTERRUPTED
        finally:
            lost = _written(out, trial, files)
    return _tell(out, trial, lost=lost)


def _write(trial: Trial, files: _Files) -> None:
    """Write what is proved so far: before the command too, so that no older certificate is taken for its."""
    if not (files.certificate or files.junit):
        return
    from seamless_reconcile.report.json_ import dumps  # noqa: PLC0415 - only where asked for

    value = trial.certificate()
    if files.certificate:
        files.certificate.write_text(dumps(value, indent=2) + "\n", encoding="utf-8")
    if files.junit:
        from seamless_reconcile.report.junit import certificate_junit  # noqa: PLC0415 - see above

        files.junit.write_bytes(certificate_junit(value))


def _written(out: Output, trial: Trial, files: _Files) -> bool:
    """Write the end; tells whether it could not be."""
    try:
        _write(trial, files)
    except OSError as exc:
        out.say(f"error: the certificate could not be written: {exc}")
        return True
    return False


def _tell(out: Output, trial: Trial, *, lost: bool) -> int:
    """Say what was proved; gives the exit code: a failed proof before CMD's own, CMD's before ours."""
    if trial.problem:
        out.say(f"error: {trial.problem}")
    if trial.proof is None:
        return _not_run(out, trial)
    if not trial.holds:
        _say_unproven(out, trial)
        return Exit.UNPROVEN
    places = ", ".join(cache.address for cache in trial.proof.caches)
    out.note(f"proof: genuine: {places} cold before, written by the command")
    for line in trial.proof.uncovered:
        out.say(f"not covered: {line}")
    return trial.exit_code or (Exit.ERROR if lost or trial.problem else Exit.OK)


def _not_run(out: Output, trial: Trial) -> int:
    applied = trial.applied
    if applied is None or applied.converged:
        return trial.exit_code or Exit.ERROR
    for line in ("the command was not run", *(f"  {reason}" for reason in trial.reasons())):
        out.say(line)
    return of_apply(applied) or Exit.ERROR


def _say_unproven(out: Output, trial: Trial) -> None:
    out.say(f"proof: {trial.finding.value}")
    for line in trial.reasons():
        out.say(f"  {line}")
    if trial.exit_code is None:
        out.say("the command was not run: it would prove nothing (exit 6)")
    else:
        out.say(f"this run proves nothing (exit 6); the command itself ended with {trial.exit_code}")
