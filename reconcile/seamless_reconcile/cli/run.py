"""`run -- CMD`: make it so, prove it cold, run CMD, prove that it used the services."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seamless_reconcile.cli.apply import Approval
from seamless_reconcile.cli.options import Asked, events_option, output_options, reaching_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import opened
from seamless_reconcile.declared import ManifestError, Problem
from seamless_reconcile.exits import Exit, of_apply

if TYPE_CHECKING:  # imported when used
    from seamless_reconcile.proving import Proved


@click.command("run", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.argument("words", nargs=-1, required=True, metavar="-- CMD [ARG]...")
@output_options(json=False)
@reaching_options
@events_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask: without --yes, exit 5 if there is anything to do.")
@click.option(
    "--restore", is_flag=True, help="Afterwards put the services back as they were: running or not."
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
    # stdout is the command's: everything of ours goes to stderr.
    aside = replace(out, json=True)
    from seamless_reconcile.proving import NothingToProve, prove  # noqa: PLC0415 - imported when used

    with opened(asked, aside, events=events) as session:
        try:
            proved = prove(
                session, words, approve=Approval(aside, yes=yes, ask=not no_input), restore=restore
            )
        except NothingToProve:
            raise ManifestError([_nothing(session.manifest.files[0])]) from None
        _write(session, proved, certificate, junit)
    return _tell(out, proved)


def _nothing(file: str) -> Problem:
    return Problem(
        None, f"{file}: no cache is declared cold, so there is nothing to prove", "add `cache: cold`"
    )


def _write(session: Any, proved: Proved, certificate_file: Path | None, junit_file: Path | None) -> None:
    if not (certificate_file or junit_file):
        return
    from seamless_reconcile.proving import certificate  # noqa: PLC0415 - only where asked for
    from seamless_reconcile.report.json_ import dumps  # noqa: PLC0415 - see above

    value = certificate(proved, session)
    if certificate_file:
        certificate_file.write_text(dumps(value, indent=2) + "\n", encoding="utf-8")
    if junit_file:
        from seamless_reconcile.report.junit import certificate_junit  # noqa: PLC0415 - see above

        junit_file.write_bytes(certificate_junit(value))


def _tell(out: Output, proved: Proved) -> int:
    proof = proved.proof
    if proof is None:
        out.say("the command was not run: the services could not be made as declared")
        return of_apply(proved.applied) or Exit.ERROR
    if proved.restored is not None and not proved.restored.converged:
        out.say("warning: not everything could be put back as it was (--restore)")
    if not proof.holds:
        out.say(f"proof: {proof.finding.value}")
        for reason in proof.reasons:
            out.say(f"  {reason}")
        out.say(f"this run proves nothing (exit 6); the command itself ended with {proved.exit_code}")
        return Exit.UNPROVEN
    places = ", ".join(cache.address for cache in proof.caches)
    out.note(f"proof: genuine: {places} cold before, written by the command")
    return proved.exit_code or 0
