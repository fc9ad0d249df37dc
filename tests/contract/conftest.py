"""Both worlds for every test of the contract."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from contract.lab import Lab
from contract.real_lab import RealLab
from contract.sim_lab import SimLab


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fact(name): which facts of contract/facts.py the test proves")


@pytest.fixture(params=["simulated", "real"])
def lab(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Lab]:
    if request.param == "simulated":
        yield SimLab()
        return
    real = RealLab(tmp_path)
    try:
        yield real
    finally:
        real.close()
