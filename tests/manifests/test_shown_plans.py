"""The plans that the documents show are plans that the program makes."""

from __future__ import annotations

import pytest

from manifests import shown


@pytest.mark.parametrize("page", [shown.README, shown.LIFECYCLE], ids=lambda page: page.stem)
def test_shown_plan_is_the_programs(page) -> None:
    opening, wanted = shown.blocks()[page]
    assert shown.block_of(page, opening) == wanted, "PYTHONPATH=tests python tests/manifests/shown.py"
