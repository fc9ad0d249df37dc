"""The data file is checked word by word; what is wrong in it shows here, not to users."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from rhl_helpers.calls import MUTATING
from rhl_helpers.transport.read_only import READING
from seamless_reconcile.cli.main import cli
from seamless_reconcile.declared import SEAMLESS_TYPES
from seamless_reconcile.diagnose.loading import FILE, knowledge, linear, parse
from seamless_reconcile.diagnose.signs import SIGNS
from seamless_reconcile.manifest.events import read_tree

TEXT = resources.files("seamless_reconcile.diagnose").joinpath(FILE).read_text(encoding="utf-8")


def changed(**more):
    return yaml.safe_dump({**yaml.safe_load(TEXT), **more})


def test_it_holds_the_tables_of_the_guide():
    known = knowledge()
    assert {name: owner.package for name, owner in known.owners.items()} == {
        "hashserver": "hashserver",
        "database": "seamless-database",
        "jobserver": "seamless-jobserver",
        "daskserver": "seamless-dask",
        "pure_daskserver": "seamless-dask",
    }
    assert set(known.owners) == set(SEAMLESS_TYPES)
    assert known.clients["buffer_client.py"] == "hashserver"
    assert known.clients["database_client.py"] == "database"
    assert known.clients["jobserver_client.py"] == "jobserver"
    assert {one.name for one in known.variables} >= {
        "SEAMLESS_CLIENT_DEBUG", "SEAMLESS_DEBUG_REMOTE_DB", "SEAMLESS_REMOTE_CONNECT_TIMEOUT",
        "SEAMLESS_REMOTE_READ_TIMEOUT", "SEAMLESS_REMOTE_TOTAL_TIMEOUT", "SEAMLESS_DATABASE_MAX_INFLIGHT",
        "SEAMLESS_REMOTE_HEALTHCHECK_TIMEOUT", "REMOTE_HTTP_LAUNCHER_DIR", "http_proxy",
    }  # fmt: skip
    assert "not flaky" in known.advice["retries"]
    assert "not a live fix" in known.advice["live"]


def test_no_key_stands_twice():
    _, problems = read_tree(TEXT.encode(), FILE)
    assert problems == []


def test_every_sign_is_asked_for_or_explains_itself():
    assert all(meaning for meaning in SIGNS.values())


def test_ids_say_what_they_are():
    known = knowledge()
    for number, group in ((1, known.symptoms), (2, known.causes), (4, known.client)):
        assert all(one.id[1] in (str(number), "3" if number == 2 else "") for one in group)


def test_every_step_is_used_and_exists():
    """Only commands that there are: of this program, of the helpers, of ssh, conda and pip."""
    known = knowledge()
    named = {step for one in (*known.symptoms, *known.causes, *known.client) for step in one.next}
    assert named == set(known.steps)
    context = cli.make_context("seamless-reconcile", [], resilient_parsing=True)
    for step in known.steps.values():
        for line in filter(None, (step.command, step.otherwise)):
            words = line.replace("{on}", "").replace("{in_env}", "").split()
            if words[0] == "seamless-reconcile":
                command = cli.get_command(context, words[1])
                options = {option for one in command.params for option in one.opts}
                assert {word for word in words if word.startswith("--")} <= options, line
            elif words[0].startswith("rhl-"):
                assert words[0] in READING | MUTATING
            else:
                assert words[0] in ("ssh", "pip"), line


@pytest.mark.parametrize(
    "expression",
    [
        "abc",  # too short to be found quickly
        ".{0,20}abcd",
        "abcd.*",
        "abcd.+",
        "abcd.{0,201}",
        "abcd.{0,20}e.{0,20}f",
        "abcd.{3,}",
        "abcd(e|f)",
        "abcd(?:ef){1,20}",
        "(?i)abcd",
        "abcd[a-z]{0,20}",
        "abcd\\w+",
        "abcd|ef",
        "abcd$",
        "abcd\\1",
        "abcd?",
    ],
)
def test_an_expression_that_could_cost_more_is_refused(expression):
    with pytest.raises(ValueError, match="allowed"):
        linear(expression)


@pytest.mark.parametrize(
    "expression", ["abcd", "Errno 28\\] ", "abcd.{0,200}x", "HTTP 5\\d\\d", "port \\d{1,5} x"]
)
def test_an_expression_of_the_small_kind_is_taken(expression):
    assert linear(expression) == expression


SYMPTOM = {"id": "D199", "title": "t", "health": "wrong", "all": ["hidden"], "meaning": "m", "look": "l"}
CAUSE = {"id": "D299", "title": "t", "cause": "c", "fix": "f", "log": ["abcd"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (changed(version=2), "version"),
        (changed(symptoms=[{**SYMPTOM, "all": []}]), "always match"),
        (changed(symptoms=[{**SYMPTOM, "all": ["no.such"]}]), "no sign"),
        (changed(symptoms=[{**SYMPTOM, "more": 1}]), "Extra inputs"),
        (changed(symptoms=[SYMPTOM, SYMPTOM]), "an id twice"),
        (changed(symptoms=[{**SYMPTOM, "next": ["nowhere"]}]), "no such steps"),
        (changed(symptoms=[{**SYMPTOM, "meaning": "{secret}"}]), "nothing is put in"),
        (changed(symptoms=[{**SYMPTOM, "id": "X1"}]), "String should match"),
        (changed(causes=[{**CAUSE, "log": []}]), "it needs"),
        (changed(causes=[{**CAUSE, "fix": "{0.__class__}"}]), "nothing is put in"),
        (changed(causes=[{**CAUSE, "log": ["(a+)+b"]}]), "allowed"),
        (changed(causes=[CAUSE]), "stands for what none explains"),
        (changed(owners={}), "no owner"),
    ],
)
def test_a_mistake_is_found(text, said):
    with pytest.raises(ValidationError, match=said):
        parse(text)


def test_it_is_loaded_as_plain_data():
    with pytest.raises(yaml.YAMLError):
        parse("!!python/object/apply:os.system ['true']")


def test_wheels_carry_it():
    root = Path(__file__).resolve().parents[3]
    wheel = (root / "pyproject.toml").read_text().partition("[tool.hatch.build.targets.wheel]\n")[2]
    section = wheel.partition("\n[")[0]
    # hatchling takes all files of a package, but for what is excluded here or ignored by git.
    assert "reconcile/seamless_reconcile" in section
    assert "exclude" not in section
    assert ".yaml" not in (root / ".gitignore").read_text()
    assert (root / "reconcile/seamless_reconcile/diagnose" / FILE).read_text() == TEXT
