"""The real program in a process of its own, over the fake session: `python driver.py NAME ARGS…`."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace

from seamless_reconcile import workflow
from seamless_reconcile.cli.main import main
from seamless_reconcile.outcomes import Applied, Outcome, Result
from unit.cli.fake import Script, session_class

LONG_PATH = "/long/" + "x" * 150


def quick(script):
    """All is done at once."""


def long(script):
    """The plan names a folder that no terminal has room for."""
    resources = tuple(replace(one, note=LONG_PATH) for one in script.plan.resources)
    script.plan = replace(script.plan, resources=resources)


def slow(script):
    """The first action takes until somebody asks to stop, and a little longer."""

    def during(reporter, stop):
        sys.stderr.write("IN HAND\n")
        stop.wait(60)
        time.sleep(0.5)
        sys.stderr.write("FINISHED\n")

    def end(plan):
        rest = [Outcome(action, Result.NOT_STARTED) for action in plan.actions[1:]]
        return Applied(plan, (Outcome(plan.actions[0], Result.DONE), *rest), interrupted=True)

    script.during, script.end = during, end


def reading(script):
    """Reading takes long; nothing is in hand."""

    def step(name, *details):
        if name in ("apply", "plan"):
            sys.stderr.write("READING\n")
            time.sleep(60)

    script.step = step


def itself(script):
    """The first action interrupts the process itself, three times."""

    def during(reporter, stop):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)

    script.during = during


if __name__ == "__main__":
    made = Script()
    globals()[sys.argv.pop(1)](made)
    workflow.Session = session_class(made)
    main()
