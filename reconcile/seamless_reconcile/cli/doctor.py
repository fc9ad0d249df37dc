"""`doctor`: can this client reach these hosts and their helpers? Change nothing."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from seamless_reconcile.cli import names as offers
from seamless_reconcile.cli.options import DEFAULT_FILE, Asked, output_options, reaching_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.exits import Exit

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:-]{0,254}")


@click.command("doctor")
@output_options()
@reaching_options
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    metavar="NAME",
    shell_complete=offers.clusters,
    help="Look at this cluster's hosts too.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    shell_complete=offers.hosts,
    help="Look at this host too (its ssh name, or local).",
)
def command(out: Output, asked: Asked, clusters: tuple[str, ...], hosts: tuple[str, ...]) -> Exit:
    """Find out whether this client can reach these hosts and their helpers; change nothing anywhere.

    With a manifest, its hosts; with --cluster or --host alone, those; with none of these, only this
    machine. Every problem comes with what to do, and on which machine. Exit codes: 0 nothing stands in
    the way, 2 something is to fix, 3 something could not be told.
    """
    for host in hosts:
        # It becomes an argument of ssh: no option, no shell word.
        if not _HOST.fullmatch(host):
            raise click.BadParameter(f"{host!r} is no host name", param_hint="'--host'")
    from seamless_reconcile.doctor.verdicts import exit_of  # noqa: PLC0415 - imported when used
    from seamless_reconcile.doctor.visit import examined  # noqa: PLC0415 - see above

    default = () if not Path(DEFAULT_FILE).exists() else (DEFAULT_FILE,)
    progress = out.progress()
    try:
        found = examined(
            asked.files or default,
            clusters,
            hosts,
            ssh=asked.ssh,
            timeout=asked.timeout,
            environ=dict(os.environ),
            reporter=progress,
        )
    finally:
        getattr(progress, "pause", lambda: None)()
    from seamless_reconcile.report import checkup  # noqa: PLC0415 - rich is slow

    if out.json:
        out.result_json(checkup.examination_to_dict(found))
    else:
        signs = checkup.Signs.for_encoding(getattr(sys.stdout, "encoding", None))
        out.show(checkup.examination_text(found, signs, verbose=out.verbose, quiet=out.quiet))
    return exit_of(found)
