"""What the documents say of the code is so: links, names, tables, manifests, shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest

from seamless_reconcile.cli.main import cli
from seamless_reconcile.exits import Exit
from seamless_reconcile.kinds import cache, service, tunnel
from seamless_reconcile.manifest import load
from seamless_reconcile.manifest.model import (
    CacheModel,
    IdentityModel,
    LauncherModel,
    ManifestModel,
    ServiceModel,
)
from seamless_reconcile.outcomes import Applied, Outcome, Result
from seamless_reconcile.plan import Action, Blocked, Change, Plan, Resource, Verb, Verdict, Warned
from seamless_reconcile.report.json_ import applied_to_dict, plan_to_dict

ROOT = Path(__file__).resolve().parents[2]
SOURCES = tuple(ROOT / name for name in ("", "reconcile/seamless_reconcile", "helpers/rhl_helpers", "tests"))
PAGES = sorted([*ROOT.glob("*.md"), *(page for page in ROOT.glob("docs/**/*.md"))])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# `file.py`, or `file.py` `name` as it stands in that file.
REFERENCE = re.compile(r"`((?:[\w-]+/)*\w+\.py)`(?:\s`([A-Za-z_][\w.]*)`)?")


def text(page: str) -> str:
    return (ROOT / page).read_text()


def tables(page: str) -> Iterator[list[list[str]]]:
    """Give the tables of a page: rows of cells, the head first."""
    rows: list[list[str]] = []
    for line in [*text(page).splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").replace("\\|", "\0").split("|")])
        elif rows:
            yield [rows[0], *rows[2:]]
            rows = []


def table_below(page: str, heading: str) -> list[list[str]]:
    """Give the rows, without the head, of the first table below a heading."""
    below = text(page).partition(f"\n## {heading}\n")[2]
    lines = [line for line in below.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())
    for link in LINK.findall(prose):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_the_code_are_names_of_the_code(page: Path) -> None:
    for file, name in REFERENCE.findall(page.read_text()):
        found = [root / file for root in SOURCES if (root / file).exists()]
        assert found, file
        last = name.rpartition(".")[2]
        defined = rf"^\s*(?:def|class) {last}\b|^\s*{last}\b.*(?: = |: )"
        assert not name or re.search(defined, found[0].read_text(), re.MULTILINE), f"{file} {name}"


@pytest.mark.parametrize(
    ("heading", "states"),
    [
        ("States of a service", service.State),
        ("States of a cache", cache.State),
        ("States of a tunnel", tunnel.State),
    ],
)
def test_glossary_has_every_state_once(heading: str, states: type[Enum]) -> None:
    rows = table_below("docs/glossary.md", heading)
    assert sorted(words(row[0])[0] for row in rows) == sorted(state.value for state in states)


def test_glossary_has_every_verb_verdict_and_life() -> None:
    page = text("docs/glossary.md")
    for word in (*Verb, *Verdict):
        assert f"`{word.value}`" in page
    assert {words(row[0])[0] for row in life_table()} == {life.name for life in service.Life}


def life_table() -> list[list[str]]:
    (found,) = (table for table in tables("docs/safety.md") if table[0][0] == "life")
    return found[1:]


@pytest.mark.parametrize("page", ["README.md", "docs/safety.md"])
def test_every_promise_is_there(page: str) -> None:
    rows = [row[0] for table in tables(page) for row in table]
    promises = [word for word in rows if re.fullmatch(r"[SL]\d+", word)]
    assert promises == [f"S{n}" for n in range(1, 11)] + [f"L{n}" for n in range(1, 6)]


def test_exit_codes_are_the_programs() -> None:
    rows = next(tables("docs/reference/exit-codes.md"))[1:]
    assert {(int(row[0]), words(row[1])[0]) for row in rows} == {(code.value, code.name) for code in Exit}
    (short,) = (table for table in tables("README.md") if table[-1][0] == "130")
    assert {int(row[0]) for row in short[1:]} <= {code.value for code in Exit}


# --- manifests -----------------------------------------------------------------------------

MANIFESTS = [
    (str(page.relative_to(ROOT)), body)
    for page in PAGES
    for language, body in FENCE.findall(page.read_text())
    if language == "yaml" and "version: 1" in body
]


@pytest.mark.parametrize(("page", "body"), MANIFESTS, ids=[page for page, _ in MANIFESTS])
def test_manifests_in_the_documents_are_valid(page: str, body: str, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(body)
    assert load([path], {}).entries


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Top level", ManifestModel),
        ("Identity", IdentityModel),
        ("Caches", CacheModel),
        ("`type: launcher`", LauncherModel),
    ],
)
def test_manifest_reference_has_every_field(heading: str, model: type) -> None:
    rows = table_below("docs/reference/manifest.md", heading)
    assert {words(row[0])[0] for row in rows} == set(model.model_fields)


def test_manifest_reference_has_every_field_of_a_service() -> None:
    rows = table_below("docs/reference/manifest.md", "A service")
    named = {word for row in rows for word in words(row[0])}
    assert named == set(ServiceModel.model_fields) - set(IdentityModel.model_fields)


# --- commands ------------------------------------------------------------------------------


def test_readme_names_commands_and_options_that_exist() -> None:
    context = cli.make_context("seamless-reconcile", [], resilient_parsing=True)
    shell = "\n".join(body for language, body in FENCE.findall(text("README.md")) if language == "sh")
    called = re.findall(r"seamless-reconcile ([a-z]+)((?: -{1,2}[a-z][a-z-]*)*)", shell)
    assert {"validate", "plan", "apply", "show", "graph", "schema", "demo"} <= {name for name, _ in called}
    for name, options in called:
        command = cli.get_command(context, name)
        assert command is not None, name
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(options.split()) <= known, name


# --- JSON ----------------------------------------------------------------------------------


def json_blocks() -> list[dict]:
    return [
        json.loads(body)
        for language, body in FENCE.findall(text("docs/reference/json.md"))
        if language == "json"
    ]


def shape(value: object) -> object:
    """Give the fields of an object and of the objects in its lists, not what is in open mappings."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items() if name not in OPEN} | {
            name: None for name in value if name in OPEN
        }
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


OPEN = ("desired", "observed", "expects", "facts", "plan", "after")


def test_json_reference_shows_what_is_printed() -> None:
    resource = Resource(
        "cache.x", "cache", "x", "h", "k", {"state": "cold"}, {"state": "populated"}, Verdict.DRIFT,
        (Change("state", "populated", "cold"),),
    )  # fmt: skip
    action = Action(1, Verb.CLEAR, "cache.x", "x", "h", "c")
    plan = Plan((resource,), (action,), (Blocked("service.y", "r"),), (Warned("", "w"),))
    applied = Applied(plan, (Outcome(action, Result.DONE),))
    shown_plan, shown_applied, *_ = json_blocks()
    assert shape(shown_plan) == shape(plan_to_dict(plan))
    assert shape(shown_applied) == shape(applied_to_dict(applied))


def test_json_reference_names_every_result() -> None:
    page = text("docs/reference/json.md")
    assert all(f"`{result.value}`" in page for result in Result)
