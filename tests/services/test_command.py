"""The command line over one real database: exit codes, plan files, approval, output, bad input."""

from __future__ import annotations

import json

import pytest

from lab.user import COMMAND, MANIFEST
from lab.web import count_connections
from seamless_reconcile.plan import Verb, Verdict

pytestmark = pytest.mark.services

ESCAPE = "\x1b"


@pytest.fixture(scope="module", autouse=True)
def _cluster(user):
    user.clusters({"local_cluster": "here", "here": user.local()})


def declare(user, state="running", **more):
    user.manifest({"database": {"state": state, **more}}, cluster="here", project="demo")


@pytest.fixture
def down(user):
    """No database yet; the manifest asks for one."""
    user.start_afresh()
    declare(user)


@pytest.fixture
def up(user):
    """A running database, as the manifest asks; gives its key."""
    declare(user)
    return user.converge().seen.key("database")


# --- what programs read --------------------------------------------------------------------


def test_a_plan_as_json_has_the_shape_of_the_contract(user, down):
    done = user.sr("plan", "--json", "--detailed-exitcode", code=2)
    plan = json.loads(done.stdout)
    assert done.stdout.isascii()
    assert plan["format_version"] == 1
    assert plan["in_sync"] is False
    assert {"resources", "actions", "blocked", "warnings"} <= set(plan)
    addresses = {resource["address"] for resource in plan["resources"]}
    assert addresses == {"service.database", "cache.database", "tunnel.database"}
    for resource in plan["resources"]:
        assert resource["address"] == f"{resource['kind']}.{resource['name']}"
        assert resource["verdict"] in {verdict.value for verdict in Verdict}
        assert "state" in resource["desired"]
        assert "state" in resource["observed"]
        assert set(resource["requires"]) <= addresses
        assert (resource["verdict"] == "drift") == bool(resource["changes"])
    for place, action in enumerate(plan["actions"], start=1):
        assert action["id"] == place
        assert action["verb"] in {verb.value for verb in Verb}
        assert action["resource"] in addresses
        assert all(needed < place for needed in action["requires"])
        assert {"host", "cause", "destructive"} <= set(action)


def test_events_tell_the_whole_run_as_it_happens(user, down):
    user.sr("apply", "--yes", "--events", "run.ndjson")
    events = [json.loads(line) for line in (user.folder / "run.ndjson").read_text().splitlines()]
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "reading"
    assert "planned" in kinds
    started = [event["action"]["id"] for event in events if event["event"] == "started"]
    ended = [event["outcome"]["action"] for event in events if event["event"] == "ended"]
    assert started == ended == [1, 2]
    # The record holds the same.
    record = user.records()[-1]
    kept = [json.loads(line)["event"] for line in (record / "events.ndjson").read_text().splitlines()]
    assert kept.count("started") == kept.count("ended") == 2
    assert json.loads((record / "applied.json").read_text())["converged"] is True


def test_quiet_is_one_line_and_an_applied_plan_says_its_record(user, down):
    assert user.sr("plan", "-q").stdout == "Plan: 1 to start, 1 tunnel to open.\n"
    done = user.sr("apply", "--yes")
    assert done.stdout.splitlines()[-1] == "Apply complete: 2 actions, in sync."
    assert str(user.records()[-1]) in done.stdout.replace("\n", "").replace(" ", "")
    assert "launch service.database" in done.stderr


# --- plan files ----------------------------------------------------------------------------


def test_a_saved_plan_is_shown_and_applied(user, down):
    planned = user.plan("--out", "plan.json")
    assert json.loads(user.sr("show", "--json", "plan.json").stdout) == planned.raw
    assert user.sr("show", "plan.json").stdout == user.sr("plan").stdout
    applied = json.loads(user.sr("apply", "--yes", "--json", "plan.json").stdout)
    assert applied["plan"]["actions"] == planned.raw["actions"]
    assert applied["converged"] is True
    assert user.plan("--detailed-exitcode").in_sync


def test_a_saved_plan_is_refused_once_it_was_carried_out(user, down):
    user.sr("plan", "--out", "plan.json")
    user.sr("apply", "--yes", "plan.json")
    before = user.site.footprint(user.plan().key("database"))
    done = user.sr("apply", "--yes", "--json", "plan.json", code=4)
    assert json.loads(done.stdout)["error"]["kind"] == "stale_plan"
    assert "launch service.database: no longer called for" in done.stderr
    assert user.site.footprint(user.plan().key("database")) == before


def test_a_saved_plan_is_refused_when_another_process_runs_the_service(user, up):
    user.sr("plan", "--replace", "service.database", "--out", "plan.json")
    user.apply("--replace", "service.database")
    before = user.site.footprint(up)
    done = user.sr("apply", "--yes", "plan.json", code=4)
    assert "stop service.database" in done.stderr
    assert user.site.footprint(up) == before


