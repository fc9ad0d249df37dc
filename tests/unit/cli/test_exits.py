"""Every way to end has the contract's exit code, its message on stderr, and pure JSON where asked for."""

from __future__ import annotations

import stat
import sys

import pytest

from plans.samples import ALL, ENDS, first_start, in_sync
from rhl_helpers import errors
from seamless_reconcile import workflow
from seamless_reconcile.cli.failures import known
from seamless_reconcile.declared import Location, ManifestError, Problem
from seamless_reconcile.plan import Plan

# --- usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Commands:"),
        (("pln",), "No such command 'pln'. Did you mean plan?"),
        (("zzzzz",), "No such command 'zzzzz'."),
        (("plan", "--nope"), "No such option"),
        (("plan", "--color", "maybe"), "'maybe' is not one of"),
        (("plan", "--ssh", "telnet"), "'telnet' is not one of"),
        (("plan", "--timeout", "0"), "not in the range"),
        (("plan", "--timeout", "nan"), "a number of seconds is needed"),
        (("plan", "--timeout", "inf"), "not in the range"),
        (("plan", "--parallel", "0"), "not in the range"),
        (("plan", "extra"), "unexpected extra argument"),
        (("plan", "--events", "/nowhere/at/all"), "No such file or directory"),
        (("graph", "--format", "png"), "'png' is not one of"),
        (("show",), "Missing argument 'FILE'"),
        (("--nope",), "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_usage_errors_are_64(run, args, said):
    ended = run(*args)
    assert ended.code == 64
    assert said in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("--version",), ("plan", "--help"), ("apply", "-h")])
def test_help_and_version_are_0(run, args):
    assert run(*args).code == 0


@pytest.mark.parametrize("flag", ["--target", "--replace"])
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("service.hashservr", "the manifest has no service.hashservr; did you mean service.hashserver?"),
        ("database", "the manifest has no database; did you mean service.database?"),
        ("zzz", "addresses are service.NAME, cache.NAME and tunnel.NAME"),
        ("cache.database", "a cache cannot"),
        ("\x1b[31m", "has no \\x1b[31m"),
    ],
)
def test_an_unknown_address_is_64_with_the_nearest_one(run, script, flag, address, said):
    script.error = KeyError(address)
    ended = run("plan", flag, address)
    assert ended.code == 64
    assert said in ended.err
    script.at = "apply"
    ended = run("apply", "--yes", "--json", flag, address)
    assert ended.code == 64
    assert ended.json()["error"]["kind"] == "usage"
    assert said in ended.json()["error"]["message"]


def test_a_key_error_about_anything_else_is_a_bug(run, script):
    script.error = KeyError("surprise")
    ended = run("plan", "--target", "service.database")
    assert ended.code == 1
    assert "internal error: KeyError" in ended.err


# --- the manifest --------------------------------------------------------------------------

BROKEN = ManifestError(
    [
        Problem(Location("m.yaml", 3, 7), "services.x: no such field", "did you mean state?"),
        Problem(Location("m.yaml", 5, 1), "a \x1b[31mred\u202e name"),
        Problem(None, "two entries have one key"),
    ]
)
SAID = (
    "m.yaml:3:7: services.x: no such field (did you mean state?)\n"
    "m.yaml:5:1: a \\x1b[31mred\\u202e name\n"
    "two entries have one key\n"
)


@pytest.mark.parametrize("command", [("validate",), ("plan",), ("apply", "--yes"), ("graph",)])
def test_a_bad_manifest_is_65_with_all_its_problems(run, script, command):
    script.error, script.at = BROKEN, "open"
    ended = run(*command)
    assert (ended.code, ended.out, ended.err) == (65, "", SAID)


def test_validate_gives_problems_as_json(run, script):
    script.error, script.at = BROKEN, "open"
    ended = run("validate", "--json")
    assert ended.code == 65
    assert ended.json()["valid"] is False
    assert ended.json()["problems"][0] == {
        "file": "m.yaml", "line": 3, "column": 7, "message": "services.x: no such field",
        "hint": "did you mean state?",
    }  # fmt: skip
    assert len(ended.json()["problems"]) == 3
    assert ended.err == ""


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_other_commands_give_a_bad_manifest_as_an_error_object(run, script, command):
    script.error, script.at = BROKEN, "open"
    ended = run(*command, "--json")
    assert ended.code == 65
    assert ended.json()["error"]["kind"] == "manifest"
    assert ended.json()["error"]["message"] == "3 problems"
    assert len(ended.json()["error"]["details"]) == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(28, "No space left on device", "/x/plan.json"),
            "error: /x/plan.json: No space left on device",
        ),
        (OSError(5, "Input/output error"), "error: Input/output error"),
        (OSError("odd"), "error: odd"),
    ],
)
def test_what_the_system_refuses_is_said_with_the_file(run, script, error, said):
    script.error, script.at = error, "open"
    ended = run("plan")
    assert (ended.code, ended.err.splitlines()) == (1, [said])


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "graph"])
def test_a_missing_default_manifest_says_what_to_do(run, script, tmp_path, command):
    (tmp_path / "seamless.reconcile.yaml").unlink()
    ended = run(command)
    assert ended.code == 65
    assert "there is no manifest in this folder" in ended.err
    assert "-f FILE" in ended.err
    assert script.calls == []


# --- plan ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "detailed"),
    [("in_sync", 0, 0), ("first_start", 0, 2), ("unreachable", 3, 3), ("blocked", 5, 5), ("targeted", 0, 2)],
)
def test_the_exit_code_of_a_plan(run, script, name, code, detailed):
    script.plan = ALL[name]()
    assert run("plan").code == code
    assert run("plan", "--detailed-exitcode").code == detailed
    assert run("plan", "--json", "--detailed-exitcode").code == detailed


