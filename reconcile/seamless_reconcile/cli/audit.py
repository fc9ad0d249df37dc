"""`audit`: what is there against what should be, on every host; change nothing."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seamless_reconcile import __version__
from seamless_reconcile.cli import names
from seamless_reconcile.cli.options import (
    DEFAULT_FILE,
    Asked,
    events_option,
    output_options,
    reaching_options,
)
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import files_of, reporting
from seamless_reconcile.exits import Exit

if TYPE_CHECKING:  # imported when used
    from seamless_reconcile.audit import Finding, Scene
    from seamless_reconcile.audit.reaching import Auditor

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:-]{0,254}")
FORMATS = ("text", "json", "ndjson", "junit", "markdown", "html")


@click.command("audit")
@output_options()
@reaching_options
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    metavar="NAME",
    shell_complete=names.clusters,
    help="Look at this cluster's hosts too.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    shell_complete=names.hosts,
    help="Look at this host too (its ssh name, or local).",
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How it is told."
)
@click.option(
    "--output",
    "save_to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the result there instead of to stdout.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "info", "never"]),
    default="never",
    show_default=True,
    help="Exit 2 if something at least as grave was found.",
)
@click.option(
    "--passive",
    is_flag=True,
    help="Ask no service whether it is well: a handshake would reset its idle timer.",
)
@click.option(
    "--watch",
    type=click.FloatRange(min=0.5, max=86_400),
    metavar="SECONDS",
    help="Look again that often, until Ctrl-C; show what is new and what is gone.",
)
@events_option
def command(
    out: Output,
    asked: Asked,
    clusters: tuple[str, ...],
    hosts: tuple[str, ...],
    form: str,
    save_to: Path | None,
    fail_on: str,
    passive: bool,
    watch: float | None,
    events: Path | None,
) -> Exit:
    """Find what is wrong, doubtful or forgotten on every declared host; change nothing anywhere.

    With a manifest, what it declares is held against what is; with --cluster or --host alone, whatever
    lives there is looked at. Exit codes: 0 all was looked at, 2 something was found (--fail-on; this
    goes before 3), 3 something could not be told.

    With --watch it goes on until Ctrl-C, and ends as the last look would have. Each process is asked for
    its handshake once; what it said holds until something about it changes, so that idle services can
    end.
    """
    for host in hosts:
        # It becomes an argument of ssh: no option, no shell word.
        if not _HOST.fullmatch(host):
            raise click.BadParameter(f"{host!r} is no host name", param_hint="'--host'")
    if watch is not None and (out.json or form != "text" or save_to is not None):
        raise click.UsageError("--watch is for people: it goes with neither --json, --format nor --output")
    from seamless_reconcile.audit.reaching import Auditor, Wanted  # noqa: PLC0415 - imported when used

    alone = (clusters or hosts) and not Path(DEFAULT_FILE).exists()
    wanted = Wanted(
        () if alone and not asked.files else files_of(asked), clusters, hosts, bool(asked.files), asked.ssh,
        asked.timeout, _chosen(asked.parallel), passive,
    )  # fmt: skip
    threshold = None if fail_on == "never" else fail_on
    with Auditor.open(wanted, dict(os.environ)) as auditor:
        if watch is not None:
            return _watch(out, auditor, watch, events, threshold)
        scene, found = _once(out, auditor, events)
    _write(out, scene, found, "json" if out.json else form, threshold or "error", save_to)
    return _exit(scene, found, threshold)


def _chosen(parallel: int) -> int | None:
    """Give `--parallel` where the user said it: without, no host waits for another."""
    source = click.get_current_context().get_parameter_source("parallel")
    return parallel if source is click.core.ParameterSource.COMMANDLINE else None


def _once(out: Output, auditor: Auditor, events: Path | None) -> tuple[Scene, tuple[Finding, ...]]:
    """Look once, and tell programs what was found."""
    from seamless_reconcile.audit import find  # noqa: PLC0415 - imported when used
    from seamless_reconcile.audit.changes import Round, advance  # noqa: PLC0415 - see above

    with reporting(out, events=events) as reporter:
        scene = auditor.look(reporter)
        found = find(scene)
        if events is not None:
            from seamless_reconcile.cli.audit_watch import note  # noqa: PLC0415 - only where asked for

            note(reporter, advance(Round(), scene, found, time.time()))
    return scene, found


def _watch(out: Output, auditor: Auditor, every: float, events: Path | None, threshold: str | None) -> Exit:
    from seamless_reconcile.cli.audit_watch import Screen, watched  # noqa: PLC0415 - only where asked for

    screen = Screen(out, every)
    with reporting(out, events=events, progress=screen) as reporter:
        return watched(
            out, auditor, every, screen=screen, reporter=reporter,
            code=lambda scene, found: _exit(scene, found, threshold),
        )  # fmt: skip


def _exit(scene: Scene, found: Sequence[Finding], threshold: str | None) -> Exit:
    from seamless_reconcile.audit import Severity, untold  # noqa: PLC0415 - imported when used

    if threshold and any(one.severity.rank <= Severity(threshold).rank for one in found):
        return Exit.CHANGES
    return Exit.UNKNOWN if untold(scene, found) else Exit.OK


def _write(
    out: Output,
    scene: Scene,
    found: Sequence[Finding],
    form: str,
    fail_on: str,
    save_to: Path | None,
) -> None:
    """Write the result in one format, to stdout or to a file."""
    if form == "text" and save_to is None:
        from seamless_reconcile.report.findings import findings_text, summary  # noqa: PLC0415 - rich is slow

        out.show(findings_text(() if out.quiet else found, summary(scene, found)))
        return
    text = _text(scene, found, form, fail_on)
    if save_to is None:
        out.result(text)
        return
    save_to.write_text(text, encoding="utf-8")
    out.note(f"written to {save_to}")


def _text(scene: Scene, found: Sequence[Finding], form: str, fail_on: str) -> str:
    from seamless_reconcile.report import findings as report  # noqa: PLC0415 - rich is slow

    last = report.summary(scene, found)
    if form == "json":
        from seamless_reconcile.report.json_ import dumps  # noqa: PLC0415 - only where asked for

        return dumps(report.audit_to_dict(scene, found), indent=2) + "\n"
    if form == "ndjson":
        return report.findings_ndjson(found)
    if form == "junit":
        from seamless_reconcile.audit import Severity  # noqa: PLC0415 - see above

        return report.findings_junit(found, Severity(fail_on)).decode() + "\n"
    if form == "markdown":
        return report.findings_markdown(found, last)
    if form == "html":
        from seamless_reconcile.report.html import audit_html  # noqa: PLC0415 - only where asked for

        made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        return audit_html(scene, found, last, f"{made}, by seamless-reconcile {__version__}")
    from seamless_reconcile.report.screen import rendered  # noqa: PLC0415 - see above

    return rendered(report.findings_text(found, last), width=1_000_000)
