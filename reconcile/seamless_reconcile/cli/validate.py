"""`validate`: check manifests; contact nothing."""

from __future__ import annotations

from dataclasses import replace

import click

from seamless_reconcile.cli import names
from seamless_reconcile.cli.options import Asked, manifest_options, output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import opened
from seamless_reconcile.declared import ManifestError, Problem
from seamless_reconcile.exits import Exit


@click.command("validate")
@click.argument("alone", nargs=-1, metavar="[FILE]...", shell_complete=names.files)
@output_options()
@manifest_options
def command(out: Output, asked: Asked, alone: tuple[str, ...]) -> Exit:
    """Check the manifest and resolve it to hosts and keys; contact nothing.

    Each FILE is checked by itself; those named with -f are checked as the union that they are. All
    problems are listed at once, as file:line:column: message (hint). With --json:
    {"format_version": 1, "valid": false, "problems": [{"file", "line", "column", "message", "hint"}]}.
    """
    if alone and asked.files:
        raise click.UsageError("name manifests with -f, to check their union, or without, each by itself")
    problems: list[Problem] = []
    for one in [replace(asked, files=(name,)) for name in alone] or [asked]:
        try:
            _check(out, one, f"{one.files[0]}: " if alone else "")
        except ManifestError as error:
            problems += error.problems
    if out.json:
        from seamless_reconcile.report.json_ import problem_to_dict  # noqa: PLC0415 - only here

        told = [problem_to_dict(problem) for problem in problems]
        out.result_json({"format_version": 1, "valid": not problems, "problems": told})
        return Exit.MANIFEST if problems else Exit.OK
    if problems:
        raise ManifestError(problems)
    return Exit.OK


def _check(out: Output, asked: Asked, front: str) -> None:
    """Check one manifest, or one union, and say that it is well."""
    with opened(asked, out) as session:
        services, hosts = len(session.desired.services), len(session.desired.hosts)
        warnings = session.desired.warnings
    for resource, message in warnings:
        out.note(f"{front}warning: {resource}: {message}" if resource else f"{front}warning: {message}")
    if not (out.json or out.quiet):
        from rhl_helpers.text import safe  # noqa: PLC0415 - only here
        from seamless_reconcile.report.words import plural  # noqa: PLC0415 - only here

        out.result(f"{safe(front)}ok: {plural(services, 'service')} on {plural(hosts, 'host')}\n")
