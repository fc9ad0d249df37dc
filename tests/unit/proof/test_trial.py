"""The course of a trial: what is held, run, judged, put back and certified, however it ends."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from threading import Event

import pytest

from seamless_reconcile.agreement import NotApproved
from seamless_reconcile.declared import ManifestError, ServiceState, TunnelState
from seamless_reconcile.kinds import tunnel
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.kinds.tunnel import TunnelObserved
from seamless_reconcile.locks import Locked
from seamless_reconcile.proof import trial as module
from seamless_reconcile.proof.judge import Finding
from seamless_reconcile.proof.trial import Trial, as_before
from unit.proof.looks import BUFFERED, FRESH, desired_of, look, specs, used
from unit.proof.scripted import LOST, Script, ScriptedSession, ended

PASS = (sys.executable, "-c", "pass")
RESTORED = [{"hashserver": "running", "database": "running"}, "restore", "let go"]


@pytest.fixture
def trial():
    def make(script, words=PASS, **more):
        return Trial(ScriptedSession(script), words, **more)

    return make


def course(trial, code=0):
    with trial:
        if trial.begin():
            trial.end(code)
    return trial


def test_a_genuine_run(trial):
    script = Script()
    done = course(trial(script), 3)
    assert script.calls == ["held", "look", "apply", "look", "look", "let go"]
    assert (done.finding, done.holds, done.exit_code, done.restored) == (Finding.GENUINE, True, 3, None)


def test_runs_the_command_itself(trial):
    made = trial(Script(), (sys.executable, "-c", "raise SystemExit(4)"))
    with made:
        assert made.begin()
        made.run()
    assert made.exit_code == 4
    assert made.holds


def test_nothing_is_contacted_where_nothing_can_be_proven(trial):
    script = Script(desired=desired_of(specs(hashserver="keep", database="keep")))
    with pytest.raises(ManifestError, match=r"/ci/m\.yaml: no cache is declared cold"):
        trial(script)
    assert script.calls == []


def test_locked(trial):
    script = Script(locked=True)
    with pytest.raises(Locked), trial(script, restore=True):
        pytest.fail("not held")
    assert script.calls == []


def test_warm_does_not_begin(trial):
    script = Script(cold=look(desired_of(specs()), caches={"hashserver": BUFFERED}))
    done = course(trial(script))
    assert (done.finding, done.exit_code, done.holds) == (Finding.WARM, None, False)
    assert script.calls == ["held", "look", "apply", "look", "let go"]


def test_what_does_not_converge_does_not_begin(trial):
    script = Script(applied=ended(converged=False))
    done = course(trial(script))
    assert (done.finding, done.proof, done.exit_code) == (Finding.UNKNOWN, None, None)
    assert done.reasons() == (
        "the services could not be made as declared",
        "cache.database: it would not go",
        "service.database: it is protected",
    )


def test_what_arrives_late_counts(trial, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    desired = desired_of(specs())
    late = used(desired, caches={"database": FRESH})
    script = Script(end=[late, late, used(desired)])
    assert course(trial(script)).holds
    assert script.calls.count("look") == 5


def test_what_never_arrives_is_not_waited_for_for_ever(trial, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.02)
    script = Script(end=used(desired_of(specs()), caches={"database": FRESH}))
    assert course(trial(script)).finding is Finding.UNTOUCHED


def test_where_nothing_arrived_nothing_is_waited_for(trial):
    script = Script(end=look(desired_of(specs())))
    assert course(trial(script)).finding is Finding.UNTOUCHED
    assert script.calls.count("look") == 3


def test_a_command_that_cannot_be_started(trial):
    made = trial(Script(), ("/nonesuch",), restore=True)
    with made:
        assert made.begin()
        made.run()
    assert (made.exit_code, made.finding, made.holds) == (127, Finding.UNKNOWN, False)
    assert made.reasons() == ("the command could not be started: /nonesuch: No such file or directory",)
    assert made.restored is not None


# --- putting back --------------------------------------------------------------------------


def test_puts_back_after_the_judgement(trial):
    script = Script()
    done = course(trial(script, restore=True))
    assert script.calls == ["held", "look", "apply", "look", "look", *RESTORED]
    assert done.restored.converged
    assert done.problem == ""


def test_puts_back_what_an_apply_that_failed_has_changed(trial):
    script = Script(applied=ended(converged=False))
    course(trial(script, restore=True))
    assert script.calls == ["held", "look", "apply", *RESTORED]


def test_puts_back_what_an_interrupted_apply_has_changed(trial):
    script = Script(applied=ended(interrupted=True))
    done = course(trial(script, restore=True))
    assert script.calls == ["held", "look", "apply", *RESTORED]
    assert done.reasons() == ("interrupted",)


@pytest.mark.parametrize("at", ["apply", "cold", "end"])
def test_puts_back_where_it_breaks_off(trial, at):
    script = Script(**{"applied" if at == "apply" else at: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        course(trial(script, restore=True))
    assert script.calls[-3:] == RESTORED


def test_puts_back_where_the_command_breaks_off(trial):
    def broken():
        with trial(script, restore=True) as made:
            made.begin()
            raise RuntimeError

    script = Script()
    with pytest.raises(RuntimeError):
        broken()
    assert script.calls[-3:] == RESTORED


def test_puts_nothing_back_where_nothing_was_asked_for(trial):
    script = Script(end=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        course(trial(script))
    assert script.calls[-1] == "let go"
    assert "restore" not in script.calls


@pytest.mark.parametrize(
    "start", [None, KeyboardInterrupt()], ids=["nothing to do", "broken off at the first look"]
)
def test_puts_nothing_back_where_nothing_was_changed(trial, start):
    script = Script(applied=ended(acted=False), start=start)
    if start is None:
        assert course(trial(script, restore=True)).holds
    else:
        with pytest.raises(KeyboardInterrupt):
            course(trial(script, restore=True))
    assert "restore" not in script.calls


def test_puts_nothing_back_where_nothing_was_approved(trial):
    script = Script()
    with pytest.raises(NotApproved), trial(script, restore=True) as made:
        made.begin(approve=lambda plan: False)
    assert "restore" not in script.calls


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (ended(converged=False), "cache.database: it would not go; service.database: it is protected"),
        (Locked("frontend", "process 7"), "frontend: another apply is at work there (process 7)"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
    ],
    ids=["not converged", "locked", "disk full"],
)
def test_tells_what_could_not_be_put_back(trial, how, why):
    done = course(trial(Script(restored=how), restore=True))
    assert done.problem == f"the services could not be put back: {why}"
    assert done.holds
    assert done.certificate()["restored"] in (None, False)


def test_guards_the_putting_back(trial):
    entered = []

    class Guard:
        def __init__(self, stop):
            entered.append(stop)

        def __enter__(self):
            entered.append("in")

        def __exit__(self, *error):
            entered.append("out")

    script = Script(during=entered.append)
    course(trial(script, restore=True, guard=Guard))
    assert isinstance(entered[1], Event)
    assert entered == [None, entered[1], "in", entered[1], "out"]


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        (State.ABSENT, ServiceState.ABSENT),
        (State.STALE, ServiceState.STOPPED),
        (State.FAILED, ServiceState.STOPPED),
        (State.MALFORMED, ServiceState.STOPPED),
        (State.RUNNING, ServiceState.RUNNING),
        (State.STARTING, ServiceState.RUNNING),
        (State.UNHEALTHY, ServiceState.RUNNING),
        (State.MISWIRED, ServiceState.RUNNING),
        (State.UNKNOWN, ServiceState.RUNNING),  # as declared
    ],
    ids=lambda value: value.value,
)
def test_as_before(seen, wanted):
    desired = desired_of(specs())
    first = look(desired, services={"database": ServiceObserved(seen, Life.DEAD)})
    back = as_before(desired, first).services["database"]
    assert back.state is wanted
    assert back.cache.state.value == "keep"
    assert back.tunnel is (TunnelState.OPEN if wanted is ServiceState.RUNNING else TunnelState.CLOSED)


def test_as_before_leaves_a_connection_closed_that_was():
    desired = desired_of(specs())
    first = look(desired)
    first = replace(first, tunnels={**first.tunnels, "database": TunnelObserved(tunnel.State.CLOSED)})
    back = as_before(desired, first).services
    assert (back["hashserver"].tunnel, back["database"].tunnel) == (TunnelState.OPEN, TunnelState.CLOSED)


# --- the certificate -----------------------------------------------------------------------


def test_certificate(trial):
    made = trial(Script(), ("pytest", "-q"))
    pending = made.certificate()
    assert (pending["finding"], pending["holds"]) == ("could not be told", False)
    assert pending["reasons"] == ["the run has not ended"]
    value = course(made, 3).certificate()
    assert json.loads(json.dumps(value)) == value
    assert (value["finding"], value["holds"], value["reasons"]) == ("genuine", True, [])
    assert (value["format_version"], value["command"], value["exit_code"]) == (1, ["pytest", "-q"], 3)
    assert value["manifest"] == {"files": ["/ci/m.yaml"], "digest": "d1g35t"}
    assert value["cleared"] == [{"resource": "cache.database", "host": "frontend", **LOST}]
    assert value["record"] == "/state/runs/1"
    assert value["began"] <= value["ended"]
    assert value["who"]["user"]
    (buffers, results) = value["caches"]
    assert (buffers["before"]["state"], buffers["after"]["state"]) == ("empty", "populated")
    assert (results["before"]["modified"], results["after"]["modified"]) == (
        "2026-01-01T10:00:00",
        "2026-01-01T10:00:09",
    )
    assert [service["before"]["pid"] for service in value["services"]] == [100, 101]
    assert value.keys() == pending.keys()


def test_certificate_in_the_midst_of_a_run(trial):
    made = trial(Script())
    with made:
        made.begin()
        value = made.certificate()
    assert (value["finding"], value["holds"]) == ("could not be told", False)
    assert value["reasons"] == ["the run has not ended"]
    assert [(c["before"]["state"], c["cold"], c["written"]) for c in value["caches"]] == [
        ("empty", True, False),
        ("pristine", True, False),
    ]


def test_certificate_of_nobody(trial, monkeypatch):
    def nobody():
        raise KeyError("uid not found: 12345")

    monkeypatch.setattr(module.getpass, "getuser", nobody)
    assert trial(Script()).certificate()["who"]["user"].isdigit()


def test_only_a_trial_that_began_can_end(trial):
    with pytest.raises(ValueError, match="not begun"):
        trial(Script()).end(0)