@pytest.mark.parametrize("change", ["manifest", "cluster"])
def test_a_saved_plan_is_refused_when_what_was_declared_has_changed(user, up, change):
    user.sr("plan", "--replace", "service.database", "--out", "plan.json")
    clusters = user.home / ".seamless" / "clusters.yaml"
    saved = clusters.read_text()
    if change == "manifest":
        declare(user, idle_timeout="1h")
    else:
        clusters.write_text(saved.replace("/data/database", "/data/elsewhere"))
    try:
        assert "have changed" in user.sr("apply", "--yes", "plan.json", code=4).stderr
    finally:
        clusters.write_text(saved)
    assert user.site.alive(up)


def test_a_tampered_plan_does_nothing_that_was_not_due(user, up):
    user.sr("plan", "--replace", "service.database", "--out", "plan.json")
    good = json.loads((user.folder / "plan.json").read_text())
    before = user.site.footprint(up)

    def tampered(change, code):
        bad = json.loads(json.dumps(good))
        change(bad)
        (user.folder / "bad.json").write_text(json.dumps(bad))
        user.sr("apply", "--yes", "bad.json", code=code)
        assert user.site.footprint(up) == before

    def action(plan, verb):
        return next(action for action in plan["plan"]["actions"] if action["verb"] == verb)

    tampered(lambda bad: action(bad, "stop")["expects"].update(pid=1), 4)
    tampered(lambda bad: bad.update(replace=[]), 4)
    tampered(lambda bad: bad.update(digest="0" * 64), 4)
    tampered(lambda bad: action(bad, "launch").update(verb="clear", destructive=True), 65)
    tampered(lambda bad: action(bad, "launch").update(host="elsewhere"), 65)
    (user.folder / "bad.json").write_bytes(b"\x80{")
    user.sr("show", "bad.json", code=65)


def test_a_plan_file_and_a_narrowed_plan_exclude_each_other(user, down):
    user.sr("plan", "--out", "plan.json")
    done = user.sr("apply", "--yes", "plan.json", "--target", "service.database", code=64)
    assert "--target" in done.stderr


# --- approval ------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--no-input",)])
def test_without_anybody_to_ask_the_plan_is_shown_and_nothing_done(user, down, words):
    done = user.sr("apply", *words, code=5)
    assert "Plan: 1 to start, 1 tunnel to open." in done.stdout
    assert "--yes" in done.stderr
    assert user.plan().states["service.database"] == "absent"
    # What is in sync needs no approval.
    declare(user, "absent")
    user.sr("apply", *words)


def test_a_person_is_asked_and_may_refuse_or_interrupt(user, down):
    refused = user.terminal("apply", answer="n")
    assert refused.returncode == 5, refused.stdout
    assert "Apply these 2 actions? [y/N]" in refused.stdout
    assert "nothing was changed" in refused.stdout
    assert user.terminal("apply", answer="^C").returncode == 130
    assert user.plan().states["service.database"] == "absent"


def test_a_person_is_asked_and_may_agree_and_losses_are_named(user, up):
    declare(user, "absent")
    user.converge()
    folder = user.home / "data" / "database" / "demo"
    declare(user, cache="cold")
    assert user.plan().verdicts["cache.database"] == "drift"
    done = user.terminal("apply", answer="y")
    assert done.returncode == 0, done.stdout
    assert "This will delete the contents of 1 cache." in done.stdout
    assert "Apply complete" in done.stdout
    assert (folder / "seamless.db").exists()


def test_what_changed_while_a_person_was_thinking_makes_the_plan_stale(user, up):
    thinks = {"LAB_MEANWHILE": f"kill -9 {user.site.pid(up)}; sleep 1.1"}
    done = user.terminal("apply", "--replace", "service.database", answer="y", env=thinks)
    assert done.returncode == 4, done.stdout
    assert "stop service.database: no longer called for" in done.stdout
    assert user.plan().states["service.database"] == "stale"


# --- what it looks like --------------------------------------------------------------------


def test_a_pipe_gets_no_escapes_and_no_long_lines(user, down):
    planned, applied = user.sr("plan", "-v"), user.sr("apply", "--yes", "-v")
    for text in (planned.stdout, planned.stderr, applied.stdout, applied.stderr):
        assert ESCAPE not in text
        assert "\r" not in text
    assert max(map(len, planned.stdout.splitlines())) <= 80


