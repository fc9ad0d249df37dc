"""State evidence decides what is so; a log only says why, and how sure that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rhl_helpers.client import ConnectionFile
from rhl_helpers.rows import MalformedRow
from rhl_helpers.transport.base import LOCAL, Answer
from rhl_helpers.transport.output import PATH_PREFIX
from seamless_reconcile.declared import ServiceState
from seamless_reconcile.diagnose.evidence import Conda
from seamless_reconcile.diagnose.knowledge import Health, Sure
from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.logs import read_log
from seamless_reconcile.diagnose.signs import SIGNS, signs_of
from seamless_reconcile.diagnose.verdict import diagnose
from seamless_reconcile.facts import Evidence, Ghost, ServiceFacts, TunnelFacts
from seamless_reconcile.kinds import service, tunnel
from seamless_reconcile.kinds.tunnel import State as Way
from seamless_reconcile.observed import Absent, Present, Unknown
from unit.core.values import host, row, spec
from unit.diagnose.made import CONDA, HERE, case, ids, told

IMPORT = (HERE / "logs" / "D201.hashserver.starting.log").read_bytes()
TAKEN = b"ERROR: 127.0.0.1 port 45671 already in use\n"
ACCESS = b'2026-03-02 09:15:22,874 INFO:     127.0.0.1:1 - "GET /healthcheck HTTP/1.1" 200 OK\n'


def judged(facts, *rows, wished=None, way=None, listing=None, **more):
    """Diagnose what the rules conclude from these facts."""
    wished = wished or spec()
    listing = listing or host(*rows)
    seen = service.classify(wished, facts, listing)
    shown = rows[0] if rows else None
    found = way or tunnel.classify(wished, TunnelFacts(None), shown, service_known=True)
    made = case(log=more.pop("log", None))
    made = replace(made, spec=wished, host=listing, seen=seen, tunnel=found, on_host=None)
    return diagnose(replace(made, **more), knowledge())


def dead_host(kind, reason="why"):
    return host(problem=Unknown(f"{kind}: {reason}", kind, "do this"))


# --- symptoms ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "id_"),
    [
        ("unreachable", "D101"),
        ("authentication failed", "D102"),
        ("host key", "D103"),
        ("timeout", "D104"),
        ("not installed", "D105"),
        ("guard refused", "D106"),
        ("failed", "D107"),
        ("protocol", "D107"),
    ],
)
def test_a_host_that_cannot_be_asked(kind, id_):
    problem = Unknown(f"{kind}: why", kind)
    found = judged(ServiceFacts(problem), listing=dead_host(kind), log=read_log(IMPORT))
    assert (found.symptom.id, found.health) == (id_, Health.UNTOLD)
    # A log that was read some other time says nothing of now.
    assert found.causes == ()


def test_a_service_whose_own_reading_failed():
    found = judged(ServiceFacts(Unknown("failed: x", "failed")), listing=host())
    assert (found.symptom.id, found.health) == ("D108", Health.UNTOLD)


def malformed():
    bad = MalformedRow("hashserver-c-rw-p", "pid: not a number")
    return judged(ServiceFacts(bad, has_log=False, leads=0), listing=host(malformed={bad.key: bad}))


def ghost():
    return judged(ServiceFacts(Absent(), ghost=Ghost(50_000, 77, "its log")))


def rival():
    mine, theirs = row(), row("database-c-rw-p", pid=4001)
    return judged(ServiceFacts(Present(mine), Answer.OK), mine, theirs)


def failed_alive():
    mine = row(status="failed", live=True)
    return judged(ServiceFacts(Present(mine)), mine)


def marked():
    mine = row(json_status="stale")
    return judged(ServiceFacts(Present(mine), Answer.OK), mine, on_host=Answer.OK)


def answering(answer):
    mine = row()
    return judged(ServiceFacts(Present(mine), answer), mine, on_host=answer)


def gone(**more):
    mine = row(live=False, **more)
    return judged(ServiceFacts(Present(mine)), mine)


def taken_pid():
    mine = row()
    return judged(ServiceFacts(Present(mine), evidence=Evidence.STRANGER), mine)


def without_file():
    mine = row()
    found = judged(ServiceFacts(Present(mine), Answer.OK), mine, on_host=Answer.OK)
    return diagnose(replace(found.case, seen=service.as_fileless(found.case.seen)), knowledge())


def miswired():
    mine = row()
    found = judged(ServiceFacts(Present(mine), Answer.OK), mine, on_host=Answer.OK)
    return diagnose(replace(found.case, seen=service.as_miswired(found.case.seen, "x")), knowledge())


def routed(state, *, tunnelled=True, through=None, **more):
    mine = row()
    way = tunnel.TunnelObserved(state, "why", **more)
    return judged(
        ServiceFacts(Present(mine), Answer.OK), mine,
        wished=spec(tunnelled=tunnelled), way=way, on_host=Answer.OK, through=through,
    )  # fmt: skip


def stopped():
    mine = row(live=False)
    return judged(ServiceFacts(Present(mine)), mine, wished=spec(state=ServiceState.STOPPED))


SYMPTOMS = {
    "D110": (ghost, Health.WRONG),
    "D111": (malformed, Health.WRONG),
    "D112": (rival, Health.WRONG),
    "D113": (without_file, Health.WRONG),
    "D114": (failed_alive, Health.WRONG),
    "D115": (lambda: told("failed"), Health.WRONG),
    "D116": (lambda: told("starting", text=None), Health.WRONG),
    "D117": (lambda: told("starting", text=b"x\n"), Health.WRONG),
    "D118": (lambda: told("running", text=b"x\n"), Health.WRONG),
    "D119": (stopped, Health.WELL),
    "D120": (lambda: gone(json_status="stale"), Health.WRONG),
    "D121": (lambda: gone(dry_run=True), Health.WRONG),
    "D122": (lambda: told("stuck", text=b"x\n"), Health.WRONG),
    "D123": (marked, Health.WRONG),
    "D124": (lambda: answering(Answer.CLOSED), Health.WRONG),
    "D125": (lambda: answering(Answer.SILENT), Health.WRONG),
    "D126": (lambda: answering(Answer.NOT_OK), Health.WRONG),
    "D128": (miswired, Health.WRONG),
    "D130": (lambda: told("absent", text=b"x\n"), Health.WRONG),
    "D131": (lambda: told("absent", text=None), Health.WRONG),
    "D140": (lambda: routed(Way.BROKEN, through=Answer.CLOSED), Health.WRONG),
    "D141": (lambda: routed(Way.BROKEN, tunnelled=False), Health.WRONG),
    "D142": (lambda: routed(Way.MISROUTED), Health.WRONG),
    "D143": (lambda: routed(Way.ORPHAN), Health.WRONG),
    "D144": (lambda: routed(Way.UNKNOWN), Health.UNTOLD),
    "D191": (lambda: answering(Answer.OK), Health.WELL),
}


@pytest.mark.parametrize("id_", SYMPTOMS)
def test_a_symptom(id_):
    make, health = SYMPTOMS[id_]
    found = make()
    assert (found.symptom.id, found.health) == (id_, health)
    assert found.signs <= set(SIGNS)
    assert bool(found.fix) == (health is Health.WRONG)


def test_a_late_one_without_an_answer_is_unhealthy():
    mine = row()
    found = judged(ServiceFacts(Present(mine), Answer.SILENT), mine)
    assert found.symptom.id == "D127"


def test_a_start_is_waited_for():
    mine = row(json_status="starting", port=None)
    found = judged(ServiceFacts(Present(mine), age=1.0), mine)
    assert (found.symptom.id, found.health) == ("D129", Health.WELL)


@pytest.mark.parametrize("starting", [True, False])
def test_what_fails_on_requests_is_not_called_well(starting):
    text = (HERE / "logs" / "D204.hashserver.alive.log").read_bytes()
    mine = row(json_status="starting", port=None) if starting else row()
    answer = None if starting else Answer.OK
    found = judged(ServiceFacts(Present(mine), answer, age=1.0), mine, log=read_log(text), on_host=answer)
    assert (found.symptom.id, found.health) == ("D193" if starting else "D192", Health.WRONG)
    assert "log.fails" in found.signs


def test_what_was_not_asked_is_said():
    found = diagnose(replace(case(), on_host=None, passive=True), knowledge())
    assert (found.symptom.id, found.health) == ("D190", Health.WELL)


def test_a_pid_that_was_given_away_is_said():
    found = taken_pid()
    assert (found.symptom.id, ids(found)) == ("D118", ["D305"])


def test_every_symptom_is_tried():
    tried = {*SYMPTOMS, *(f"D10{n}" for n in range(1, 9)), "D127", "D129", "D190", "D192", "D193"}
    assert {one.id for one in knowledge().symptoms} == tried


def test_whatever_is_seen_has_a_symptom():
    for state in service.State:
        made = case()
        for way in Way:
            seen = replace(made.seen, state=state)
            found = diagnose(
                replace(made, seen=seen, tunnel=tunnel.TunnelObserved(way), on_host=None), knowledge()
            )
            assert found.symptom


# --- how sure ------------------------------------------------------------------------------


def test_a_log_that_ends_with_it_makes_it_certain():
    found = told("starting", text=IMPORT)
    assert (ids(found), found.sure) == (["D201"], Sure.CERTAIN)
    assert found.fix == "the Python environment on frontend"


def test_what_came_long_before_the_end_is_only_possible():
    found = told("running", text=IMPORT + b"fine\n" * 50 + b"Killed\n")
    assert ids(found)[0] == "D242"
    assert [one.sure for one in found.causes] == [Sure.CERTAIN, Sure.LIKELY]


def test_the_last_traceback_wins():
    other = IMPORT.replace(
        b"ImportError: cannot import name 'JSONResponse'", b"ModuleNotFoundError: No module named 'x'"
    )
    found = told("starting", text=other + IMPORT)
    assert ids(found) == ["D201", "D202"]
    assert [one.sure for one in found.causes] == [Sure.CERTAIN, Sure.POSSIBLE]
    assert ids(told("starting", text=IMPORT + other)) == ["D202", "D201"]


def test_of_a_living_service_a_log_only_guesses():
    found = told("alive", text=(HERE / "logs" / "D204.hashserver.alive.log").read_bytes())
    assert (ids(found)[0], found.sure) == ("D204", Sure.LIKELY)
    later = told("alive", text=found.case.log.lines and b"\n".join(
        line.encode() for line in found.case.log.lines) + b"\n" + b"".join(
        ACCESS.replace(b"874", b"%03d" % n) for n in range(300)))  # fmt: skip
    assert later.sure is Sure.POSSIBLE


def test_what_does_not_matter_to_a_living_service_is_not_told():
    assert told("alive", text=TAKEN).health is Health.WELL
    assert ids(told("failed", text=TAKEN)) == ["D210"]


def test_state_evidence_goes_before_a_log():
    # Miswired is known; that its log tells of a hashserver it does not reach is only what follows.
    made = miswired()
    log = read_log((HERE / "logs" / "D271.jobserver.alive.log").read_bytes())
    found = diagnose(replace(made.case, spec=spec(type="jobserver"), log=log), knowledge())
    assert found.symptom.id == "D128"
    assert found.fix == "restart it, after hashserver and database"


def test_an_error_nobody_knows_names_whose_it_is():
    text = (HERE / "logs" / "D299.jobserver.failed.log").read_bytes()
    found = told("failed", "jobserver", text)
    assert found.causes[0].package == "seamless-transformer"
    assert found.fix == "the repo of seamless-transformer, if it is not the configuration"


def test_a_known_cause_makes_an_unknown_one_needless():
    text = TAKEN + b'Traceback (most recent call last):\n  File "a.py", line 1, in f\nException\n'
    assert ids(told("failed", "database", text)) == ["D210"]


@pytest.mark.parametrize("kind", ["hashserver", "database"])
def test_whose_it_is_is_asked_for(kind):
    # A locked database is no cause of a hashserver's failure.
    text = (HERE / "logs" / "D230.database.alive.log").read_bytes()
    assert ("D230" in ids(told("alive", kind, text))) == (kind == "database")


# --- conda ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conda", "state", "id_"),
    [
        (replace(CONDA, declared="typo"), "starting", "D301"),
        (Conda("seamless", cached=False), "starting", "D302"),
        (replace(CONDA, declared="other"), "running", "D303"),
    ],
)
def test_conda_as_a_cause(conda, state, id_):
    found = told(state, text=b"x\n", conda=conda, prefix="/c/envs/seamless")
    assert id_ in ids(found)


@pytest.mark.parametrize(
    "conda",
    [
        CONDA,
        replace(CONDA, declared="base"),
        replace(CONDA, declared="/c/envs/seamless"),
        replace(CONDA, declared=None),
        Conda("seamless", cached=None, problem="guard refused"),
    ],
)
def test_conda_that_is_as_it_should_be(conda):
    launched = "/c" if conda.declared == "base" else "/c/envs/seamless"
    made = case("starting", log=read_log(b"x\n"), conda=conda, prefix=launched)
    assert not any(sign.startswith("conda.") for sign in signs_of(made))


def test_a_link_to_another_environment_proves_nothing():
    made = case("starting", conda=CONDA, prefix="/opt/python/3.11")
    assert "conda.other_env" not in signs_of(made)


# --- what to do ----------------------------------------------------------------------------


# The guide's contract: whoever calls helpers on a host prepends the conda bases to PATH.
THERE = "ssh frontend 'PATH=$HOME/miniforge3/bin:$HOME/miniconda3/bin:$PATH'"


def commands(found):
    return [step.command for step in found.next]


def test_commands_go_to_the_host_and_its_environment():
    found = told("starting", text=IMPORT, conda=CONDA)
    assert commands(found) == [
        f"{THERE} rhl-logs hashserver-c-rw-p --tail 100",
        f"{THERE} conda run -n seamless pip show hashserver",
        f"{THERE} conda run -n seamless pip install --upgrade hashserver",
        "seamless-reconcile apply --target service.hashserver",
    ]
    assert found.advice == ("live",)
    assert found.fix == "the conda environment seamless on frontend"


def test_on_this_machine_an_editable_install_is_spoken_of():
    found = told("starting", text=IMPORT, spec={"host": LOCAL, "hostname": None})
    assert commands(found)[0] == "rhl-logs hashserver-c-rw-p --tail 100"
    assert found.advice == ("editable",)
    assert found.fix == "the Python environment on this machine"


def test_without_a_manifest_nothing_is_asked_of_one():
    found = told("starting", text=IMPORT, declared=False)
    assert not [command for command in commands(found) if command.startswith("seamless-reconcile apply")]
    assert found.case.address == "key.hashserver-c-rw-p"


def test_a_log_does_not_get_to_name_what_is_installed():
    """S10: an agent that follows the steps must not install what a log says."""
    text = (
        b"Traceback (most recent call last):\n"
        b'  File "/e/lib/python3.11/site-packages/evil_package/x.py", line 1, in f\n'
        b"ModuleNotFoundError: No module named 'evil_package'\n"
    )
    found = told("starting", text=text)
    assert ids(found) == ["D202"]
    assert "evil" not in " ".join([found.fix, *commands(found), *(step.text for step in found.next)])


@pytest.mark.parametrize("name", ["a; rm -rf ~", "$(x)", "-x", "a b", "ü", ""])
def test_what_is_not_plain_stays_out_of_commands(name):
    made = case("starting", log=read_log(IMPORT))
    hostile = replace(made.spec, key=name, host=name or "x y", workdir=name)
    found = diagnose(replace(made, spec=hostile, conda=replace(CONDA, declared=name or "x y")), knowledge())
    for command in (one.replace(PATH_PREFIX, "") for one in commands(found)):
        assert not set(command) & set(";$()`|&<>\n"), command
        assert "KEY" in command or "rhl-" not in command


def test_a_connection_of_this_client_is_mended_here():
    file = ConnectionFile("hashserver-c-rw-p", "localhost", 61_000, "frontend", 1)
    found = routed(Way.MISROUTED, file=file)
    assert commands(found) == ["seamless-reconcile apply --target tunnel.hashserver"]
    assert found.causes == ()
