"""`validate`: check the manifest; contact nothing."""

from __future__ import annotations

import click

from seamless_reconcile.cli.options import Asked, manifest_options, output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import opened
from seamless_reconcile.declared import ManifestError
from seamless_reconcile.exits import Exit


@click.command("validate")
@output_options()
@manifest_options
def command(out: Output, asked: Asked) -> Exit:
    """Check the manifest and resolve it to hosts and keys; contact nothing.

    All problems are listed at once, as file:line:column: message (hint). With --json:
    {"format_version": 1, "valid": false, "problems": [{"file", "line", "column", "message", "hint"}]}.
    """
    try:
        with opened(asked, out) as session:
            services, hosts = len(session.desired.services), len(session.desired.hosts)
            warnings = session.desired.warnings
    except ManifestError as error:
        if not out.json:
            raise
        _tell(out, error)
        return Exit.MANIFEST
    for resource, message in warnings:
        out.note(f"warning: {resource}: {message}" if resource else f"warning: {message}")
    if out.json:
        _tell(out, None)
    elif not out.quiet:
        from seamless_reconcile.report.words import plural  # noqa: PLC0415 - only here

        out.result(f"ok: {plural(services, 'service')} on {plural(hosts, 'host')}\n")
    return Exit.OK


def _tell(out: Output, error: ManifestError | None) -> None:
    from seamless_reconcile.report.json_ import problem_to_dict  # noqa: PLC0415 - only here

    problems = [problem_to_dict(problem) for problem in error.problems] if error else []
    out.result_json({"format_version": 1, "valid": error is None, "problems": problems})
