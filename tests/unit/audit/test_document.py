"""The page of findings is what the catalogue says."""

from __future__ import annotations

import json
from pathlib import Path

from seamless_reconcile.audit import CATALOGUE, find
from seamless_reconcile.report.catalogue import catalogue_page
from seamless_reconcile.report.findings import audit_to_dict
from unit.audit.scenes import SCENES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "findings.md"


def test_the_page_is_made_from_the_catalogue():
    # python -c 'from seamless_reconcile.report.catalogue import *; print(catalogue_page(), end="")'
    assert PAGE.read_text() == catalogue_page()


def test_the_page_has_every_finding_once():
    rows = [line.split(" | ")[0] for line in PAGE.read_text().splitlines() if line.startswith("| R")]
    assert rows == [f"| {id_}" for id_ in CATALOGUE]


def test_the_json_reference_shows_what_is_printed():
    page = (PAGE.parent / "json.md").read_text().partition("## `audit --json`\n")[2]
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    scene = SCENES["R102"]()
    printed = audit_to_dict(scene, find(scene))
    assert list(shown) == list(printed)
    for part in ("findings", "hosts"):
        assert list(shown[part][0]) == list(printed[part][0])
    service = next(one for one in printed["resources"] if one["kind"] == "service")
    assert list(shown["resources"][0]) == list(service)
