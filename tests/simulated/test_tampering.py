"""A saved plan is untrusted: whatever somebody writes into it is refused, or has no effect.

Each kind of tampering starts from a plan that was saved, and goes through what `apply PLANFILE` calls. What
the file says is never acted on: the plan is made anew, and has to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seamless_reconcile import workflow
from seamless_reconcile.loop import Loop
from seamless_reconcile.outcomes import Applied
from seamless_reconcile.saved import PlanFileError, load_saved
from seamless_reconcile.workflow import Session, Settings, StalePlan
from simulated.bench import Bench, spec_of
from simulated.deployments import new_world
from world import DATABASE, HASHSERVER, build, use
from world.cases import FRONTEND, Case

Body = dict[str, Any]


class OnBench(Session):
    """A session whose loop runs on a simulated world."""

    def __init__(self, bench: Bench) -> None:
        manifest = SimpleNamespace(files=("/m.yaml",), digest="of the manifest")
        super().__init__(manifest, bench.desired, Settings(), bench.reporter)  # type: ignore[arg-type]
        self.bench = bench

    def _loop(self, *_: object) -> Loop:
        return self.bench.loop()

    def _locked(self) -> Any:
        return nullcontext()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnBench:
    """A hashserver to be cleared and restarted, a database to be left alone, and somebody else's data."""
    monkeypatch.setenv("SEAMLESS_RECONCILE_STATE_DIR", str(tmp_path / "state"))
    world = build(Case("running", "ours", "ours", "good", "populated", "good"), HASHSERVER, world=new_world())
    build(Case("running", "ours", "ours", "good", "populated", "good"), DATABASE, world=world)
    made = OnBench(Bench(world, spec_of(HASHSERVER, cache="cold"), spec_of(DATABASE)))
    assert use(world, FRONTEND, HASHSERVER.key)
    return made


def action(body: Body, verb: str) -> Body:
    return next(a for a in body["plan"]["actions"] if a["verb"] == verb)


def resource(body: Body, address: str) -> Body:
    return next(r for r in body["plan"]["resources"] if r["address"] == address)


def shown_and_expected(body: Body, verb: str, **facts: Any) -> None:
    """Change what an action is planned on, and what its resource shows, alike."""
    one = action(body, verb)
    one["expects"].update(facts)
    resource(body, one["resource"])["observed"].update(facts)


def extra(body: Body, verb: str, address: str, **more: Any) -> None:
    """Put in one action more."""
    actions, host = body["plan"]["actions"], resource(body, address)["host"]
    fields = {"verb": verb, "resource": address, "expects": {}, "host": host, "requires": []}
    actions.append({**actions[0], "id": len(actions) + 1, "destructive": verb == "clear", **fields, **more})


def renamed(body: Body) -> None:
    for one in [*body["plan"]["resources"], *body["plan"]["actions"]]:
        one["host"] = "elsewhere" if one["host"] == FRONTEND else one["host"]


def dropped(body: Body, verb: str) -> None:
    gone = action(body, verb)["id"]
    kept = [a for a in body["plan"]["actions"] if a["id"] != gone]
    number = {a["id"]: place for place, a in enumerate(kept, start=1)}
    for one in kept:
        one["id"], one["requires"] = number[one["id"]], [number[n] for n in one["requires"] if n != gone]
    body["plan"]["actions"] = kept


