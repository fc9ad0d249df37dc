"""action.yml and the GitLab snippets: what they run, run by bash as the runners do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from seamless_reconcile.manifest import load

ROOT = Path(__file__).parents[3]
DRIVER = Path(__file__).parent / "driver.py"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
JOBS = {
    name: job
    for block in re.findall(
        r"^```yaml\n(.*?)^```", (ROOT / "docs/ci/gitlab.md").read_text(), re.MULTILINE | re.DOTALL
    )
    for name, job in yaml.safe_load(block).items()
}


@pytest.fixture
def runner(tmp_path):
    """A runner's shell: runs a script; what it calls is the program over a scripted session, and no pip."""
    programs = tmp_path / "bin"
    programs.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    (work / "seamless.reconcile.yaml").write_text("version: 1\n")

    def program(name, text):
        (programs / name).write_text(f"#!/bin/bash\n{text}\n")
        (programs / name).chmod(0o755)

    log = tmp_path / "calls"
    note = f'printf "%s\\n" "{{}}" "$@" >> {log}'

    def bash(script, env, *, session="genuine", shell=("bash", "--noprofile", "--norc", "-eo", "pipefail")):
        # pip is only noted; any other use of Python is the real thing.
        program(
            "python", f'if [ "$2" = pip ]; then {note.format("python")}; else exec {sys.executable} "$@"; fi'
        )
        real = f'exec {sys.executable} {DRIVER} {session} "$@"'
        program("seamless-reconcile", f"{note.format('seamless-reconcile')}\n{real}")
        base = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "tests"),
            "HOME": str(tmp_path),
            "SEAMLESS_RECONCILE_STATE_DIR": str(tmp_path / "state"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }
        done = subprocess.run(
            [*shell, "-c", script],
            cwd=work,
            env={**base, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    bash.work, bash.log = work, log
    bash.calls = lambda: log.read_text().splitlines()
    bash.said = lambda name: (tmp_path / name).read_text()
    return bash


# --- the GitHub action ---------------------------------------------------------------------


def step(number, **inputs):
    """Give a step's script and environment, with inputs in the place of its expressions."""
    values = {name: spec.get("default", "") for name, spec in ACTION["inputs"].items()} | inputs
    found = ACTION["runs"]["steps"][number]

    def expression(match):
        word = match[1].strip()
        return "/action here" if word == "github.action_path" else values[word.removeprefix("inputs.")]

    env = {name: re.sub(r"\$\{\{(.*?)\}\}", expression, value) for name, value in found["env"].items()}
    return found["run"], env


def test_action_is_one_that_runs():
    assert ACTION["runs"]["using"] == "composite"
    for found in ACTION["runs"]["steps"]:
        assert found["shell"] == "bash"
        # An input that stood in a script would be a part of it.
        assert "${{" not in found["run"]
    outputs = {spec["value"] for spec in ACTION["outputs"].values()}
    assert outputs == {f"${{{{ steps.run.outputs.{name} }}}}" for name in ("finding", "certificate")}


@pytest.mark.parametrize(
    ("version", "installed"),
    [("0.1.0", "seamless-reconcile==0.1.0"), ("", "/action here")],
    ids=["one", "its own"],
)
def test_action_installs(runner, version, installed):
    assert runner(*step(0, version=version)).code == 0
    assert runner.calls() == ["python", "-m", "pip", "install", "--quiet", installed]


def test_action_runs_and_tells(runner):
    done = runner(*step(1, command="echo one\nfalse | true\necho two; exit 3"))
    # As in a step of its own: a pipe that fails ends it.
    assert (done.code, done.out) == (1, "one\n")
    assert runner.said("output") == "finding=genuine\ncertificate=seamless-certificate.json\n"
    assert runner.said("summary") == "Seamless caches: **genuine** (exit code 1)\n"
    assert json.loads((runner.work / "seamless-certificate.json").read_text())["holds"] is True
    assert runner.calls()[:6] == [
        "seamless-reconcile", "run", "--yes", "--certificate", "seamless-certificate.json", "-f",
    ]  # fmt: skip


def test_action_keeps_the_exit_code(runner):
    assert runner(*step(1, command="exit 3")).code == 3


def test_action_fails_where_nothing_is_proven(runner):
    assert runner(*step(1, command="true"), session="untouched").code == 6
    assert "finding=never touched the services\n" in runner.said("output")


def test_action_passes_everything_on(runner):
    command = """printf '%s|' "it's" '$HOME' "$#"\n: two"""
    inputs = {
        "manifest": "a b.yaml\n\nc.yaml\n",
        "junit": "j u.xml",
        "restore": "true",
        "certificate": "c x.json",
    }
    done = runner(*step(1, command=command, **inputs))
    assert (done.code, done.out) == (0, "it's|$HOME|0|")
    assert runner.calls() == [
        "seamless-reconcile", "run", "--yes", "--certificate", "c x.json", "-f", "a b.yaml", "-f", "c.yaml",
        "--junit", "j u.xml", "--restore", "--", "bash", "-eo", "pipefail", "-c", *command.splitlines(),
    ]  # fmt: skip
    assert (runner.work / "j u.xml").exists()


@pytest.mark.parametrize("name", ["manifest", "certificate", "junit", "version"])
def test_action_takes_nothing_for_a_script(runner, name):
    number = 0 if name == "version" else 1
    runner(*step(number, **{"command": "true", name: "$(touch hacked)`touch hacked`; touch hacked"}))
    assert not (runner.work / "hacked").exists()


def test_action_tells_where_there_is_no_certificate(runner):
    done = runner(*step(1, command="true", certificate="no/such/c.json"))
    assert done.code == 1
    assert "finding=could not be told\n" in runner.said("output")


# --- GitLab --------------------------------------------------------------------------------


def gitlab(runner, job, part, **more):
    """Run a part of a job as GitLab does: its lines as one script, its variables in the environment."""
    predefined = {"CI_PIPELINE_ID": "7", "CI_JOB_ID": "9"}
    env = {
        name: re.sub(r"\$(\w+)", lambda match: predefined[match[1]], value)
        for name, value in JOBS[job]["variables"].items()
    }
    return runner("\n".join(JOBS[job][part]), {**env, **more.pop("env", {})}, **more)


@pytest.mark.parametrize("job", JOBS)
def test_gitlab_installs(runner, job):
    assert gitlab(runner, job, "before_script").code == 0
    assert runner.calls() == ["python", "-m", "pip", "install", "--quiet", "seamless-reconcile"]


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("code", [0, 3])
def test_gitlab_keeps_the_exit_code_and_the_artifacts(runner, job, code):
    (runner.work / "ci-isolated-stage.yaml").write_text("version: 1\n")
    command = {"SEAMLESS_COMMAND": f"echo 'it is'; exit {code}"}
    done = gitlab(runner, job, "script", env=command)
    assert (done.code, done.out) == (code, "it is\n")
    artifacts = JOBS[job]["artifacts"]
    for name in [*artifacts["paths"], *artifacts.get("reports", {}).values()]:
        assert (runner.work / name).exists(), name


@pytest.mark.parametrize("job", JOBS)
def test_gitlab_fails_where_nothing_is_proven(runner, job):
    assert gitlab(runner, job, "script", env={"SEAMLESS_COMMAND": "true"}, session="untouched").code == 6


def test_gitlab_cleans_up_the_very_run(runner):
    (line,) = JOBS["isolated tests"]["after_script"]
    environ = dict(word.split("=") for word in line.split() if re.fullmatch(r"[A-Z_]+=\w+", word))
    assert environ == {"CI_SERVICES": "absent"}
    values = {"HOME": "/home/ci", "CI_RUN_ID": "7-9", **environ}
    manifest = load([ROOT / "manifests" / "ci-isolated-stage.yaml"], values)
    assert {entry.identity.stage for entry in manifest.entries} == {"ci-7-9"}
    assert {entry.state.value for entry in manifest.entries} == {"absent"}
    assert "apply --yes --lock-timeout 120 -f ci-isolated-stage.yaml" in line
