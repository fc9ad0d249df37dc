"""`run -- CMD` over a scripted session: exit codes, what is said where, certificates, interruptions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from seamless_reconcile import workflow
from seamless_reconcile.cli.main import cli
from unit.proof.looks import BUFFERED, desired_of, look, specs
from unit.proof.scripted import Script, ScriptedSession, ended
from unit.proof.test_child import python, until

TESTS = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "driver.py"
DESIRED = desired_of(specs())
WARM = {"caches": {"hashserver": BUFFERED}}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the command line over a script; gives exit code and what was said on stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAMLESS_RECONCILE_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "seamless.reconcile.yaml").write_text("version: 1\n")

    def call(script, *words, yes=True):
        monkeypatch.setattr(workflow.Session, "open", lambda settings, reporter: ScriptedSession(script))
        argv = ["run", *(["--yes"] if yes else []), *words]
        result = CliRunner().invoke(cli, argv)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return SimpleNamespace(code=result.exit_code, err=result.stderr)

    return call


def exits(code):
    return "sh", "-c", f"exit {code}"


# --- exit codes and words ------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 3])
def test_genuine(run, code):
    done = run(Script(), "--", *exits(code))
    assert done.code == code
    assert (
        done.err == "proof: genuine: cache.hashserver, cache.database cold before, written by the command\n"
    )


def test_quiet(run):
    assert run(Script(), "-q", "--", "true").err == ""


@pytest.mark.parametrize("code", [0, 3])
def test_what_proves_nothing_is_6(run, code):
    done = run(Script(end=look(DESIRED)), "-q", "--", *exits(code))
    assert done.code == 6
    assert done.err.splitlines() == [
        "proof: never touched the services",
        "  nothing was written to cache.hashserver (/home/svc/buffers/p)",
        "  nothing was written to cache.database (/home/svc/databases/p)",
        f"this run proves nothing (exit 6); the command itself ended with {code}",
    ]


def test_on_warm_caches_it_is_not_run(run, tmp_path):
    done = run(Script(cold=look(DESIRED, **WARM)), "--", "touch", "ran")
    assert done.code == 6
    assert not (tmp_path / "ran").exists()
    assert done.err.splitlines() == [
        "proof: already warm",
        "  cache.hashserver was populated before the command",
        "the command was not run: it would prove nothing (exit 6)",
    ]


def test_what_it_does_not_cover_is_said(run):
    half = desired_of(specs(database="keep"))
    done = run(Script(desired=half), "-q", "--", "true")
    assert (done.code, done.err) == (0, "not covered: cache.database (~/databases/p) was not made cold\n")


@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        (Script(applied=ended(converged=False)), 1, "  cache.database: it would not go"),
        (Script(applied=ended(converged=False, acted=False)), 5, "  service.database: it is protected"),
        (Script(applied=ended(interrupted=True)), 130, "  interrupted"),
    ],
    ids=["failed", "blocked", "interrupted"],
)
def test_not_run_where_it_cannot_be_made_so(run, tmp_path, script, code, told):
    done = run(script, "--", "touch", "ran")
    assert done.code == code
    assert done.err.splitlines()[0] == "the command was not run"
    assert told in done.err.splitlines()
    assert not (tmp_path / "ran").exists()


def test_a_command_that_is_not_there_changes_nothing(run, tmp_path):
    script = Script()
    done = run(script, "--certificate", "c.json", "--", "no-such-program")
    assert (done.code, done.err) == (127, "no-such-program: command not found: nothing was changed\n")
    assert script.calls == []
    assert not (tmp_path / "c.json").exists()


def test_a_command_that_turns_out_not_to_run(run, tmp_path):
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "script").chmod(0o755)
    done = run(Script(), "--", "./script")
    why = "error: the command could not be started: ./script: No such file or directory\n"
    assert (done.code, done.err) == (127, why)


def test_nothing_to_prove(run):
    done = run(Script(desired=desired_of(specs(hashserver="keep", database="keep"))), "--", "true")
    assert done.code == 65
    assert "no cache is declared cold, so there is nothing to prove (add `cache: cold`)" in done.err


def test_locked(run):
    done = run(Script(locked=True), "--", "true")
    assert (done.code, done.err) == (75, "locked: frontend: another apply is at work there (process 7)\n")


def test_not_approved(run, tmp_path):
    done = run(Script(), "--", "touch", "ran", yes=False)
    assert done.code == 5
    assert done.err.endswith("not approved: nothing was changed\n")
    assert not (tmp_path / "ran").exists()


def test_waits_for_other_runs_a_minute(run, monkeypatch):
    seen = []
    monkeypatch.setattr(ScriptedSession, "__enter__", lambda self: self)
    run(Script(), "--", "true")
    monkeypatch.setattr(workflow.Session, "open", lambda settings, reporter: seen.append(settings) or 1 / 0)
    for words in (["run"], ["run", "--lock-timeout", "5"]):
        CliRunner().invoke(cli, [*words, "--", "true"])
    assert [settings.lock_timeout for settings in seen] == [60.0, 5.0]


# --- putting back --------------------------------------------------------------------------


def test_restore(run):
    script = Script()
    assert run(script, "--restore", "--", *exits(3)).code == 3
    assert script.calls[-4:] == [
        {"hashserver": "running", "database": "running"},
        "restore",
        "let go",
        "closed",
    ]


@pytest.mark.parametrize(("code", "exit_code"), [(0, 1), (3, 3)])
def test_what_is_not_put_back_is_an_error_of_a_command_without_one(run, code, exit_code):
    done = run(Script(restored=ended(converged=False)), "-q", "--restore", "--", *exits(code))
    assert done.code == exit_code
    assert done.err.startswith("error: the services could not be put back: cache.database: it would not go")


# --- certificates --------------------------------------------------------------------------


def certificate(tmp_path):
    return json.loads((tmp_path / "c.json").read_text())


def test_certificate_and_junit(run, tmp_path):
    assert run(Script(), "--certificate", "c.json", "--junit", "j.xml", "--", *exits(3)).code == 3
    value = certificate(tmp_path)
    assert (value["holds"], value["finding"], value["exit_code"]) == (True, "genuine", 3)
    assert value["command"] == list(exits(3))
    suite = ET.parse(tmp_path / "j.xml").getroot()  # noqa: S314 - our own
    assert suite.attrib["tests"] == "2"
    assert suite.attrib["failures"] == "1"


def test_an_older_certificate_is_not_taken_for_this_one(run, tmp_path):
    (tmp_path / "c.json").write_text('{"holds": true}')
    run(Script(locked=True), "--certificate", "c.json", "--", "true")
    assert certificate(tmp_path)["holds"] is False
    assert certificate(tmp_path)["reasons"] == ["the run has not ended"]


def test_a_certificate_of_what_did_not_begin(run, tmp_path):
    run(Script(cold=look(DESIRED, **WARM)), "--certificate", "c.json", "--", "true")
    value = certificate(tmp_path)
    assert (value["holds"], value["finding"], value["exit_code"]) == (False, "already warm", None)
    assert value["caches"][0]["before"]["state"] == "populated"


def test_a_certificate_that_cannot_be_written_stops_it_before_anything_is_done(run, tmp_path):
    script = Script()
    done = run(script, "--certificate", "no/such/folder/c.json", "--", "touch", "ran")
    assert done.code == 1
    assert "no/such/folder/c.json" in done.err
    assert script.calls == ["closed"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("code", "exit_code"), [(0, 1), (3, 3)])
def test_a_certificate_that_cannot_be_written_in_the_end_is_told(run, tmp_path, code, exit_code):
    (tmp_path / "out").mkdir()
    script = ("sh", "-c", f"rm -r out; exit {code}")
    done = run(Script(), "-q", "--certificate", "out/c.json", "--", *script)
    assert done.code == exit_code
    assert done.err.startswith("error: the certificate could not be written: ")
    assert "out/c.json" in done.err


def test_a_failed_proof_comes_before_a_lost_certificate(run, tmp_path):
    (tmp_path / "out").mkdir()
    done = run(Script(end=look(DESIRED)), "-q", "--certificate", "out/c.json", "--", "rm", "-r", "out")
    assert done.code == 6


# --- as a process --------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path):
    """Start `run` over a scripted session; ends what is left of it."""
    (tmp_path / "seamless.reconcile.yaml").write_text("version: 1\n")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TESTS), "HOME": str(tmp_path)}
    started = []

    def call(script, *words):
        argv = [sys.executable, str(DRIVER), script, "run", "--yes", *words]
        process = subprocess.Popen(
            argv,
            cwd=tmp_path,
            env={**env, "SEAMLESS_RECONCILE_STATE_DIR": str(tmp_path / "state")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_ours_goes_to_stderr_before_and_after_never_between(start):
    say = "import os; os.write(1, b'o\\xff'); os.write(2, b'\\xffe\\n')"
    out, err = start("genuine", "--", *python(say)).communicate(timeout=60)
    assert out == b"o\xff"
    assert err.startswith(b"\xffe\nproof: genuine")


def test_interrupted_while_services_are_made_so(start, tmp_path):
    process = start("slow apply", "--restore", "--certificate", "c.json", "--", "touch", "ran")
    until(process.stderr, b"IN HAND\n")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"finishing the action in hand" in err
    assert b"the command was not run\n  interrupted\n" in err
    assert b"restoring" in err
    assert certificate(tmp_path)["holds"] is False
    assert not (tmp_path / "ran").exists()


def test_one_signal_does_not_keep_services_from_being_put_back_a_second_does(start):
    process = start("slow restore", "--restore", "--", "true")
    until(process.stderr, b"restoring\n")
    process.send_signal(signal.SIGINT)
    until(process.stderr, b"putting the services back; once more to leave them as they are\n")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert b"error: the services could not be put back" in err
    assert process.returncode == 1


def test_interrupted_while_it_is_judged(start, tmp_path):
    process = start("slow look", "--restore", "--certificate", "c.json", "--", "true")
    until(process.stderr, b"LOOKING\n")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"restoring\n" in err
    assert b"interrupted: what the command did was not judged" in err
    assert certificate(tmp_path)["holds"] is False