TAMPERED: dict[str, Callable[[Body], object]] = {
    "another path to clear": lambda b: shown_and_expected(b, "clear", path="/home/svc/thesis"),
    "another path, only shown": lambda b: resource(b, "cache.hashserver")["observed"].update(path="/tmp/x"),
    "another path, only expected": lambda b: action(b, "clear")["expects"].update(path="/home/svc/thesis"),
    "another time of modification": lambda b: shown_and_expected(b, "clear", modified="2020-01-01T00:00:00"),
    "nested caches left out": lambda b: shown_and_expected(b, "clear", nested=[]),
    "another key": lambda b: resource(b, "service.hashserver").update(key=DATABASE.key),
    "another process": lambda b: shown_and_expected(b, "stop", pid=1),
    "another launch": lambda b: shown_and_expected(b, "stop", launch_id="mine"),
    "another host": renamed,
    "another host for one action": lambda b: action(b, "launch").update(host="elsewhere"),
    "another verb": lambda b: action(b, "save_log").update(verb="remove_state"),
    "a clear instead of a stop": lambda b: action(b, "stop").update(verb="clear", destructive=True),
    "another resource": lambda b: action(b, "stop").update(resource="service.database"),
    "one action more": lambda b: extra(b, "stop", "service.database"),
    "a clear more": lambda b: extra(b, "clear", "cache.database"),
    "one action twice": lambda b: extra(b, "clear", "cache.hashserver"),
    "a log that is not saved": lambda b: dropped(b, "save_log"),
    "a clear that is said to lose nothing": lambda b: action(b, "clear").update(destructive=False),
    "another cause": lambda b: action(b, "clear").update(cause="only to tidy up"),
    "another promise": lambda b: action(b, "clear").update(promises="nothing is lost"),
    "another wish": lambda b: resource(b, "cache.hashserver")["desired"].update(state="keep"),
    "another note": lambda b: resource(b, "service.hashserver").update(note="fine"),
    "another digest": lambda b: b.update(digest="0" * 64),
    "one more to replace": lambda b: b.update(replace=["service.database"]),
    "a target": lambda b: b.update(targets=["cache.database"]),
    "a target that is not there": lambda b: b.update(targets=["service.nobody"]),
    "a replacement that is none": lambda b: b.update(replace=["\x1b[2J"]),
    "a cache to replace": lambda b: b.update(replace=["cache.hashserver"]),
    "a later version": lambda b: b.update(format_version=2),
}


def saved(session: OnBench, path: Path, tamper: Callable[[Body], object] | None = None) -> Path:
    session.save(session.plan(), workflow.Options(), path)
    body = json.loads(path.read_text())
    if tamper is not None:
        tamper(body)
    path.write_text(json.dumps(body))
    return path


def applied(session: OnBench, path: Path) -> Applied:
    return session.apply_saved(load_saved(path))


def test_what_was_saved_is_done(session: OnBench, tmp_path: Path) -> None:
    done = applied(session, saved(session, tmp_path / "plan"))
    assert done.converged
    assert {a.verb.value for a in done.plan.actions} >= {"clear", "stop", "launch", "save_log"}


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampering_is_refused_before_anything_is_done(kind: str, session: OnBench, tmp_path: Path) -> None:
    path = saved(session, tmp_path / "plan", TAMPERED[kind])
    session.bench.world.trace.clear()
    with pytest.raises((StalePlan, PlanFileError)) as caught:
        applied(session, path)
    assert str(caught.value).isprintable()
    assert [step.effects for step in session.bench.world.trace if step.effects] == []


def test_an_order_that_was_tampered_with_has_no_effect(session: OnBench, tmp_path: Path) -> None:
    """The order comes from the fresh plan: nothing is launched before it was cleared."""

    def unordered(body: Body) -> None:
        for one in body["plan"]["actions"]:
            one["requires"] = []

    done = applied(session, saved(session, tmp_path / "plan", unordered))
    assert done.converged
    assert any(a.requires for a in done.plan.actions)
    assert session.bench.world.violations == []


def test_words_that_were_tampered_with_reach_no_terminal_as_they_are(
    session: OnBench, tmp_path: Path
) -> None:
    def escapes(body: Body) -> None:
        body["plan"]["warnings"] = [{"resource": "\x1b[2J", "message": "\x1b]0;x\x07"}]

    loaded = load_saved(saved(session, tmp_path / "plan", escapes))
    from seamless_reconcile.report.screen import rendered  # noqa: PLC0415 - rich is slow
    from seamless_reconcile.report.text import plan_text  # noqa: PLC0415 - the same

    shown = rendered(plan_text(loaded.plan))
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_warning_that_was_left_out_makes_the_plan_stale(session: OnBench, tmp_path: Path) -> None:
    warned = replace(session.desired, warnings=(("service.hashserver", "mind this"),))
    session.desired = session.bench.desired = warned
    assert session.plan().warnings
    with pytest.raises(StalePlan, match="mind this"):
        applied(session, saved(session, tmp_path / "plan", lambda body: body["plan"].update(warnings=[])))
