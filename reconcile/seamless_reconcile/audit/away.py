"""Hosts that do not answer: within a look they are asked once, and in a watch beside its looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from rhl_helpers.errors import HelperError
from rhl_helpers.host import Host
from seamless_reconcile.facts import HostFacts
from seamless_reconcile.observed import Unknown

_NO_CONNECTION = frozenset({"unreachable", "authentication failed", "host key", "timeout"})


def is_away(facts: HostFacts) -> bool:
    """Tell whether a host did not answer at all."""
    return facts.problem is not None and facts.problem.kind in _NO_CONNECTION


class _Silent:
    """A host that did not answer a moment ago: asking again would only wait again."""

    def __init__(self, host: str, problem: Unknown) -> None:
        self.host = host
        self._problem = problem

    def run(self, *_: Any, **__: Any) -> NoReturn:
        """Fail at once, as it did."""
        kind = self._problem.kind
        error = HelperError(
            self.host, self._problem.reason.removeprefix(f"{kind}: "), hint=self._problem.hint
        )
        error.kind = kind
        raise error

    probe = run

    def close(self) -> None:
        """Nothing to give back."""


def without_the_away(
    hosts: Callable[[str], Host], listings: Mapping[str, HostFacts]
) -> Callable[[str], Host]:
    """Give hosts of which those that did not answer are not asked again."""

    def host(name: str) -> Host:
        problem = listings[name].problem if name in listings and is_away(listings[name]) else None
        return hosts(name) if problem is None else Host(_Silent(name, problem))

    return host


def in_background(task: Callable[[], None]) -> None:
    """Run something beside everything else; the program's end does not wait for it."""
    threading.Thread(target=task, name="away", daemon=True).start()


class Away:
    """The hosts of a watch that did not answer at its last look.

    No look waits for them: each is asked again in the background, and is part of the next look once
    it has answered.

    Args:
        start: runs a task beside the looks.
    """

    def __init__(self, start: Callable[[Callable[[], None]], None] = in_background) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._facts: dict[str, HostFacts] = {}
        self._asking: set[str] = set()

    def facts(self, name: str) -> HostFacts | None:
        """Give why a host is away; None for one that is to be asked like all others."""
        with self._lock:
            return self._facts.get(name)

    def note(self, name: str, facts: HostFacts, ask: Callable[[], HostFacts]) -> None:
        """Take what a look found; a host that is away is asked again meanwhile, once at a time."""
        with self._lock:
            if not is_away(facts):
                self._facts.pop(name, None)
                return
            self._facts[name] = facts
            if name in self._asking:
                return
            self._asking.add(name)
        self._start(lambda: self._again(name, ask))

    def _again(self, name: str, ask: Callable[[], HostFacts]) -> None:
        try:
            facts = ask()
        except Exception:  # noqa: BLE001 - the connections may be closed by now: it stays away
            facts = None
        with self._lock:
            self._asking.discard(name)
            if facts is not None and is_away(facts):
                self._facts[name] = facts
            elif facts is not None:
                self._facts.pop(name, None)
