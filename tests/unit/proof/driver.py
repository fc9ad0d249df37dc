"""The program with a scripted session: `driver.py NAME ARGUMENT...`; used as a process by the tests."""

from __future__ import annotations

import sys
import time

from seamless_reconcile import workflow
from seamless_reconcile.cli.main import main
from seamless_reconcile.events import Started
from unit.proof.looks import look
from unit.proof.scripted import CLEAR, Script, ScriptedSession, ended


def say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def until(stop):
    """Wait to be stopped; gives up in the end."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline and not stop.is_set():
        time.sleep(0.01)
    return stop.is_set()


class Told(ScriptedSession):
    """It says when it puts services back."""

    reporter = None

    def apply_desired(self, desired, *, stop=None):
        say("restoring")
        return ended()


class SlowApply(Told):
    """An apply that has begun an action and goes on until it is stopped."""

    def apply(self, *, approve=None, stop=None):
        self.reporter.on_event(Started(CLEAR))
        say("IN HAND")
        return ended(interrupted=until(stop))


class SlowRestore(ScriptedSession):
    """Putting back goes on until it is stopped."""

    reporter = None

    def apply_desired(self, desired, *, stop=None):
        say("restoring")
        return ended(interrupted=until(stop))


class SlowLook(Told):
    """The last look takes long."""

    def look(self):
        if self.script.calls.count("look") == 2:
            say("LOOKING")
            time.sleep(30)
        return super().look()


class Untouched(ScriptedSession):
    """Nothing is ever written."""

    reporter = None

    def look(self):
        return look(self.desired)


KINDS = {
    "genuine": Told,
    "untouched": Untouched,
    "slow apply": SlowApply,
    "slow restore": SlowRestore,
    "slow look": SlowLook,
}

if __name__ == "__main__":
    session = KINDS[sys.argv.pop(1)](Script())

    def opened(settings, reporter):
        session.reporter = reporter
        return session

    workflow.Session.open = opened
    main()