def test_a_terminal_gets_colours_progress_and_its_own_width(user, down):
    wide, narrow = (user.terminal("plan", columns=width, env={"NO_COLOR": "1"}).stdout for width in (100, 50))
    assert f"{ESCAPE}[32m" not in wide
    assert "  +   └ service.database  start: is absent" in wide.replace("\r", "")
    assert all(len(line) <= 50 for line in narrow.replace("\r", "").splitlines() if ESCAPE not in line)
    shown = user.terminal("apply", "--yes", columns=100).stdout
    assert f"{ESCAPE}[32m+" in shown
    # What runs is shown while it runs, and wiped away again.
    assert "launch service.database on local: waits for it to start" in shown
    assert f"{ESCAPE}[2K" in shown


def test_colours_can_be_forced_and_forbidden(user, down):
    assert ESCAPE in user.sr("plan", "--color", "always").stdout
    shown = user.terminal("plan", "-q", "--color", "never").stdout
    assert shown.replace("\r", "") == "Plan: 1 to start, 1 tunnel to open.\n"


def test_a_reader_that_goes_away_is_no_error(user, down):
    done = user.run("sh", "-c", f"{COMMAND} plan -v | true; echo $?")
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


# --- usage and manifests -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plam",), "plan"),
        (("plan", "--target", "service.databas"), "did you mean service.database?"),
        (("plan", "--replace", "database"), "did you mean service.database?"),
        (("plan", "--ssh", "telnet"), "paramiko"),
        (("plan", "--timeout", "nan"), "timeout"),
        (("apply", "--parallel", "0"), "parallel"),
    ],
)
def test_misuse_is_64_and_said(user, up, words, said):
    assert said in user.sr(*words, code=64).stderr


HOSTILE = "x$(touch pwned){__import__('os').system('touch pwned')}"

BAD = {
    "no YAML": ("services: [", "not find"),
    "unknown state": ("services:\n  database: runing", "did you mean `running`?"),
    "unknown field": ("services:\n  database: {stat: running}", "did you mean `state`?"),
    "unknown cluster": ("defaults: {cluster: cuonted}\nservices: {database: running}", "counted"),
    "duplicate key": ("services:\n  database: running\n  database: stopped", ":4:3:"),
    "hostile": (f'defaults: {{project: "{HOSTILE}"}}\nservices: {{database: running}}', "project"),
    "unset": ("defaults: {project: '${NOT_SET}'}\nservices: {database: running}", "NOT_SET"),
    "a bomb": ("a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]", "a"),
}


@pytest.fixture(scope="module")
def counted(user):
    """A cluster whose host is nothing but a port that counts connections."""
    with count_connections() as port:
        user.lab.add_place("counted", port.number)
        cluster = user.local()
        cluster["tunnel"] = True
        cluster["frontends"][0].update(hostname="127.0.0.1", ssh_hostname="counted")
        user.clusters({"local_cluster": "here", "here": user.local(), "counted": cluster})
        user.project("demo", "counted")
        yield port


@pytest.mark.parametrize(("command", "name"), [*(("plan", name) for name in BAD), ("apply", "hostile")])
def test_a_bad_manifest_is_65_with_its_place_and_nothing_is_contacted(user, counted, command, name):
    text, said = BAD[name]
    user.write(f"version: 1\n{text}\n")
    done = user.sr(command, *(["--yes"] if command == "apply" else []), code=65)
    assert said in done.stderr, done.stderr
    assert f"{MANIFEST}:" in done.stderr
    assert done.stdout == ""
    assert counted.connections == 0
    assert not (user.folder / "pwned").exists()


def test_a_hostile_project_in_the_folder_runs_no_code(user, counted):
    user.write("version: 1\nservices: {database: running}\n")
    user.write(json.dumps([{"project": HOSTILE}]), "seamless.yaml")
    done = user.sr("plan", code=65)
    assert "project" in done.stderr
    user.project("demo", "counted")
    assert not (user.folder / "pwned").exists()
    assert counted.connections == 0


def test_all_problems_are_told_at_once(user, counted):
    user.write("version: 1\nservices:\n  database: runing\n  hashserver: {sate: stopped}\n  jobserver: 7\n")
    report = json.loads(user.sr("validate", "--json", code=65).stdout)
    assert report["valid"] is False
    assert [problem["line"] for problem in report["problems"]] == [3, 4, 5]


def test_what_needs_no_host_contacts_none(user, counted):
    user.write("version: 1\nservices: {database: running, hashserver: running, jobserver: running}\n")
    assert user.sr("validate").stdout == "ok: 3 services on 1 host\n"
    for form in ("text", "dot", "mermaid"):
        assert "jobserver" in user.sr("graph", "--format", form).stdout
    assert json.loads(user.sr("schema").stdout)["title"]
    assert counted.connections == 0
    # And where a host is needed, it is asked: the port does count.
    seen = user.plan(code=3)
    assert set(seen.verdicts.values()) == {"unknown"}
    assert counted.connections > 0
