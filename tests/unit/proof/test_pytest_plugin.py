"""The pytest plugin, in pytests of its own, over scripted sessions."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import seamless_reconcile.proof.pytest_cold  # noqa: F401 - so that pytests in this process need not import it
import unit.proof.scripted  # noqa: F401 - the same
from seamless_reconcile import pytest_plugin, workflow

pytest_plugins = ("pytester",)

TESTS = Path(__file__).parents[2]

CONFTEST = """
import sys
from seamless_reconcile import pytest_plugin, workflow
from seamless_reconcile.declared import ManifestError, Problem
from unit.proof.looks import BUFFERED, desired_of, look, specs
from unit.proof.scripted import CLEAR, Script, ScriptedSession, ended
DESIRED = desired_of(specs())
def opened(settings, reporter):
    from seamless_reconcile.events import Started
    script = {script}
    script.during = lambda stop: reporter.on_event(Started(CLEAR))
    session = ScriptedSession(script)
    session.manifest.files = settings.files
    global calls
    calls = script.calls
    return session
workflow.Session.open = opened
def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        with open("calls.txt", "w") as stream:
            print(*globals().get("calls", ["not opened"]), sep="\\n", file=stream)
"""
PASSES = "def test_one(): pass\n"
FAILS = "def test_one(): assert False\n"
PLUGIN = ("-p", "seamless_reconcile.pytest_plugin")
UNTOUCHED = "Script(end=look(DESIRED))"


@pytest.fixture
def project(pytester, monkeypatch):
    """Run pytest on one test module over a script; gives its result.

    In this process, which is a matter of moments, or in one of its own.
    """
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    # What its conftest puts in there is taken out again.
    monkeypatch.setattr(workflow.Session, "open", workflow.Session.open)

    def call(*words, script="Script()", tests=PASSES, cold=True, opens=True, apart=False):
        pytester.makeconftest(CONFTEST.replace("{script}", script) if opens else "")
        pytester.makepyfile(test_it=tests)
        options = ("--seamless-cold", "m.yaml") if cold else ()
        argv = ("-p", "no:cacheprovider", *PLUGIN, *options, *words)
        if apart:
            done = pytester.runpytest_subprocess(*argv, timeout=60)
        else:
            done = pytester.runpytest_inprocess(*argv)
        assert "Traceback" not in done.stdout.str() + done.stderr.str()
        assert "INTERNALERROR" not in done.stdout.str()
        return done

    call.path = pytester.path
    call.calls = lambda: (pytester.path / "calls.txt").read_text().split("\n")
    return call


def summary(done):
    """Give the lines of our section."""
    lines = [line for line in done.outlines if line]
    start = next(number for number, line in enumerate(lines) if " seamless-cold " in line)
    return [line for line in lines[start + 1 :] if not line.startswith("=")]


GENUINE = "proof: genuine: cache.hashserver, cache.database cold before, written by the tests"
NOTHING = "proof: never touched the services; these tests prove nothing"

# --- not asked for -------------------------------------------------------------------------


COSTS_NOTHING = """
import sys
def test_one(seamless_cold):
    assert seamless_cold is None
    ours = {name for name in sys.modules if name.split(".")[0] in ("seamless_reconcile", "rhl_helpers")}
    assert ours == {"seamless_reconcile", "seamless_reconcile.pytest_plugin"}
    assert not {"pydantic", "yaml", "networkx", "paramiko", "rich.console", "click"} & set(sys.modules)
