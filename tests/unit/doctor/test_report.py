"""What a doctor prints, and that the reference says the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_reconcile.doctor import CHECKS, Examination, Status
from seamless_reconcile.doctor.here import report_here
from seamless_reconcile.doctor.seen import Trouble
from seamless_reconcile.doctor.verdicts import exit_of, report_of
from seamless_reconcile.exits import Exit
from seamless_reconcile.report.checkup import ASCII, UNICODE, Signs, examination_text, examination_to_dict
from seamless_reconcile.report.screen import rendered
from unit.doctor.sights import HERE, WELL, out, patient

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "doctor.md"
NOT_INSTALLED = Trouble("not installed", "bash: rhl-ps: command not found")
SICK = replace(WELL, help={"rhl-ps": NOT_INSTALLED}, bare=NOT_INSTALLED)
DOUBTFUL = replace(WELL, forwarding=None)
EVIL = replace(SICK, help={"rhl-ps": Trouble("not installed", "\x1b]0;x\x07[red]no[/red]\u202e")})


def examined(*sights):
    return Examination(report_here(HERE), tuple(report_of(sight) for sight in sights))


def text(*sights, **how):
    return rendered(examination_text(examined(*sights), **how), width=1000)


@pytest.mark.parametrize(
    ("sights", "code"),
    [
        ((), Exit.OK),
        ((WELL,), Exit.OK),
        ((SICK,), Exit.CHANGES),
        ((DOUBTFUL,), Exit.UNKNOWN),
        ((WELL, DOUBTFUL, SICK), Exit.CHANGES),
    ],
)
def test_exit_codes(sights, code):
    assert exit_of(examined(*sights)) is code
    assert examination_to_dict(examined(*sights))["exit_code"] == code


def test_each_machine_its_line_and_one_for_all():
    lines = text(WELL, SICK, DOUBTFUL).splitlines()
    assert lines[-5:-3] == ["✓ this machine    well", "✓ frontend (hpc)  well"]
    assert lines[-3].startswith(
        "✗ frontend (hpc)  to fix   1 to fix; C301 helpers: bash: rhl-ps: command not found"
    )
    assert lines[-2].startswith(
        "? frontend (hpc)  unknown  1 untold; C208 port forwarding: it could not be asked"
    )
    assert lines[-1] == "Doctor: 1 to fix, 1 untold; 1 of 3 hosts in working order."


def test_what_is_left_out_for_one_reason_is_told_once():
    shown = text(out())
    assert f"{UNICODE.skipped} C301 to C604 the host was not reached" in shown
    assert "C402" not in shown
    assert "C402" in text(out(), verbose=True)


def test_a_cross_says_why_it_matters_what_to_do_and_where():
    shown = text(SICK)
    assert "✗ C301 helpers: bash: rhl-ps: command not found" in shown
    assert CHECKS["C301"].meaning in shown
    assert "do on frontend: pip install 'remote-http-launcher~=0.4.5' there" in shown
    assert CHECKS["C201"].meaning not in shown
    assert CHECKS["C201"].meaning in text(SICK, verbose=True)


def test_quiet_is_the_summary_alone():
    assert text(WELL, quiet=True).splitlines() == [
        "✓ this machine    well",
        "✓ frontend (hpc)  well",
        "Doctor: nothing to do; 1 of 1 host in working order.",
    ]


def test_without_hosts_that_is_said():
    assert "only this machine was looked at" in text()


@pytest.mark.parametrize(
    ("encoding", "signs"), [("utf-8", UNICODE), ("ascii", ASCII), (None, ASCII), ("x-y", ASCII)]
)
def test_signs_that_the_output_can_say(encoding, signs):
    assert Signs.for_encoding(encoding) == signs
    assert len({signs.of(status) for status in Status}) == len(Status)


def test_what_comes_from_a_host_is_safe_to_show():
    shown = text(EVIL, verbose=True)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[red]no[/red]" in shown
    printed = json.dumps(examination_to_dict(examined(EVIL)), ensure_ascii=False)
    assert "\\u001b" not in printed
    assert "\u202e" not in printed


# --- the reference ---------------------------------------------------------------------------


def test_the_page_has_every_check_as_the_catalogue_has_it():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| C")]
    assert rows == [f"| {one.id} | {one.title} | {one.meaning} |" for one in CHECKS.values()]


def test_the_page_has_every_status_with_its_signs():
    page = PAGE.read_text()
    for status in Status:
        assert f"| {UNICODE.of(status)} | {ASCII.of(status)} | `{status.value}` |" in page


def test_the_page_shows_what_is_printed():
    shown = json.loads(PAGE.read_text().partition("```json\n")[2].partition("```")[0])
    printed = examination_to_dict(examined(patient(SICK, name="frontend")))
    assert list(shown) == list(printed)
    assert list(shown["summary"]) == list(printed["summary"])
    assert list(shown["hosts"][0]) == list(printed["hosts"][0]) == list(shown["client"])
    (one,) = shown["hosts"][0]["checks"]
    found = next(check for check in printed["hosts"][0]["checks"] if check["id"] == one["id"])
    assert {name: value for name, value in one.items() if name != "remedy"} | {
        "remedy": found["remedy"]
    } == found
