"""No secret reaches what is shown, recorded or reported, whatever becomes of the run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seamless_reconcile.declared import ManifestError
from seamless_reconcile.events import Event
from seamless_reconcile.manifest import load
from seamless_reconcile.outcomes import Applied
from seamless_reconcile.planner import Options
from seamless_reconcile.report.applied import applied_text
from seamless_reconcile.report.json_ import applied_to_dict, event_to_dict, plan_to_dict
from seamless_reconcile.report.screen import rendered
from seamless_reconcile.report.text import plan_text
from seamless_reconcile.saved import SavedPlan, write_saved
from seamless_reconcile.state import FolderRecord
from simulated.bench import Bench, spec_of
from simulated.deployments import frontend, new_world
from world import HASHSERVER, Fault
from world.cases import FRONTEND

NAMED = "n4med-hunter2"
BARE = "b4re-hunter2"
OLD = "0ld-hunter2"


class Heard:
    """Everything a reporter is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def argv(*more: str) -> tuple[str, ...]:
    return (*HASHSERVER.argv, *more)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def bench(heard: Heard) -> Bench:
    """One that runs with an old token, and should run with a new one."""
    world = new_world()
    world.hosts[FRONTEND].fates[HASHSERVER.key] = ("well", "failed")
    Bench(world, replace(spec_of(HASHSERVER), argv=argv("--token", OLD, f"http://me:{OLD}@h/"))).converge()
    made = Bench(world, replace(spec_of(HASHSERVER), argv=argv(f"--api-key={NAMED}", BARE)), reporter=heard)
    made.desired = replace(made.desired, secrets=frozenset({BARE}))
    return made


def everything(bench: Bench, heard: Heard, applied: Applied, folder: Path) -> str:
    """Give all that is shown, recorded and reported of a run."""
    record = FolderRecord(folder)
    for event in heard.events:
        record.on_event(event)
    record.write("applied.json", applied_to_dict(applied))
    record.close()
    plan = applied.plan
    write_saved(folder / "plan", SavedPlan(plan, ("/m.yaml",), Options(), "digest"))
    written = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    shown = [rendered(plan_text(plan, verbose=True), width=300), rendered(applied_text(applied), width=300)]
    told = [json.dumps(event_to_dict(event)) for event in heard.events]
    told += [json.dumps(plan_to_dict(plan)), json.dumps(applied_to_dict(applied))]
    return "\n".join([*written, *shown, *told])


def test_a_command_line_that_changes_shows_no_secret(bench: Bench, heard: Heard, tmp_path: Path) -> None:
    frontend(bench.world).log(HASHSERVER.key).write(f"using token={OLD}\n".encode())
    text = everything(bench, heard, bench.apply(), tmp_path)
    assert "--api-key=***" in text
    assert "launched with another command line" in text
    for secret in (NAMED, BARE, OLD):
        assert secret not in text


def test_a_refusal_that_repeats_the_command_line_shows_no_secret(
    bench: Bench, heard: Heard, tmp_path: Path
) -> None:
    says = f"rhl-guard: rejected: not allowed: x --api-key={NAMED} --token {OLD}".encode()
    bench.world.faults = [Fault("reply", "rhl-launch-service", reply=(1, b"", says))]
    applied = bench.apply()
    text = everything(bench, heard, applied, tmp_path)
    assert "not allowed" in text
    assert NAMED not in text
    assert OLD not in text


def test_the_problems_of_a_manifest_show_no_value_of_a_secret_variable(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    wrong = 'version: 1\ndefaults: {project: "${DB_PASSWORD}"}\nservices: {hashserver: "${DB_PASSWORD}"}\n'
    path.write_text(wrong)
    with pytest.raises(ManifestError) as caught:
        load([path], {"DB_PASSWORD": f"{BARE} !"})
    assert "***" in str(caught.value)
    assert BARE not in str(caught.value)


def test_a_manifest_knows_the_values_of_secret_variables(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    names = "{cluster: c, project: '${PROJECT}', stage: '${API_TOKEN}'}"
    path.write_text(f"version: 1\ndefaults: {names}\nservices: {{hashserver: running}}\n")
    assert load([path], {"PROJECT": "public", "API_TOKEN": "t0ken"}).secrets == frozenset({"t0ken"})
