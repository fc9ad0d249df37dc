"""Every fault of the table is injected by a test, keeps promises that there are, and the page is fresh."""

from __future__ import annotations

import re
from pathlib import Path

from faults import page
from faults.table import FAULTS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_fault_is_injected() -> None:
    assert [name for name, files in page.tests_of().items() if not files] == []


def test_every_fault_is_about_promises() -> None:
    promises = set(re.findall(r"^\| ([SL]\d+) \|", (DOCS / "safety.md").read_text(), re.MULTILINE))
    assert {word for fault in FAULTS.values() for word in fault.keeps.split()} <= promises


def test_the_page_is_fresh() -> None:
    assert (DOCS / "reliability.md").read_text() == page.page(), (
        "python tests/faults/page.py > docs/reliability.md"
    )
