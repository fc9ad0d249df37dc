"""The page of findings is what the catalogue says."""

from __future__ import annotations

from pathlib import Path

from seamless_reconcile.audit import CATALOGUE
from seamless_reconcile.report.catalogue import catalogue_page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "findings.md"


def test_the_page_is_made_from_the_catalogue():
    # python -c 'from seamless_reconcile.report.catalogue import *; print(catalogue_page(), end="")'
    assert PAGE.read_text() == catalogue_page()


def test_the_page_has_every_finding_once():
    rows = [line.split(" | ")[0] for line in PAGE.read_text().splitlines() if line.startswith("| R")]
    assert rows == [f"| {id_}" for id_ in CATALOGUE]
