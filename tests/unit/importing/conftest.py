from __future__ import annotations

from pathlib import Path

import pytest

from unit.importing.worlds import Place, Site


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def site(place: Place) -> Site:
    return Site(place)
