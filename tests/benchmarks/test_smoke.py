"""The benchmarks in counts instead of seconds: logins, helper calls, imports, and work in step with size."""

from __future__ import annotations

import pytest
from benchmarks.measure import Figures, Run, alternate
from benchmarks.peers import calls
from benchmarks.planning import measured
from benchmarks.scenarios import Planned, Setting, Table
from benchmarks.site import Counted, site

from benchmarks import page, smoke

NEEDED = {"cryptography", "nacl", "paramiko", "pydantic", "remote_http_launcher", "rich",
          "seamless_config", "yaml"}  # fmt: skip


@pytest.fixture(scope="module")
def here():
    with site(2) as made:
        yield made


@pytest.mark.ssh
def test_a_plan_logs_in_once_a_host_and_asks_each_thing_once(here):
    told = smoke.run(here, ["plan", "--passive", "--detailed-exitcode"])
    wanted = sum(len(calls(here, index)) for index in range(2))
    assert told.counted == Counted(logins=2, sessions=wanted)
    # Handshakes go through connections that are there: no process on any host.
    assert smoke.run(here, ["plan", "--detailed-exitcode"]).counted == told.counted


@pytest.mark.ssh
def test_a_plan_imports_what_it_uses(here):
    told = smoke.run(here, ["plan", "--passive"])
    assert told.heavy - {"asyncio", "filelock", "platformdirs"} == NEEDED
    # paramiko looks for it, and is told that it is not there.
    assert "invoke.collection" not in told.modules
    idle = {name for name in told.modules if name.startswith("seamless_reconcile.apply")}
    assert not idle


@pytest.mark.ssh
def test_an_apply_of_a_converged_world_is_one_plan(here):
    wanted = sum(len(calls(here, index)) for index in range(2))
    assert smoke.run(here, ["apply", "--yes"]).counted == Counted(logins=2, sessions=wanted)


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(words):
    told = smoke.imported(words)
    assert "click" in told.modules
    assert told.heavy == set()


def test_every_size_is_planned_for_what_it_is():
    nothing = measured(80, cold=0, hosts=2)
    assert (nothing["resources"], nothing["actions"], nothing["blocked"]) == (80, 0, 0)
    some = measured(80, cold=2, hosts=2)
    assert some["resources"] == 80
    assert some["actions"] > 0
    assert some["blocked"] == 0


def test_the_page_holds_all_figures():
    runs = iter(range(1, 100))
    figures = alternate({"ours": lambda: Run(next(runs), 0.1, 50.0), "floor": lambda: Run(1.0, 0.1, 9.0)}, 3)
    assert [run.seconds for run in figures["ours"].runs] == [2, 3, 4]
    stages = {"load": 0.1, "resolve": 0.2, "decode": 0.3, "conclude": 0.4, "plan": 0.5}
    text = page.page(
        Setting(3, None),
        [Table("Some hosts", figures, "floor"), Table("Alone", {"ours": Figures((Run(7.0, 1.0, 0.0),))})],
        [Planned(375, 1000, 12, stages, 44)],
        {"one plan": "0.1 s imports"},
    )
    assert "| ours | 3.000 | 2.000 to 4.000 | 3.00 | 50 |" in text
    assert "| ours | 7.000 (one run) | 7.000 to 7.000 |  |  |" in text
    assert "| 375 | 1,000 | 12 | 0.100 | 0.200 | 0.300 | 0.400 | 0.500 | 0.900 | 44 |" in text
    assert "0.1 s imports" in text
