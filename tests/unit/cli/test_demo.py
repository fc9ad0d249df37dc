"""The demo: it runs for real, leaves nothing behind, and believes nothing it did not see."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from seamless_reconcile.cli.main import cli
from seamless_reconcile.demo import stage as stage_module
from seamless_reconcile.demo import story as story_module
from seamless_reconcile.demo.narrator import Narrator
from seamless_reconcile.demo.stage import DemoFailed, Ran, Stage, environment, stage
from seamless_reconcile.demo.story import CHAPTERS, Story

# --- for real ------------------------------------------------------------------------------


def left_in(folder):
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and any(
                str(folder) in word for word in process.cmdline()
            ):
                found.append(process)
    return found


@pytest.fixture
def demo(tmp_path):
    """Start the demo with its folder below `tmp_path`; ends what it may have left."""
    processes = []

    def start(*args):
        home = tmp_path / "home"
        home.mkdir()
        env = {**os.environ, "TMPDIR": str(tmp_path), "HOME": str(home), "SEAMLESS_CACHE": "/nowhere"}
        process = subprocess.Popen(
            [sys.executable, "-m", "seamless_reconcile", "demo", *args],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
    for process in left_in(tmp_path):
        process.kill()


def folders(tmp_path):
    return list(tmp_path.glob("seamless-reconcile-demo-*"))


@pytest.mark.services
def test_the_whole_story_is_real_and_leaves_nothing_behind(demo, tmp_path):
    process = demo()
    out, _ = process.communicate(timeout=170)
    assert process.returncode == 0, out
    assert "$ seamless-run wc -w words.txt\n12 words.txt\n" in out
    for said in ("2 to start", "In sync", "2 caches to clear", "kill -9", "nothing is left running"):
        assert said in out
    assert out.count("\nok: ") == len(CHAPTERS) + 1
    assert folders(tmp_path) == []
    assert left_in(tmp_path) == []
    assert list((tmp_path / "home").iterdir()) == []  # nothing was written into the user's own HOME


@pytest.mark.services
def test_ctrl_c_takes_everything_down_too(demo, tmp_path):
    process = demo("--keep")
    read = ""
    while "Plan again" not in read:
        part = process.stdout.readline()
        assert part, read
        read += part
    assert len(left_in(tmp_path)) >= 2
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130, out
    assert left_in(tmp_path) == []
    (kept,) = folders(tmp_path)
    assert f"kept: {kept}" in out
    assert (kept / "work" / "seamless.reconcile.yaml").exists()


# --- what it needs -------------------------------------------------------------------------


def test_without_the_services_it_says_how_to_get_them(monkeypatch):
    found = stage_module.shutil.which
    monkeypatch.setattr(
        stage_module.shutil,
        "which",
        lambda name, path: None if name == "hashserver" else found(name, path=path),
    )
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 1
    assert result.stderr == "the demo needs hashserver; pip install 'seamless-reconcile[services]'\n"


def test_nothing_in_its_environment_leads_out_of_the_folder(monkeypatch, tmp_path):
    for name in ("SEAMLESS_CACHE", "REMOTE_HTTP_LAUNCHER_DIR", "XDG_STATE_HOME", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "/elsewhere")
    made = environment(tmp_path)
    assert "/elsewhere" not in made.values()
    assert made["HOME"] == str(tmp_path)
    assert made["PATH"].startswith(str(Path(sys.executable).parent))


# --- it believes nothing it did not see ----------------------------------------------------


def resource(kind, name, state, **seen):
    return {"kind": kind, "name": name, "address": f"{kind}.{name}", "observed": {"state": state, **seen}}


def plan_of(service="running", cache="empty", *, pids=(11, 12), actions=(), in_sync=True):
    names = ("hashserver", "database")
    return {
        "in_sync": in_sync,
        "resources": [resource("service", n, service, pid=p) for n, p in zip(names, pids, strict=True)]
        + [resource("cache", n, cache) for n in names],
        "actions": [{"verb": verb} for verb in actions],
    }


class FakeStage:
    """A stage on which each command ends as told."""

    folder = work = home = Path("/nowhere")

    def __init__(self, code, plan, ask=None):
        self.code, self._plan, self._ask = code, plan, ask or Ran(0)

    def run(self, argv):
        return Ran(self.code)

    def ask(self, argv):
        return self._ask

    def plan(self, *more):
        return self._plan

    def processes(self):
        return []


GOOD = {
    "plan_first": (2, plan_of("absent", actions=["launch", "launch"], in_sync=False), None),
    "apply_first": (0, plan_of(), None),
    "in_sync": (0, plan_of(), None),
    "compute": (0, plan_of(), Ran(0, "12 words.txt\n")),
    "drift": (2, plan_of(cache="populated", actions=["clear", "clear"], in_sync=False), None),
    "make_cold": (0, plan_of(pids=(21, 22)), None),
    "take_down": (0, plan_of("absent"), Ran(0, "")),
}
BAD = [
    ("plan_first", (0, GOOD["plan_first"][1], None), "exit code 2, not 0"),
    ("plan_first", (2, plan_of("absent", actions=["launch"]), None), "two services to be started"),
    ("apply_first", (1, plan_of(), None), "exit code 0, not 1"),
    ("apply_first", (0, plan_of("stale"), None), "both to run"),
    ("in_sync", (0, plan_of(in_sync=False), None), "in sync"),
    ("compute", (0, plan_of(), Ran(1, "12 words.txt")), "12 words"),
    ("compute", (0, plan_of(), Ran(0, "")), "12 words"),
    ("compute", (0, plan_of(pids=(11, 99)), Ran(0, "12 words.txt")), "services that run"),
    ("drift", (2, plan_of(cache="empty", actions=["clear", "clear"]), None), "populated"),
    ("drift", (2, plan_of(cache="populated", actions=["clear"]), None), "both caches to be cleared"),
    ("make_cold", (0, plan_of(pids=(21, 12)), None), "started anew"),
    ("make_cold", (0, plan_of(cache="populated", pids=(21, 22)), None), "to be cold"),
    ("make_cold", (0, plan_of(in_sync=False), None), "in sync"),
    ("kill_one", (0, plan_of(), None), "process 11 to run in"),
    ("take_down", (0, plan_of(in_sync=False), None), "in sync"),
    ("take_down", (0, plan_of("absent"), Ran(0, "{}")), "to know no service"),
    ("take_down", (0, plan_of("absent"), Ran(1, "")), "to know no service"),
]


def told(chapter, ends):
    shown = []
    story = Story(FakeStage(*ends), Narrator(shown.append), pids={"hashserver": 11, "database": 12})
    getattr(story_module, chapter)(story)


@pytest.mark.parametrize("chapter", GOOD)
def test_a_chapter_that_goes_well_goes_on(chapter):
    told(chapter, GOOD[chapter])


@pytest.mark.parametrize(("chapter", "ends", "said"), BAD)
def test_a_chapter_that_does_not_ends_the_demo_and_says_why(chapter, ends, said):
    with pytest.raises(DemoFailed, match=said):
        told(chapter, ends)


def test_a_failed_expectation_is_exit_1(monkeypatch):
    def failing(story):
        raise DemoFailed("expected sunshine")

    monkeypatch.setattr(story_module, "CHAPTERS", (failing,))
    monkeypatch.setattr(stage_module, "NEEDED", ())
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == 1
    assert result.stderr == "the demo failed: expected sunshine\n"


# --- the stage -----------------------------------------------------------------------------


@pytest.fixture
def on_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_module.tempfile, "tempdir", str(tmp_path))
    with stage(keep=False, quiet=True) as made:
        yield made
    assert not made.folder.exists()


def test_commands_run_in_the_folder_with_its_home(on_stage):
    ran = on_stage.ask([sys.executable, "-c", "import os; print(os.getcwd(), os.environ['HOME'])"])
    assert ran == Ran(0, f"{on_stage.work} {on_stage.home}\n")
    assert on_stage.run([sys.executable, "-c", "print('unseen'); raise SystemExit(7)"]).code == 7


def test_a_command_that_hangs_is_ended(on_stage, monkeypatch):
    monkeypatch.setattr(stage_module, "COMMAND_SECONDS", 0.5)
    with pytest.raises(DemoFailed, match=r"did not end within"):
        on_stage.ask([sys.executable, "-c", "import time; time.sleep(60)"])


@pytest.mark.parametrize(
    ("text", "said"), [("nonsense", "gave no JSON"), (json.dumps({"error": {"kind": "x"}}), "failed")]
)
def test_a_plan_that_is_none_ends_the_demo(on_stage, monkeypatch, text, said):
    monkeypatch.setattr(Stage, "ask", lambda self, argv: Ran(1, text))
    with pytest.raises(DemoFailed, match=said):
        on_stage.plan()


def test_what_is_left_running_is_ended(on_stage):
    code = "import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(on_stage.folder)]) as process:
        until = time.monotonic() + 10
        while not on_stage.processes():
            assert time.monotonic() < until
        on_stage.take_down()
        process.wait(timeout=10)  # the stage has seen to its end already
    assert on_stage.processes() == []
