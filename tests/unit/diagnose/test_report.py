"""What people and programs are told: the verdict first."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seamless_reconcile.diagnose.client_error import read_client_error
from seamless_reconcile.diagnose.evidence import Installed, Surroundings
from seamless_reconcile.diagnose.knowledge import Sure
from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.logs import read_log
from seamless_reconcile.exits import Exit
from seamless_reconcile.observed import Unknown
from seamless_reconcile.report.diagnosis import diagnoses_text, last_line
from seamless_reconcile.report.diagnosis_json import diagnoses_to_dict
from seamless_reconcile.report.screen import ASCII, rendered
from unit.diagnose.made import CONDA, HERE, told

IMPORT = (HERE / "logs" / "D201.hashserver.starting.log").read_bytes()
AROUND = Surroundings({"http_proxy": "http://…@proxy/"}, {"seamless-config": "0.3.2"}, ("http_proxy",))


def page(*found, client=None, around=None, **more):
    last = last_line(found, total=len(found), passive=False)
    text = diagnoses_text(found, client, around or Surroundings(), knowledge(), last, **{"tail": 2, **more})
    return rendered(text, width=1_000_000, color=more.pop("color", False))


def as_json(*found, client=None, tail=2):
    return diagnoses_to_dict(
        found, client, AROUND, knowledge(), total=len(found), tail=tail, passive=True, exit_code=Exit.CHANGES
    )


def test_the_verdict_is_one_line_and_comes_first():
    found = told("starting", text=IMPORT, conda=CONDA)
    first = page(found).splitlines()[0]
    assert first.startswith(
        "hashserver on frontend: it crashed while starting - ImportError: cannot import name"
    )
    assert first.endswith("→ fix: the conda environment seamless on frontend (certain)")
    assert page(found, quiet=True).splitlines() == [first, "Diagnosed: 1 service with something wrong."]


def test_evidence_and_steps_follow():
    lines = page(told("starting", text=IMPORT, conda=CONDA)).splitlines()
    text = "\n".join(lines)
    order = [
        text.index(word) for word in ("D117", "D201 certain", "  mind", "  evidence", "    log   ", "  next")
    ]
    assert order == sorted(order)
    assert "text from the host, not to be trusted" in text
    assert "      | ImportError" in text
    assert re.search(
        r"^    1\. ssh frontend 'PATH=.*' rhl-logs hashserver-c-rw-p --tail 100$", text, re.MULTILINE
    )


@pytest.mark.parametrize(("tail", "shown"), [(0, 0), (1, 1), (3, 3), (100, 6)])
def test_as_much_of_the_log_is_shown_as_was_asked_for(tail, shown):
    found = told("starting", text=IMPORT)
    assert sum(line.startswith("      | ") for line in page(found, tail=tail).splitlines()) == shown
    log = as_json(found, tail=tail)["diagnoses"][0]["evidence"]["log"]
    assert len(log["untrusted_text"]) == shown
    assert log["cut"] == (shown < 6)


@pytest.mark.parametrize(
    ("log", "said"),
    [(None, "none"), (b"", "empty"), (Unknown("timeout: x", "timeout"), "could not be read: timeout: x")],
)
def test_a_log_that_shows_nothing_is_said(log, said):
    found = told("running", text=None if isinstance(log, Unknown) else log)
    found = replace(found, case=replace(found.case, log=log)) if isinstance(log, Unknown) else found
    (line,) = [line for line in page(found).splitlines() if line.startswith("    log ")]
    assert line.split("log", 1)[1].strip() == said


def test_an_output_without_arrows_gets_plain_ones():
    assert "-> fix:" in page(told("starting", text=IMPORT), glyphs=ASCII)


def test_colour_is_only_put_where_it_is_asked_for():
    found = told("starting", text=IMPORT)
    last = last_line([found], total=1, passive=False)
    text = diagnoses_text([found], None, Surroundings(), knowledge(), last, tail=2)
    assert "\x1b[" in rendered(text, color=True)
    assert "\x1b[" not in rendered(text, color=False)


def test_packages_and_where_they_come_from():
    package = Installed("hashserver", "1.1.0", editable=True, location="file:///src")
    found = told("starting", text=IMPORT, prefix="/c/envs/seamless", installed=(package,))
    text = page(found)
    assert "hashserver 1.1.0 (editable)" in text
    assert re.search("launched from +/c/envs/seamless", text)
    assert as_json(found)["diagnoses"][0]["evidence"]["packages"] == [
        {"package": "hashserver", "version": "1.1.0", "editable": True, "location": "file:///src"}
    ]


def test_whose_fault_it_is_is_said():
    dependency = told("alive", "database", (HERE / "logs" / "D230.database.alive.log").read_bytes())
    assert "peewee, a dependency, called by seamless-database" in page(dependency)
    own = told("alive", text=(HERE / "logs" / "D204.hashserver.alive.log").read_bytes())
    assert "hashserver, Seamless's own" in page(own)
    assert own.fix.startswith("the repo of hashserver, or an older dependency")


def test_a_clients_error_comes_before_everything():
    client = read_client_error(read_log((HERE / "errors" / "D401.hashserver.txt").read_bytes()), knowledge())
    lines = page(told("starting", text=IMPORT), client=client).splitlines()
    assert lines[0] == (
        "client: the server took the request and failed on it - buffer_client.py → hashserver, of hashserver"
    )
    assert any("not flaky" in line for line in lines)


def test_the_variables_that_have_a_say_are_told():
    text = page(around=AROUND)
    assert "http_proxy=http://…@proxy/: sends HTTP requests through a proxy; mind:" in text
    assert "seamless-config 0.3.2" in page(around=AROUND, verbose=True)


@pytest.mark.parametrize(
    ("found", "total", "passive", "line"),
    [
        ([], 0, False, "No service was looked at: name a manifest (-f), or --host and --key."),
        ([], 3, False, "Nothing wrong found: 3 services looked at."),
        ([told()], 1, True, "Diagnosed: 1 service well; handshakes were left out (--passive)."),
        (
            [told("failed"), told()], 2, False,
            "Diagnosed: 1 service with something wrong, 1 service well.",
        ),
    ],
)  # fmt: skip
def test_the_last_line_says_it_all(found, total, passive, line):
    assert last_line(found, total=total, passive=passive) == line


def test_json_says_the_same():
    data = as_json(told("starting", text=IMPORT, conda=CONDA))
    (one,) = data["diagnoses"]
    assert (data["format_version"], data["exit_code"], data["passive"], data["services"]) == (1, 2, True, 1)
    assert (one["resource"], one["health"], one["sure"]) == (
        "service.hashserver",
        "wrong",
        Sure.CERTAIN.value,
    )
    assert one["symptom"]["id"] == "D117"
    assert one["causes"][0]["id"] == "D201"
    assert one["fix"] == "the conda environment seamless on frontend"
    assert data["client"]["variables"][0]["trap"]
