"""Every fact is proved by a test, and the page that says so is fresh."""

from __future__ import annotations

import pathlib

from contract import facts

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "helper-facts.md"


def test_every_fact_is_proved() -> None:
    assert [fact for fact, tests in facts.proofs().items() if not tests] == []


def test_the_page_of_facts_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == facts.page(), (
        "python tests/contract/facts.py > docs/helper-facts.md"
    )
