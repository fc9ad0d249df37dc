"""What each command asks of the session, and what it prints."""

from __future__ import annotations

import json

import pytest

from plans.samples import ALL, ENDS, cold_restart, first_start
from seamless_reconcile import workflow
from seamless_reconcile.cli import apply as apply_module
from seamless_reconcile.outcomes import Outcome, Result
from seamless_reconcile.planner import Options
from seamless_reconcile.report.json_ import plan_to_dict

# --- options become settings ---------------------------------------------------------------


def test_options_reach_the_session(run, script):
    run("plan", "-f", "a.yaml", "-f", "b.yaml", "--ssh", "openssh", "--timeout", "2.5", "--parallel", "3")
    assert script.settings.files == ("a.yaml", "b.yaml")
    assert (script.settings.ssh, script.settings.timeout, script.settings.parallel) == ("openssh", 2.5, 3)
    assert "PATH" in script.settings.environ


def test_without_options_the_default_manifest_is_taken(run, script):
    run("plan")
    assert script.settings.files == ("seamless.reconcile.yaml",)
    assert (script.settings.ssh, script.settings.timeout, script.settings.parallel) == ("auto", None, 8)


def test_what_is_narrowed_reaches_the_planner(run, script):
    run("plan", "--target", "service.a", "--target", "cache.b", "--replace", "tunnel.a", "--passive")
    assert script.calls[1] == ("plan", Options(("service.a", "cache.b"), ("tunnel.a",)), True)
    script.calls.clear()
    run("apply", "--yes", "--target", "service.a", "--replace", "service.a")
    assert script.calls[1] == ("apply", Options(("service.a",), ("service.a",)))


# --- plan ----------------------------------------------------------------------------------


def test_plan_prints_the_plan_and_nothing_else_to_stdout(run, script, snapshot):
    script.plan = cold_restart()
    ended = run("plan")
    assert ended.out.startswith("frontend\n")
    assert ended.out.endswith("\nPlan: 1 to start, 1 to restart, 1 cache to clear, 2 tunnels to replace.\n")
    assert ended.err == "unread    frontend: slow\n"


def test_quiet_is_the_summary_alone(run):
    ended = run("plan", "-q")
    assert (ended.out, ended.err) == ("Plan: 2 to start, 2 tunnels to open.\n", "")


def test_verbose_tells_the_cause_of_each_action(run):
    assert run("plan", "-v").out.count("is absent\n") > run("plan").out.count("is absent\n")


@pytest.mark.parametrize("name", ALL)
def test_plan_json_is_the_plan(run, script, name):
    script.plan = ALL[name]()
    ended = run("plan", "--json")
    assert ended.json() == plan_to_dict(ALL[name]())
    assert ended.out.isascii()


def test_out_saves_what_show_shows_and_apply_applies(run, script, tmp_path):
    script.plan = cold_restart()
    shown = run("plan", "--out", "p.json")
    assert "apply p.json" in shown.err
    assert run("show", "p.json").out == shown.out
    assert run("show", "p.json", "--json").json() == plan_to_dict(cold_restart())
    assert run("show", "p.json", "-q").out == shown.out.splitlines()[-1] + "\n"
    ended = run("apply", "p.json", "--yes")
    assert ended.code == 0
    assert script.settings.files == ("/m.yaml",)
    name, saved = script.calls[-2]
    assert (name, saved.plan) == ("apply_saved", cold_restart())


def test_a_plan_that_cannot_be_saved_is_an_error(run):
    ended = run("plan", "--out", "/proc/nowhere/p.json")
    assert ended.code == 1
    assert "error: " in ended.err


