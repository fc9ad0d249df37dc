"""Audits of the simulated world, and of real services on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import Lab
from lab.user import User


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


@pytest.fixture(scope="module")
def user(lab: Lab) -> Iterator[User]:
    """Give somebody whose services end with the module."""
    person = User(lab, "audit")
    yield person
    person.site.wipe()
