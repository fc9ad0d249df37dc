"""The page says what the data file and the program say."""

from __future__ import annotations

import json
from pathlib import Path

from seamless_reconcile.diagnose.client_error import read_client_error
from seamless_reconcile.diagnose.evidence import Installed, Surroundings
from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.logs import read_log
from seamless_reconcile.exits import Exit
from seamless_reconcile.report.diagnosis_json import diagnoses_to_dict
from seamless_reconcile.report.diagnosis_page import tables
from unit.diagnose.made import CONDA, HERE, told

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "diagnose.md"
OPEN = ("service", "meta", "tunnel")


def test_the_tables_are_made_from_the_data():
    # python -c 'from seamless_reconcile.report.diagnosis_page import *; …; print(tables(knowledge()))'
    by_hand, _, made = PAGE.read_text().partition("## Symptoms\n")
    assert by_hand
    assert f"## Symptoms\n{made}" == tables(knowledge())


def test_every_id_stands_there_once():
    rows = [line.split(" | ")[0] for line in PAGE.read_text().splitlines() if line.startswith("| D")]
    known = knowledge()
    ids = [f"| {one.id}" for one in (*known.symptoms, *known.causes, *known.client)]
    assert sorted(rows) == sorted(ids)


def shape(value):
    """Give the fields of an object and of the first object in its lists, not what is in open mappings."""
    if isinstance(value, dict):
        return {name: None if name in OPEN else shape(item) for name, item in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def test_the_json_there_is_what_is_printed():
    log = (HERE / "logs" / "D201.hashserver.starting.log").read_bytes()
    found = told("starting", text=log, conda=CONDA, installed=(Installed("hashserver", "1.1.0"),))
    error = (HERE / "errors" / "D401.hashserver.txt").read_bytes()
    around = Surroundings({"http_proxy": "http://proxy:3128"}, {"seamless-config": "0.3.2"}, ("http_proxy",))
    printed = diagnoses_to_dict(
        [found], read_client_error(read_log(error), knowledge()), around, knowledge(),
        total=1, tail=1, passive=False, exit_code=Exit.CHANGES,
    )  # fmt: skip
    shown = json.loads(PAGE.read_text().partition("```json\n")[2].partition("```")[0])
    assert shape(shown) == shape(printed)
    assert shown["untrusted"] == printed["untrusted"]