@pytest.mark.parametrize("command", [("show",), ("apply", "--yes")])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\x00", b'{"kind": "x"}', b"[" * 100_000])
def test_what_is_no_saved_plan_is_65(run, script, tmp_path, command, content):
    if content is not None:
        (tmp_path / "p.json").write_bytes(content)
    ended = run(*command, "p.json")
    assert ended.code == 65
    assert ended.err.startswith("not a usable plan: p.json: ")
    assert ended.err.count("\n") == 1
    assert script.calls == []


@pytest.mark.parametrize("more", [("-f", "x.yaml"), ("--target", "service.a"), ("--replace", "service.a")])
def test_a_saved_plan_is_not_narrowed_again(run, script, tmp_path, more):
    run("plan", "--out", "p.json")
    ended = run("apply", "p.json", "--yes", *more)
    assert ended.code == 64
    assert "were settled when it was made" in ended.err


def test_a_saved_plan_that_is_stale_is_4_and_says_what_changed(run, script):
    run("plan", "--out", "p.json")
    script.error, script.at = workflow.StalePlan(["launch service.x: no longer called for"]), "apply_saved"
    ended = run("apply", "p.json", "--yes", "--json")
    assert ended.code == 4
    assert ended.json()["error"]["details"] == ["  launch service.x: no longer called for"]


def test_a_saved_plan_with_nothing_to_do_does_nothing(run, script):
    script.plan = ALL["in_sync"]()
    run("plan", "--out", "p.json")
    script.calls.clear()
    assert run("apply", "p.json").out.endswith("as declared.\n")
    assert script.calls == []


# --- apply ---------------------------------------------------------------------------------


def test_apply_shows_the_plan_then_progress_then_the_end(run, script):
    ended = run("apply", "--yes")
    assert ended.code == 0
    assert "Plan: 2 to start, 2 tunnels to open.\nDone:\n" in ended.out
    assert ended.out.endswith("Record: /state/runs/1\nApply complete: 4 actions, in sync.\n")
    assert ended.err == (
        "started   launch service.hashserver on frontend (is absent)\n"
        "done      launch service.hashserver on frontend  0.1 s\n"
    )


def test_apply_quietly_is_two_lines(run):
    ended = run("apply", "--yes", "-q")
    assert ended.out == "Plan: 2 to start, 2 tunnels to open.\nApply complete: 4 actions, in sync.\n"
    assert ended.err == ""


def test_apply_json_is_one_object(run, script):
    ended = run("apply", "--yes", "--json")
    shape = ended.json()
    assert shape["plan"] == plan_to_dict(first_start())
    assert [outcome["result"] for outcome in shape["outcomes"]] == ["done"] * 4
    assert (shape["converged"], shape["record"], shape["exit_code"]) == (True, "/state/runs/1", 0)


def test_a_partial_end_says_why_and_what_to_do(run, script):
    script.end = lambda _: ENDS["partial"]()
    ended = run("apply", "--yes")
    assert ended.code == 1
    assert "Permission denied" in ended.out
    assert "look at who owns them" in ended.out


@pytest.mark.parametrize("flags", [(), ("--no-input",), ("--json",)])
def test_without_anybody_to_ask_it_is_5_with_the_plan_shown(run, script, flags):
    ended = run("apply", *flags, stdin="y\n")  # stdin is no terminal
    assert ended.code == 5
    assert "nobody to ask" in ended.err
    assert "--yes" in ended.err
    where = ended.err if "--json" in flags else ended.out
    assert "Plan: 2 to start, 2 tunnels to open." in where
    if "--json" in flags:
        assert ended.json()["error"]["kind"] == "not_approved"


@pytest.mark.parametrize("answer", ["y\n", "yes\n", " Y \n", "YES\n"])
def test_yes_goes_on(run, script, monkeypatch, answer):
    monkeypatch.setattr(apply_module, "can_ask", lambda: True)
    ended = run("apply", stdin=answer)
    assert ended.code == 0
    assert "Apply these 4 actions? [y/N] " in ended.err


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yess\n", "ja\n", "\x00\n"])
def test_anything_else_stops_with_nothing_changed(run, script, monkeypatch, answer):
    monkeypatch.setattr(apply_module, "can_ask", lambda: True)
    ended = run("apply", stdin=answer)
    assert ended.code == 5
    assert "not approved: nothing was changed" in ended.err
    assert "started" not in ended.err


def test_no_input_never_asks_even_on_a_terminal(run, script, monkeypatch):
    monkeypatch.setattr(apply_module, "can_ask", lambda: True)
    ended = run("apply", "--no-input", stdin="y\n")
    assert ended.code == 5
    assert "[y/N]" not in ended.err


def test_the_question_names_what_is_lost():
    assert apply_module.question(cold_restart()) == (
        "This will delete the contents of 1 cache.\nApply these 11 actions? [y/N] "
    )
    assert apply_module.question(ALL["unreachable"]()) == "Apply this action? [y/N] "


def test_a_saved_plan_asks_too(run, script):
    run("plan", "--out", "p.json")
    script.calls.clear()
    assert run("apply", "p.json").code == 5
    assert script.calls == []


# --- events --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_events_are_appended_to_the_file(run, script, tmp_path, command):
    for _ in range(2):
        assert run(*command, "--events", "e.ndjson").code == 0
    rows = [json.loads(line) for line in (tmp_path / "e.ndjson").read_text().splitlines()]
    kinds = [row["event"] for row in rows]
    half = kinds[: len(kinds) // 2]
    assert half == kinds[len(kinds) // 2 :]
    assert half == (["host_read", "planned"] if command == ("plan",) else ["planned", "started", "ended"])
    assert all(row["time"].endswith("+00:00") for row in rows)


def test_an_events_file_that_fills_the_disk_does_not_end_the_run(run):
    ended = run("apply", "--yes", "--events", "/dev/full")
    assert ended.code == 0
    assert "--events: not all could be written" in ended.err


# --- the others ----------------------------------------------------------------------------


def test_validate_says_ok_and_warns(run):
    ended = run("validate")
    assert (ended.code, ended.out, ended.err) == (0, "ok: 2 services on 1 host\n", "warning: mind this\n")
    assert run("validate", "-q").out == ""
    assert run("validate", "--json").json() == {"format_version": 1, "valid": True, "problems": []}


def test_schema_is_the_manifests_schema(run):
    shape = run("schema").json()
    assert shape["$schema"].startswith("https://json-schema.org/")
    assert "services" in shape["properties"]


def test_libraries_log_only_with_v_and_safely(run, script):
    import logging  # noqa: PLC0415 - beside its only use

    def noisy(reporter, stop):
        logging.getLogger("paramiko.transport").error("odd \x1b[31m banner")

    script.during = noisy
    assert "banner" not in run("apply", "--yes").err
    assert "paramiko.transport: odd \\x1b[31m banner\n" in run("apply", "--yes", "-v").err


def test_the_refused_outcome_is_an_error(run, script):
    script.end = lambda plan: ENDS["nothing_to_do"]().__class__(
        plan, (Outcome(plan.actions[0], Result.REFUSED, "changed"),)
    )
    ended = run("apply", "--yes")
    assert ended.code == 1
    assert "Apply: 1 refused. Not converged: service.hashserver." in ended.out
