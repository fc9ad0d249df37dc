"""The pre-commit hook: which files it takes, and what it runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from seamless_reconcile.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
GOOD = """version: 1
services:
  x: {type: launcher, launcher: {key: x, workdir: /x, command: "x {status_file}", handshake: h}}
"""


@pytest.fixture
def hook():
    (found,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return found


@pytest.mark.parametrize(
    "name", ["seamless.reconcile.yaml", "a/b/seamless.reconcile.yml", "ci/cold.seamless.reconcile.yaml"]
)
def test_takes_manifests_by_name(hook, name):
    assert re.search(hook["files"], name)


@pytest.mark.parametrize(
    "name", ["seamless.yaml", "seamless.reconcile.yaml.orig", "myseamless.reconcile.yaml", "x.py"]
)
def test_takes_nothing_else(hook, name):
    assert not re.search(hook["files"], name)


@pytest.fixture
def validate(hook, tmp_path, monkeypatch):
    """Run the hook's own command on files, as pre-commit does."""
    monkeypatch.chdir(tmp_path)
    program, *words = hook["entry"].split()
    assert program == "seamless-reconcile"

    def run(*more, **files):
        paths = []
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
            paths.append(f"{name}.yaml")
        return CliRunner().invoke(cli, [*words, *more, *paths], env={"HOME": str(tmp_path)})

    return run


def test_each_file_is_checked_by_itself(validate):
    # As a union the two would be refused: one name twice.
    ended = validate(one=GOOD, two=GOOD)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == "one.yaml: ok: 1 service on 1 host\ntwo.yaml: ok: 1 service on 1 host\n"


def test_problems_of_all_files_are_listed(validate):
    ended = validate(one="version: 2\n", two=GOOD, three=GOOD.replace("/x", "x"))
    assert ended.exit_code == 65
    assert "one.yaml:1:" in ended.stderr
    assert "three.yaml:3:" in ended.stderr
    assert ended.stdout == "two.yaml: ok: 1 service on 1 host\n"


def test_json_has_the_problems_of_all_files(validate):
    ended = validate("--json", one="version: 2\n", two=GOOD)
    told = json.loads(ended.stdout)
    assert (ended.exit_code, told["valid"]) == (65, False)
    assert {problem["file"] for problem in told["problems"]} == {"one.yaml"}


def test_a_union_and_files_by_themselves_do_not_go_together(validate):
    assert validate("-f", "one.yaml", one=GOOD).exit_code == 64