# --- apply ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "code"), [("complete", 0), ("partial", 1), ("interrupted", 130), ("nothing_to_do", 0)]
)
def test_the_exit_code_of_an_apply(run, script, end, code):
    script.end = lambda _: ENDS[end]()
    assert run("apply", "--yes").code == code
    ended = run("apply", "--yes", "--json")
    assert (ended.code, ended.json()["exit_code"]) == (code, code)


@pytest.mark.parametrize(("name", "code"), [("in_sync", 0), ("unreachable", 1), ("blocked", 5)])
def test_an_apply_with_nothing_it_may_do(run, script, name, code):
    script.plan = Plan(**{**as_kwargs(ALL[name]()), "actions": ()})
    expected = 3 if name == "unreachable" else code
    assert run("apply", "--yes").code == expected


def as_kwargs(plan):
    return {"resources": plan.resources, "blocked": plan.blocked, "warnings": plan.warnings}


@pytest.mark.parametrize(
    ("error", "code", "kind", "said"),
    [
        (workflow.Locked("frontend", "process 7"), 75, "locked", "frontend: another apply is at work there"),
        (
            workflow.StalePlan(["stop service.x: was not part"]),
            4,
            "stale_plan",
            "stop service.x: was not part",
        ),
        (workflow.NotApproved(first_start()), 5, "not_approved", "nothing was changed"),
        (errors.Unreachable("far", "no route"), 1, "unreachable", "far: no route (check the network"),
        (errors.NotInstalled("far", "x"), 1, "not_installed", "install remote-http-launcher"),
        (
            OSError(28, "No space left on device", "/x/\x1b"),
            1,
            "system",
            "/x/\\x1b: No space left on device",
        ),
        (KeyboardInterrupt(), 130, "interrupted", "no action was begun"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("as_json", [False, True])
def test_known_failures(run, script, error, code, kind, said, as_json):
    script.error, script.at = error, "apply"
    ended = run("apply", "--yes", *(["--json"] if as_json else []))
    assert ended.code == code
    assert said in ended.err
    assert "\x1b" not in ended.err
    if as_json:
        shape = ended.json()
        assert (shape["error"]["kind"], shape["exit_code"]) == (kind, code)
    else:
        assert ended.out == ""
    assert ("close",) in script.calls


# --- bugs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("odd\x1b[31m"), errors.MutationRefused("h", "rhl-stop")])
def test_a_bug_is_one_line_and_a_traceback_in_the_state_folder(run, script, tmp_path, error):
    script.error = error
    ended = run("plan")
    assert ended.code == 1
    said = [line for line in ended.err.splitlines() if not line.startswith("unread")]
    assert len(said) == 1
    assert said[0].startswith(f"internal error: {type(error).__name__}")
    assert "please report it" in said[0]
    assert "\x1b" not in said[0]
    kept = list((tmp_path / "state" / "crashes").iterdir())
    assert len(kept) == 1
    assert str(kept[0]) in said[0]
    assert "Traceback (most recent call last)" in kept[0].read_text()
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600


def test_with_v_the_traceback_is_shown_safely(script, monkeypatch):
    from click.testing import CliRunner  # noqa: PLC0415 - `run` refuses tracebacks

    from seamless_reconcile.cli.main import cli  # noqa: PLC0415

    script.error = RuntimeError("odd\x1b[31m")
    result = CliRunner().invoke(cli, ["plan", "-v"])
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_bug_where_nothing_can_be_kept_is_still_one_line(run, script, monkeypatch):
    monkeypatch.setenv("SEAMLESS_RECONCILE_STATE_DIR", "/proc/nowhere")
    script.error = RuntimeError("odd")
    ended = run("plan", "--json")
    assert ended.code == 1
    assert "-v shows the traceback" in ended.err
    assert ended.json()["error"]["kind"] == "internal"


def test_an_interrupt_outside_of_any_command_is_130(run, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("seamless_reconcile.cli.lazy.importlib.import_module", interrupted)
    ended = run("plan")
    assert ended.code == 130
    assert "Aborted" in ended.err or "interrupted" in ended.err


def test_a_bug_outside_of_any_command_is_one_line_too(run, monkeypatch):
    def broken(*args):
        raise RuntimeError("odd")

    monkeypatch.setattr("seamless_reconcile.cli.lazy.importlib.import_module", broken)
    ended = run("plan")
    assert ended.code == 1
    assert "internal error: RuntimeError: odd" in ended.err


def test_in_sync_says_so_and_does_nothing(run, script):
    script.plan = in_sync()
    ended = run("apply")
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "In sync: 3 services, 2 caches, 3 tunnels as declared."
    assert ended.err == ""


def test_before_the_workflow_is_imported_nothing_is_taken_for_one_of_its_errors(monkeypatch):
    monkeypatch.delitem(sys.modules, "seamless_reconcile.workflow")
    assert known(workflow.Locked("frontend", "process 7")) is None


@pytest.mark.parametrize(
    ("words", "offered"),
    [("seamless-reconcile pl", "plan"), ("seamless-reconcile plan --de", "--detailed-exitcode")],
)
def test_shell_completion(run, monkeypatch, words, offered):
    monkeypatch.setenv("_SEAMLESS_RECONCILE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    ended = run()
    assert ended.code == 0
    assert f"plain,{offered}" in ended.out.split()
