"""What tests of the command on real services share; the lab itself is each folder's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

from lab import Lab
from lab.user import User

# Whose tests share what they have brought up, and so belong on one worker.
SHARING = ("tests/services/", "tests/ssh/test_e2e_", "tests/faults/")
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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many runs on the simulated world the tests of this session have made."""
    counts: Counter[str] = Counter()
    for report in (r for reports in terminalreporter.stats.values() for r in reports):
        called = isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties if called else ():
            counts[name] += value if isinstance(value, int) and name.startswith("simulated runs") else 0
    runs = {name.partition(": ")[2]: n for name, n in counts.items() if name.startswith("simulated runs: ")}
    if runs:
        terminalreporter.section("runs on the simulated world")
        for name, count in [*runs.items(), ("in all", sum(runs.values()))]:
            well = counts[f"simulated runs that converged: {name}"]
            told = f", {well:,} of them converged, the others are blocked for a named reason" if well else ""
            terminalreporter.write_line(f"{count:10,} {name}{told}")


@pytest.fixture(scope="module")
def user(lab: Lab, request: pytest.FixtureRequest) -> Iterator[User]:
    """Give somebody new; services of theirs on their own machine end with the module."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    person = User(lab, name)
    yield person
    person.site.wipe()
