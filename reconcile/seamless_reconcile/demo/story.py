"""The chapters of the demo: what is done, and what must come of it. Every step is real."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil

from seamless_reconcile.demo.files import MANIFEST, WORDS
from seamless_reconcile.demo.narrator import Narrator
from seamless_reconcile.demo.stage import DemoFailed, Stage

Plan = dict[str, Any]
IN_SYNC, CHANGES = 0, 2
GONE_SECONDS = 10.0


@dataclass(slots=True)
class Story:
    """The story so far.

    Attributes:
        color: what `--color` said, handed on.
        pids: of the services, when last looked at.
    """

    stage: Stage
    narrator: Narrator
    color: str = "auto"
    pids: dict[str, int] = field(default_factory=dict)

    def tell(self) -> None:
        """Tell all of it.

        Raises:
            DemoFailed: at the first thing that is not as it should be.
        """
        began = time.monotonic()
        self._set_the_scene()
        for chapter in CHAPTERS:
            chapter(self)
        self.narrator.proved(f"all of it in {time.monotonic() - began:.0f} s")

    def _set_the_scene(self) -> None:
        tell = self.narrator
        tell.tell("A throw-away folder with a HOME of its own. To repeat a command, start there:")
        tell.command(
            f"cd {shlex.quote(str(self.stage.work))}; export HOME={shlex.quote(str(self.stage.home))}"
        )
        tell.file("seamless.reconcile.yaml", MANIFEST)

    # --- what chapters do --------------------------------------------------------------------

    def reconcile(self, *args: str, expect: int) -> None:
        """Run one command of this program, shown to the reader."""
        argv = ["seamless-reconcile", *args, *(["--color", self.color] if self.color != "auto" else [])]
        self.narrator.command(shlex.join(argv))
        code = self.stage.run(argv).code
        expected(code == expect, f"`{shlex.join(argv)}` to end with exit code {expect}, not {code}")

    def look(self, *more: str) -> Plan:
        """Look at the plan without showing it, and remember who runs."""
        plan = self.stage.plan(*more)
        self.pids = {
            resource["name"]: resource["observed"]["pid"]
            for resource in plan["resources"]
            if resource["kind"] == "service" and "pid" in resource["observed"]
        }
        return plan


def expected(is_so: bool, what: str) -> None:
    """Go on only if something is as it should be.

    Raises:
        DemoFailed: if it is not.
    """
    if not is_so:
        raise DemoFailed(f"expected {what}")


def verbs(plan: Plan, verb: str) -> int:
    """Count the actions of a kind."""
    return sum(action["verb"] == verb for action in plan["actions"])


def states(plan: Plan, kind: str) -> dict[str, str]:
    """Give the observed states of a kind of resources, by name."""
    return {r["name"]: r["observed"]["state"] for r in plan["resources"] if r["kind"] == kind}


# --- the chapters --------------------------------------------------------------------------


def plan_first(story: Story) -> None:
    """Nothing runs: two services are to be started."""
    story.narrator.chapter("Plan: what is, what should be, what would be done")
    story.reconcile("plan", "--detailed-exitcode", expect=CHANGES)
    plan = story.look()
    expected(verbs(plan, "launch") == 2, "two services to be started")  # noqa: PLR2004 - hashserver, database
    story.narrator.proved("2 services to start; nothing was changed by looking")


def apply_first(story: Story) -> None:
    """Start them."""
    story.narrator.chapter("Apply: make it so")
    story.reconcile("apply", "--yes", expect=IN_SYNC)
    plan = story.look()
    expected(states(plan, "service") == dict.fromkeys(("hashserver", "database"), "running"), "both to run")
    story.narrator.proved(f"both services answer: process {' and '.join(map(str, story.pids.values()))}")


def in_sync(story: Story) -> None:
    """Plan again: nothing to do."""
    story.narrator.chapter("Plan again: in sync")
    story.reconcile("plan", "--detailed-exitcode", expect=IN_SYNC)
    expected(story.look()["in_sync"], "the plan to be in sync")
    story.narrator.proved("nothing to do; an apply would do nothing")


def compute(story: Story) -> None:
    """A real computation warms the caches, through these very services."""
    story.narrator.chapter("A real computation warms the caches")
    before = dict(story.pids)
    argv = ["seamless-run", "wc", "-w", "words.txt"]
    story.narrator.command(shlex.join(argv))
    ran = story.stage.ask(argv)
    story.narrator.tell(ran.out.strip())
    words = str(len(WORDS.split()))
    expected(ran.code == 0 and ran.out.split()[:1] == [words], f"seamless-run to count {words} words")
    story.look()
    expected(story.pids == before, "seamless-run to use the services that run")
    story.narrator.proved("computed through the running services; none was launched anew")


def drift(story: Story) -> None:
    """The plan shows that the caches are no longer cold."""
    story.narrator.chapter("Plan shows the drift: the caches are warm")
    story.reconcile("plan", "--detailed-exitcode", expect=CHANGES)
    plan = story.look()
    expected(set(states(plan, "cache").values()) == {"populated"}, "both caches to be populated")
    expected(verbs(plan, "clear") == 2, "both caches to be cleared")  # noqa: PLR2004 - both
    story.narrator.proved("both caches hold results: a test run now would pass on them")


def make_cold(story: Story) -> None:
    """Apply clears them, with the services down meanwhile, and starts those again."""
    story.narrator.chapter("Apply makes them cold again")
    before = dict(story.pids)
    story.reconcile("apply", "--yes", expect=IN_SYNC)
    plan = story.look()
    expected(plan["in_sync"], "the plan to be in sync")
    expected("populated" not in states(plan, "cache").values(), "both caches to be cold")
    expected(not set(before.values()) & set(story.pids.values()), "both services to be started anew")
    story.narrator.proved("cold, and proved so: both services were stopped, cleared, started")


def kill_one(story: Story) -> None:
    """Kill the hashserver: the next plan finds it."""
    story.narrator.chapter("The hashserver is killed, found and healed")
    pid = story.pids["hashserver"]
    _kill(story, pid)
    story.reconcile("plan", "--detailed-exitcode", expect=CHANGES)
    found = states(story.look(), "service")
    expected(found == {"hashserver": "stale", "database": "running"}, f"a stale hashserver, not {found}")
    database = story.pids["database"]
    story.reconcile("apply", "--yes", "--quiet", expect=IN_SYNC)
    expected(story.look()["in_sync"], "the plan to be in sync")
    expected(story.pids["database"] == database, "the database to be left alone")
    story.narrator.proved("healed; the database was left alone")


def _kill(story: Story, pid: int) -> None:
    """Kill a process of this folder, and no other."""
    process = next((p for p in story.stage.processes() if p.pid == pid), None)
    expected(process is not None, f"process {pid} to run in {story.stage.folder}")
    story.narrator.command(f"kill -9 {pid}")
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + GONE_SECONDS
    while any(p.pid == pid for p in story.stage.processes()) and time.monotonic() < until:
        time.sleep(0.05)


def take_down(story: Story) -> None:
    """Declare both absent."""
    story.narrator.chapter("All is taken down")
    story.narrator.tell("down.yaml says `absent` of both.")
    story.reconcile("apply", "--yes", "-f", "down.yaml", expect=IN_SYNC)
    expected(story.look("-f", "down.yaml")["in_sync"], "the plan to be in sync")
    story.narrator.command("rhl-ps --json")
    left = story.stage.ask(["rhl-ps", "--json"])
    expected(left.code == 0 and not left.out.strip(), "the launcher to know no service any more")
    _, running = psutil.wait_procs(story.stage.processes(), timeout=GONE_SECONDS)
    expected(not running, f"nothing to run any more, not {[p.pid for p in running]}")
    story.narrator.proved("nothing is left running")


CHAPTERS: tuple[Callable[[Story], None], ...] = (
    plan_first,
    apply_first,
    in_sync,
    compute,
    drift,
    make_cold,
    kill_one,
    take_down,
)
