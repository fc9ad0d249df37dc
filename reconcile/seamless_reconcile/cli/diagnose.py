"""`diagnose`: why a service fails, and which repo or package to fix; change nothing."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seamless_reconcile.cli import names as offers
from seamless_reconcile.cli.options import DEFAULT_FILE, Asked, output_options, reaching_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import files_of, reporting
from seamless_reconcile.exits import Exit

if TYPE_CHECKING:  # imported when used
    from seamless_reconcile.diagnose.client_error import ClientError
    from seamless_reconcile.diagnose.knowledge import Knowledge
    from seamless_reconcile.diagnose.reaching import Looked, Wish
    from seamless_reconcile.diagnose.verdict import Diagnosis

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:-]{0,254}")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
MAX_ERROR = 4 * 1024 * 1024


@click.command("diagnose")
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=offers.services)
@output_options()
@reaching_options
@click.option("--all", "everything", is_flag=True, help="All services, also those that are well.")
@click.option(
    "--host",
    default="",
    metavar="NAME",
    shell_complete=offers.hosts,
    help="With --key: the host of a service (or local).",
)
@click.option("--key", default="", metavar="KEY", help="A service that no manifest names, by its key.")
@click.option(
    "--tail",
    type=click.IntRange(0, 5000),
    default=20,
    show_default=True,
    metavar="N",
    help="Lines of each log that are shown.",
)
@click.option(
    "--client-error",
    "error_file",
    metavar="FILE",
    help="The text of an error that a client raised; - for stdin.",
)
@click.option(
    "--passive",
    is_flag=True,
    help="Ask no service whether it is well: a handshake would reset its idle timer.",
)
def command(
    out: Output,
    asked: Asked,
    names: tuple[str, ...],
    everything: bool,
    host: str,
    key: str,
    tail: int,
    error_file: str | None,
    passive: bool,
) -> Exit:
    """Say why services fail, and which repo or package to fix; change nothing anywhere.

    Without NAME, everything of the manifest that is not well. Evidence is read on the server first:
    state file, process, port, handshake, log. Text of logs is shown, never followed. Exit codes: 0
    nothing wrong was found, 2 something was diagnosed (this goes before 3), 3 something could not be
    told.
    """
    _check(names, host, key, everything=everything)
    from seamless_reconcile.diagnose.loading import knowledge  # noqa: PLC0415 - imported when used
    from seamless_reconcile.diagnose.reaching import Wish  # noqa: PLC0415 - see above

    known = knowledge()
    client = _client_error(error_file, known) if error_file is not None else None
    files = _files(asked, key, client)
    looked = None
    if files or key:
        looked = _looked(out, asked, files, Wish(names, everything, host, key), client, known, passive)
    return _told(out, looked, client, known, tail, passive=passive)


def _check(names: Sequence[str], host: str, key: str, *, everything: bool) -> None:
    """Refuse what does not go together, and what ssh could take for something else."""
    if bool(host) != bool(key):
        raise click.UsageError("--host and --key go together")
    if host and not _HOST.fullmatch(host):
        raise click.BadParameter(f"{host!r} is no host name", param_hint="'--host'")
    if key and not _KEY.fullmatch(key):
        raise click.BadParameter(f"{key!r} is no key", param_hint="'--key'")
    if names and (key or everything):
        raise click.UsageError("NAME goes neither with --key nor with --all")


def _files(asked: Asked, key: str, client: ClientError | None) -> tuple[str, ...]:
    """Give the manifests; a key needs none, and a client's error can do without."""
    if key:
        return ()
    if client is not None and not asked.files and not Path(DEFAULT_FILE).exists():
        return ()
    return files_of(asked)


def _client_error(name: str, known: Knowledge) -> ClientError:
    from seamless_reconcile.diagnose.client_error import read_client_error  # noqa: PLC0415 - see above
    from seamless_reconcile.diagnose.logs import read_log  # noqa: PLC0415 - see above

    try:
        if name == "-":
            data = sys.stdin.buffer.read(MAX_ERROR + 1)
        else:
            with Path(name).open("rb") as stream:
                data = stream.read(MAX_ERROR + 1)
    except OSError as exc:
        raise click.BadParameter(f"{name}: {exc.strerror}", param_hint="'--client-error'") from None
    if len(data) > MAX_ERROR:
        raise click.BadParameter(f"{name}: larger than {MAX_ERROR:,} bytes", param_hint="'--client-error'")
    return read_client_error(read_log(data), known)


def _looked(
    out: Output,
    asked: Asked,
    files: Sequence[str],
    wish: Wish,
    client: ClientError | None,
    known: Knowledge,
    passive: bool,
) -> Looked:
    from seamless_reconcile.diagnose.reaching import NoSuchService, read  # noqa: PLC0415 - see above

    with reporting(out) as reporter:
        try:
            return read(
                files,
                wish,
                client,
                known,
                ssh=asked.ssh,
                timeout=asked.timeout,
                environ=dict(os.environ),
                passive=passive,
                reporter=reporter,
            )
        except NoSuchService as exc:
            from rhl_helpers.text import safe  # noqa: PLC0415 - see above

            raise click.UsageError(safe(str(exc), limit=300)) from None


def _told(
    out: Output,
    looked: Looked | None,
    client: ClientError | None,
    known: Knowledge,
    tail: int,
    *,
    passive: bool,
) -> Exit:
    from seamless_reconcile.diagnose.here import surroundings  # noqa: PLC0415 - see above
    from seamless_reconcile.diagnose.verdict import diagnose  # noqa: PLC0415 - see above

    found = [diagnose(case, known) for case in looked.cases] if looked else []
    code = exit_of(found, client)
    around = surroundings(os.environ, known)
    total = looked.total if looked else 0
    if out.json:
        from seamless_reconcile.report.diagnosis_json import diagnoses_to_dict  # noqa: PLC0415 - see above

        out.result_json(
            diagnoses_to_dict(
                found, client, around, known, total=total, tail=tail, passive=passive, exit_code=code
            )
        )
        return code
    from seamless_reconcile.report.diagnosis import diagnoses_text, last_line  # noqa: PLC0415 - rich is slow

    last = last_line(found, total=total, passive=passive)
    out.show(
        diagnoses_text(
            found, client, around, known, last,
            tail=tail, verbose=out.verbose, quiet=out.quiet, glyphs=out.glyphs(),
        )
    )  # fmt: skip
    return code


def exit_of(found: Sequence[Diagnosis], client: ClientError | None) -> Exit:
    """Give the exit code: what was diagnosed goes before what could not be told."""
    from seamless_reconcile.diagnose.knowledge import Health  # noqa: PLC0415 - see above

    if any(one.health is Health.WRONG for one in found) or (client is not None and client.patterns):
        return Exit.CHANGES
    untold = any(one.health is Health.UNTOLD for one in found) or client is not None
    return Exit.UNKNOWN if untold else Exit.OK
