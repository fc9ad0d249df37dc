"""Editors check a manifest against the schema that is shipped."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from seamless_reconcile.cli.main import cli

SHIPPED = Path("docs/schema/manifest.schema.json")
OPENING = re.compile(r"# yaml-language-server: \$schema=(\S+)")


def test_shipped_schema_is_what_the_program_prints(root: Path) -> None:
    printed = CliRunner().invoke(cli, ["schema"])
    assert printed.exit_code == 0
    assert (root / SHIPPED).read_text() == printed.stdout


def test_example_begins_with_the_line_that_editors_look_for(root: Path, example: Path) -> None:
    found = OPENING.fullmatch(example.read_text().splitlines()[0])
    assert found
    assert (example.parent / found[1]).resolve() == root / SHIPPED
