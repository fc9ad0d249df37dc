"""What docs/cold.md and docs/ci say of proofs is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from seamless_reconcile import pytest_plugin
from seamless_reconcile.cli.main import cli
from seamless_reconcile.proof.judge import Finding
from seamless_reconcile.proof.trial import SETTLE_SECONDS, Trial
from unit.proof.scripted import Script, ScriptedSession

ROOT = Path(__file__).parents[3]
COLD = (ROOT / "docs" / "cold.md").read_text()


def rows_below(heading, page=COLD):
    below = page.partition(heading)[2]
    rows = re.match(r".*?((?:^\|[^\n]*\n)+)", below, re.DOTALL | re.MULTILINE)[1].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_every_finding_is_told_of():
    assert {row[0].strip("`") for row in rows_below("## What `run` does")} == {one.value for one in Finding}


def test_every_field_of_a_certificate_is_told_of():
    certificate = Trial(ScriptedSession(Script()), ["true"]).certificate()
    assert [row[0].strip("`") for row in rows_below("## The certificate")] == list(certificate)


def test_the_numbers_are_the_programs():
    assert f"up to {['zero', 'one', 'two', 'three'][int(SETTLE_SECONDS)]} seconds" in COLD
    run = cli.get_command(None, "run")
    (lock,) = [option for option in run.params if option.name == "lock_timeout"]
    assert f"({lock.default:.0f} s for `run`" in COLD
    assert set(re.findall(r"\[(--[a-z]+)", COLD)) <= {name for option in run.params for name in option.opts}


def test_every_input_of_the_action_is_told_of():
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    page = (ROOT / "docs" / "ci" / "github.md").read_text()
    assert {row[0].strip("`") for row in rows_below("proof\n", page)} == set(action["inputs"])
    job = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1])
    (step,) = [one for one in job["jobs"]["tests"]["steps"] if "seamless-reconcile" in one.get("uses", "")]
    assert set(step["with"]) <= set(action["inputs"])


def test_every_option_of_the_plugin_is_told_of():
    page = (ROOT / "docs" / "ci" / "pytest.md").read_text()
    added = []

    class Group:
        addoption = staticmethod(lambda name, **_: added.append(name))

    class Parser:
        getgroup = staticmethod(lambda *_: Group)

    pytest_plugin.pytest_addoption(Parser)
    assert [re.search(r"--[\w-]+", row[0])[0] for row in rows_below("# pytest", page)] == added


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_the_clean_up_is_the_manifests_own(name):
    line = "CI_SERVICES=absent seamless-reconcile apply --yes --lock-timeout 120 -f ci-isolated-stage.yaml"
    assert line in (ROOT / "docs" / "ci" / f"{name}.md").read_text()
    assert line in (ROOT / "manifests" / "ci-isolated-stage.yaml").read_text()
