"""What the documents take from the code is fresh; what they say of the environment is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from docs.make import __main__ as making
from docs.make import commands, man

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", making.made(), ids=lambda path: path.name)
def test_what_is_made_from_the_code_is_fresh(path):
    assert path.exists(), "make reference"
    assert path.read_text() == making.made()[path], "make reference"


def test_no_man_page_is_left_over():
    assert {path.name for path in (ROOT / "docs/man").iterdir()} == set(man.pages())


@pytest.mark.parametrize("name", man.pages())
def test_roff_finds_nothing_wrong(name):
    lint = shutil.which("groff")
    text = man.pages()[name]
    # A line that begins with a dot is a request, and there are only these.
    assert set(re.findall(r"^\.(\w*)", text, re.MULTILINE)) <= {"TH", "SH", "TP", "PP", "B", "nf", "fi"}
    assert not re.search(r"^'|(?<!\\)\\(?![-&e]|f[BR])", text, re.MULTILINE)
    if lint:
        done = subprocess.run(
            [lint, "-man", "-Tutf8", "-ww", "-z", str(ROOT / "docs/man" / name)],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        assert done.stderr == ""


def test_literal_parts_of_a_help_stay_as_they_are():
    text = "First\nparagraph.\n\n\b\nline  one\n  line two\n\nLast."
    assert commands._blocks(text) == [
        commands.Block("First paragraph."),
        commands.Block("line  one\n  line two", literal=True),
        commands.Block("Last."),
    ]


def test_a_text_cannot_become_a_request():
    assert man._text(".SH X") == r"\&.SH X"
    assert man._text(r"a\b `c` -d") == r"a\eb \fBc\fR \-d"


READS = re.compile(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"|_ENV = \"([A-Z_]+)\"")


def test_environment_names_every_variable_that_is_read():
    read = {
        one or other
        for root in ("reconcile", "helpers")
        for path in (ROOT / root).rglob("*.py")
        for one, other in READS.findall(path.read_text())
    }
    assert "NO_COLOR" in read
    page = (ROOT / "docs/reference/environment.md").read_text()
    assert read <= set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
