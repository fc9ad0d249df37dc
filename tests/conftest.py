"""What tests of the command on real services share; the lab itself is each folder's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

from lab import Lab
from lab.user import User

# Whose tests share what they have brought up, and so belong on one worker.
SHARING = ("tests/services/", "tests/ssh/test_e2e_")
# Of these, whose tests each bring up their own.
APART = ("tests/ssh/test_e2e_hosts.py",)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Give each worker whole files where tests share services, single tests otherwise."""

    def _split_scope(self, nodeid: str) -> str:
        whole = nodeid.startswith(SHARING) and not nodeid.startswith(APART)
        return nodeid.partition("::")[0] if whole else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


@pytest.fixture(scope="module")
def user(lab: Lab, request: pytest.FixtureRequest) -> Iterator[User]:
    """Give somebody new; services of theirs on their own machine end with the module."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    person = User(lab, name)
    yield person
    person.site.wipe()
