"""What tests of the command on real services share; the lab itself is each folder's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import Lab
from lab.user import User


@pytest.fixture(scope="module")
def user(lab: Lab, request: pytest.FixtureRequest) -> Iterator[User]:
    """Give somebody new; services of theirs on their own machine end with the module."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    person = User(lab, name)
    yield person
    person.site.wipe()
