"""`schema`: print the manifest's JSON Schema."""

from __future__ import annotations

import click

from seamless_reconcile.cli.options import output_options
from seamless_reconcile.cli.output import Output
from seamless_reconcile.exits import Exit


@click.command("schema")
@output_options(json=False)
def command(out: Output) -> Exit:
    """Print the JSON Schema of the manifest, for editors and checkers.

    In a manifest, editors find it by a first line such as
    `# yaml-language-server: $schema=./seamless.reconcile.schema.json`.
    """
    from seamless_reconcile.manifest import schema  # noqa: PLC0415 - pydantic is slow

    out.result_json(schema())
    return Exit.OK
