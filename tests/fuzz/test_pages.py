"""The pages on security and reliability name tests; these are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "security.md", *sorted((ROOT / "docs" / "reliability").glob("*.md"))]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = NAMED.findall(page.read_text())
    assert named
    for file, test in named:
        source = (ROOT / file).read_text()
        assert not test or re.search(rf"^\s*def {test}\(", source, re.MULTILINE), f"{file}::{test}"


def test_each_input_of_the_threat_model_has_a_worst_case_and_a_test() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    below = page.partition("\n## What each input may do at worst\n")[2].partition("\n## ")[0]
    inputs = below.split("\n### ")[1:]
    assert len(inputs) >= 6
    for section in inputs:
        assert "*At worst:*" in section, section.splitlines()[0]
        assert NAMED.search(section), section.splitlines()[0]
