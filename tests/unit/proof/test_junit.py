"""A certificate as a JUnit file."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from seamless_reconcile.proof.trial import Trial
from seamless_reconcile.report.junit import certificate_junit
from unit.proof.looks import BUFFERED, desired_of, look, specs
from unit.proof.scripted import Script, ScriptedSession

DESIRED = desired_of(specs())


def certificate(script, code=0, words=("pytest", "-q")):
    trial = Trial(ScriptedSession(script), words)
    with trial:
        if trial.begin():
            trial.end(code)
    return trial.certificate()


def suite_of(value):
    return ET.fromstring(certificate_junit(value))  # noqa: S314 - our own


def outcomes(suite):
    return {case.attrib["name"]: [child.tag for child in case] for case in suite.iter("testcase")}


PROOF = "the caches were cold and used"


@pytest.mark.parametrize(
    ("script", "code", "failures", "cases"),
    [
        (Script(), 0, "0", {PROOF: [], "pytest -q": []}),
        (Script(), 3, "1", {PROOF: [], "pytest -q": ["failure"]}),
        (Script(end=look(DESIRED)), 0, "1", {PROOF: ["failure"], "pytest -q": []}),
        (Script(end=look(DESIRED)), 3, "2", {PROOF: ["failure"], "pytest -q": ["failure"]}),
        (
            Script(cold=look(DESIRED, caches={"hashserver": BUFFERED})),
            0,
            "1",
            {PROOF: ["failure"], "pytest -q": ["skipped"]},
        ),
    ],
    ids=["genuine", "failed", "untouched", "untouched and failed", "warm"],
)
def test_cases(script, code, failures, cases):
    suite = suite_of(certificate(script, code))
    assert outcomes(suite) == cases
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("2", failures)
    assert suite.attrib["skipped"] == str(sum("skipped" in tags for tags in cases.values()))


def test_a_failed_proof_says_why():
    (failure,) = suite_of(certificate(Script(end=look(DESIRED)))).iter("failure")
    assert failure.attrib["message"] == "never touched the services"
    assert failure.text.splitlines() == [
        "nothing was written to cache.hashserver (/home/svc/buffers/p)",
        "nothing was written to cache.database (/home/svc/databases/p)",
    ]


def test_properties():
    value = certificate(Script(desired=desired_of(specs(database="keep"))))
    found = {p.attrib["name"]: p.attrib["value"] for p in suite_of(value).iter("property")}
    assert found["seamless.finding"] == "genuine"
    assert found["seamless.holds"] == "True"
    assert found["seamless.manifest"] == "/ci/m.yaml"
    assert found["seamless.cache.hashserver"] == "/home/svc/buffers/p: empty -> populated"
    assert found["seamless.not_covered"] == "cache.database (~/databases/p) was not made cold"


def test_times():
    value = {
        **certificate(Script()),
        "began": "2026-01-02T10:00:00.250+00:00",
        "ended": "2026-01-02T10:00:02.000+00:00",
    }
    suite = suite_of(value)
    assert (suite.attrib["timestamp"], suite.attrib["time"]) == ("2026-01-02T10:00:00", "1.750")


def test_no_times_where_nothing_was_run():
    suite = suite_of(Trial(ScriptedSession(Script()), ["true"]).certificate())
    assert "timestamp" not in suite.attrib
    assert suite.attrib["time"] == "0.000"


def test_what_xml_cannot_hold_is_replaced():
    suite = suite_of(certificate(Script(), words=("echo", "a\x00b\x1b[31m\ud800<&>")))
    assert "echo a\ufffdb\ufffd[31m\ufffd<&>" in outcomes(suite)
