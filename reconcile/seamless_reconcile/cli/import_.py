"""`import`: write a manifest of what is there, such that planning with it finds nothing to do."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from seamless_reconcile.cli import names as offers
from seamless_reconcile.cli.options import DEFAULT_FILE, output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.cli.session import reporting
from seamless_reconcile.exits import Exit

if TYPE_CHECKING:  # imported when used
    from seamless_reconcile.importing.values import Imported

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:-]{0,254}")
_PLACE = ("project", "subproject", "stage", "substage")


@click.command("import")
@output_options()
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    metavar="NAME",
    shell_complete=offers.clusters,
    help="Look at this cluster's hosts.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    shell_complete=offers.hosts,
    help="Look at this host (its ssh name, or local).",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what the clusters' frontends could run for this project and stage, as absent.",
)
@click.option("--project", metavar="NAME", help="With --all: the project, in place of seamless.yaml's.")
@click.option("--subproject", metavar="NAME", help="With --all: the subproject.")
@click.option("--stage", metavar="NAME", help="With --all: the stage.")
@click.option("--substage", metavar="NAME", help="With --all: the substage, for job execution.")
@click.option(
    "--output",
    "save_to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the manifest there instead of to stdout.",
)
@click.option("--force", is_flag=True, help="With --output: replace the file if it is there.")
@click.option(
    "--passive",
    is_flag=True,
    help="Ask no service whether it is well: a handshake would reset its idle timer.",
)
@click.option(
    "--ssh",
    type=click.Choice(["auto", "paramiko", "openssh"]),
    default="auto",
    help="How hosts are reached; auto: paramiko, unless the host's ssh config needs the ssh binary.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=86_400),
    metavar="SECONDS",
    help="How long one read of a host may take.",
)
def command(
    out: Output,
    clusters: tuple[str, ...],
    hosts: tuple[str, ...],
    everything: bool,
    save_to: Path | None,
    force: bool,
    passive: bool,
    ssh: Literal["auto", "paramiko", "openssh"],
    timeout: float | None,
    **place: str | None,
) -> Exit:
    """Write a manifest of what runs; change nothing anywhere.

    Looks at the hosts of --cluster and --host, or else of the cluster that seamless.yaml and
    seamless.profile.yaml select here. What planning would want to change is commented out, with the
    reason. Exit codes: 0 all is in the manifest, 2 something is commented out, 3 something could not
    be told (this goes before 2).
    """
    given = {name: value for name, value in place.items() if value is not None}
    _check(hosts, everything, given, save_to, force)
    from seamless_reconcile.importing.reaching import Wanted, import_from  # noqa: PLC0415 - imported when used

    file = Path.cwd() / (save_to or DEFAULT_FILE)
    wanted = Wanted(str(file), clusters, hosts, everything, given, passive)
    with reporting(out) as reporter:
        result = import_from(wanted, ssh=ssh, timeout=timeout, environ=dict(os.environ), reporter=reporter)
    if save_to is not None:
        _save(result.text, file, force=force)
    return _tell(out, result, save_to)


def _check(
    hosts: tuple[str, ...], everything: bool, given: dict[str, str], save_to: Path | None, force: bool
) -> None:
    for host in hosts:
        # It becomes an argument of ssh: no option, no shell word.
        if not _HOST.fullmatch(host):
            raise click.BadParameter(f"{host!r} is no host name", param_hint="'--host'")
    from seamless_reconcile.manifest.rules import name_fault, subproject_fault  # noqa: PLC0415 - see above

    for name, value in given.items():
        if not everything:
            raise click.UsageError(f"--{name} goes with --all")
        fault = subproject_fault(value) if name == "subproject" else name_fault(value)
        if fault:
            raise click.BadParameter(f"{value!r} {fault}", param_hint=f"'--{name}'")
    if force and save_to is None:
        raise click.UsageError("--force goes with --output")
    if save_to is not None and not force and (save_to.exists() or save_to.is_symlink()):
        raise click.UsageError(f"{save_to} is there already: choose another name, or add --force")


def _save(text: str, file: Path, *, force: bool) -> None:
    """Write the manifest whole or not at all; without --force never over anything (not even a link)."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).chmod(0o666 & ~_umask())
        if force:
            Path(name).replace(file)
        else:
            os.link(name, file)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _tell(out: Output, result: Imported, save_to: Path | None) -> Exit:
    from seamless_reconcile.importing.report import exit_of, import_to_dict, lines  # noqa: PLC0415 - see above

    if out.json:
        out.result_json(import_to_dict(result, str(save_to) if save_to else None))
    elif save_to is None:
        out.result(result.text)
    for line in lines(result):
        out.note(line)
    if save_to is not None:
        out.note(f"written to {save_to}")
    return exit_of(result)