"""


def test_costs_nothing_when_not_asked_for(project):
    project(cold=False, opens=False, apart=True, tests=COSTS_NOTHING).assert_outcomes(passed=1)


NEW = "import sys, pytest; old = set(sys.modules); {}; print(*set(sys.modules) - old)"


def test_brings_in_nothing_but_itself():
    code = NEW.format("import seamless_reconcile.pytest_plugin")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split()) == {"seamless_reconcile", "seamless_reconcile.pytest_plugin"}


def test_is_installed():
    (found,) = [one for one in entry_points(group="pytest11") if one.name == "seamless-reconcile"]
    assert found.load() is pytest_plugin


@pytest.mark.parametrize("option", ["--seamless-cold-restore", "--seamless-certificate=c.json"])
def test_options_need_a_manifest(project, option):
    done = project(option, cold=False)
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: *need --seamless-cold MANIFEST"])


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures", "--setup-plan"])
def test_nothing_is_cleared_to_show_something(project, option):
    assert project(option).ret == 0
    assert project.calls() == ["not opened", ""]


# --- how it ends ---------------------------------------------------------------------------


def test_genuine(project):
    done = project()
    assert done.ret == 0
    done.assert_outcomes(passed=1)
    assert summary(done)[0] == GENUINE
    assert project.calls() == ["held", "look", "apply", "look", "look", "let go", "closed", ""]


def test_tests_that_pass_and_prove_nothing_fail_the_session(project):
    done = project(script=UNTOUCHED)
    assert done.ret == 6
    done.assert_outcomes(passed=1)
    assert summary(done)[:2] == [NOTHING, "  nothing was written to cache.hashserver (/home/svc/buffers/p)"]


@pytest.mark.parametrize("script", ["Script()", UNTOUCHED], ids=["genuine", "untouched"])
def test_tests_that_fail_keep_their_exit_code(project, script):
    done = project(script=script, tests=FAILS)
    assert done.ret == 1
    assert summary(done)[0] == (NOTHING if script == UNTOUCHED else GENUINE)


def test_no_tests_keep_their_exit_code(project):
    assert project(script=UNTOUCHED, tests="").ret == 5


def test_an_interrupted_session_is_judged_and_put_back(project):
    done = project("--seamless-cold-restore", tests="def test_one(): raise KeyboardInterrupt", apart=True)
    assert done.ret == 2
    assert "restore" in project.calls()
    assert summary(done)[0] == GENUINE


def test_what_it_does_not_cover(project):
    done = project(script="Script(desired=desired_of(specs(database='keep')))")
    assert done.ret == 0
    assert "not covered: cache.database (~/databases/p) was not made cold" in summary(done)


def test_progress_with_v(project):
    told = "started   clear cache.database on frontend (should be cold, is populated)"
    assert told in project("-v").outlines
    assert told not in project().outlines


# --- what cannot begin ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code", "why"),
    [
        (
            "Script(cold=look(DESIRED, caches={'hashserver': BUFFERED}))",
            6,
            "already warm; cache.hashserver was populated before the command",
        ),
        ("Script(applied=ended(converged=False))", 1, "*cache.database: it would not go*"),
        ("Script(applied=ended(converged=False, acted=False))", 5, "*service.database: it is protected"),
        ("Script(applied=ended(interrupted=True))", 130, "could not be told; interrupted"),
        ("Script(locked=True)", 75, "locked: frontend: another apply is at work there (process 7)"),
        ("Script(applied=OSError(28, 'No space left on device'))", 1, "*No space left on device"),
    ],
    ids=["warm", "failed", "blocked", "interrupted", "locked", "disk full"],
)
def test_without_cold_caches_no_test_runs(project, script, code, why):
    done = project(script=script, tests="open('ran', 'w').close()\n" + PASSES)
    assert done.ret == code
    done.stderr.fnmatch_lines([f"Exit: --seamless-cold: no test was run: {why}"])
    assert not (project.path / "ran").exists()
    assert project.calls()[-2:] == ["closed", ""]


def test_puts_back_what_was_changed_in_vain(project):
    done = project("--seamless-cold-restore", script="Script(applied=ended(converged=False))")
    assert done.ret == 1
    assert project.calls()[-4:] == ["restore", "let go", "closed", ""]


def test_nothing_to_prove(project):
    done = project(script="Script(desired=desired_of(specs(hashserver='keep', database='keep')))")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: --seamless-cold: *no cache is declared cold*"])
    assert project.calls()[-2:] == ["closed", ""]


def test_a_bad_manifest_is_told_in_full(project):
    (project.path / "m.yaml").write_text("version: 1\nservices: {a: {state: up}, b: {cache: hot}}\n")
    done = project(opens=False)
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: --seamless-cold: *m.yaml:2:*up*", "*m.yaml:2:*hot*"])


# --- putting back and certificates ---------------------------------------------------------


def test_restore(project):
    assert project("--seamless-cold-restore").ret == 0
    assert project.calls()[-4:] == ["restore", "let go", "closed", ""]


@pytest.mark.parametrize(("tests", "code"), [(PASSES, 1), (FAILS, 1)], ids=["passed", "failed"])
def test_what_is_not_put_back_fails_the_session(project, tests, code):
    done = project("--seamless-cold-restore", script="Script(restored=ended(converged=False))", tests=tests)
    assert done.ret == code
    assert any(line.startswith("error: the services could not be put back: ") for line in summary(done))


def test_certificate(project):
    done = project("--seamless-certificate", "c.json", tests=FAILS)
    value = json.loads((project.path / "c.json").read_text())
    assert (value["finding"], value["holds"], value["exit_code"]) == ("genuine", True, 1)
    assert value["command"][0] == "pytest"
    assert value["manifest"]["files"] == [str(project.path / "m.yaml")]
    assert f"certificate: {project.path / 'c.json'}" in summary(done)


def test_a_certificate_that_cannot_be_written_stops_it_before_anything_is_done(project):
    done = project("--seamless-certificate", "no/such/c.json")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: --seamless-cold: *No such file or directory: *no/such/c.json*"])
    assert project.calls() == ["closed", ""]


def test_a_certificate_that_is_lost_in_the_end_fails_the_session(project):
    (project.path / "out").mkdir()
    tests = "import shutil\ndef test_one(): shutil.rmtree('out')\n"
    done = project("--seamless-certificate", "out/c.json", tests=tests)
    assert done.ret == 1
    assert any(line.startswith("error: the certificate could not be written: ") for line in summary(done))


@pytest.mark.parametrize("words", [(), ("-p", "xdist", "-n", "2")], ids=["one process", "xdist"])
def test_properties_in_the_junit_file(project, words):
    project("--junitxml", "j.xml", *words, script=UNTOUCHED, apart=bool(words))
    suite = ET.parse(project.path / "j.xml").getroot()  # noqa: S314 - our own
    found = [(p.attrib["name"], p.attrib["value"]) for p in suite.iter("property")]
    assert ("seamless.finding", "never touched the services") in found
    assert ("seamless.reason", "nothing was written to cache.hashserver (/home/svc/buffers/p)") in found
    assert len([name for name, _ in found if name == "seamless.finding"]) == 1


# --- what tests can know -------------------------------------------------------------------

KNOWS = """
import os
def test_one(seamless_cold):
    assert [os.path.basename(file) for file in seamless_cold.manifests] == ["m.yaml", "n.yaml"]
    assert [cache["cold"] for cache in seamless_cold.certificate["caches"]] == [True, True]
    assert seamless_cold.certificate["reasons"] == ["the run has not ended"]
"""


@pytest.mark.parametrize("words", [(), ("-p", "xdist", "-n", "2")], ids=["one process", "xdist"])
def test_a_test_can_ask(project, words):
    done = project(
        "--seamless-cold",
        "n.yaml",
        *words,
        tests=KNOWS + KNOWS.replace("test_one", "test_two"),
        apart=bool(words),
    )
    done.assert_outcomes(passed=2)
    assert done.ret == 0
    # One process only makes things so and judges, however many run the tests.
    assert project.calls() == ["held", "look", "apply", "look", "look", "let go", "closed", ""]
