"""Faults inside the command's own process: it is killed at a point, held there, its clock is wrong.

A *point* is a moment that has a name: an event of the run ("started stop service.database"), or before
and after each call that changes something ("before rhl-stop", "after write_file"). The product knows
nothing of them; they are put around its functions here.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

_CLIENT = ("write_file", "remove_file", "open_forward", "end_forward")
_MEMORY = ("note_ended", "note_receipt", "note_cleared", "note_launched")
_CAPBSET_DROP = 24
# Root's right to write and read where the permissions forbid it.
_OVERRIDING = (1, 2)


def install(faults: dict[str, Any]) -> None:
    """Put faults into this process.

    Args:
        faults: "kill": the number or the name of the point at which it dies; "trace": a file for the
            names of all points passed; "hold": a point's name, "until": a file, at that point
            `until`.there is made and `until` waited for; "clock": seconds the clock is ahead;
            "steal": how many local ports somebody else takes right after they were found free;
            "room": bytes that a file may have at most; "weak": permissions hold for root as well;
            "hurry": seconds for some of the times that the product waits, by module and name.
    """
    if {"kill", "trace", "hold"} & set(faults):
        _watch(_Points(faults))
    if "clock" in faults:
        _shift_clock(float(faults["clock"]))
    for name, seconds in faults.get("hurry", {}).items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(f"seamless_reconcile.apply.{module}"), constant, seconds)
    if "steal" in faults:
        _steal_ports(int(faults["steal"]))
    if "room" in faults:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(faults["room"]), resource.RLIM_INFINITY))
    if faults.get("weak"):
        weaken()


class _Points:
    """What happens at which point."""

    def __init__(self, faults: dict[str, Any]) -> None:
        self._kill, self._hold = faults.get("kill"), faults.get("hold")
        self._until = faults.get("until", "")
        self._trace = faults.get("trace")
        self._passed = 0
        self._lock = Lock()

    def __call__(self, name: str) -> None:
        with self._lock:
            self._passed += 1
            if self._trace:
                with Path(self._trace).open("a") as trace:
                    trace.write(f"{name}\n")
            if self._kill in (self._passed, name):
                os.kill(os.getpid(), signal.SIGKILL)
            if self._hold == name:
                self._hold = None
                Path(f"{self._until}.there").touch()
                while not Path(self._until).exists():
                    time.sleep(0.01)


def _watch(point: Callable[[str], None]) -> None:
    from rhl_helpers.host import Host  # noqa: PLC0415 - the product, only in the command's own process
    from rhl_helpers.local_client import LocalClient  # noqa: PLC0415
    from seamless_reconcile import events, state, workflow  # noqa: PLC0415

    def on_event(self: Any, event: events.Event, *, real: Any = workflow._All.on_event) -> None:
        real(self, event)
        if isinstance(event, events.Planned):
            point("planned")
        if isinstance(event, (events.Started, events.Ended)):
            action = event.action if isinstance(event, events.Started) else event.outcome.action
            word = "started" if isinstance(event, events.Started) else "ended"
            point(f"{word} {action.verb.value} {action.resource}")

    def once(self: Any, call: Any, *rest: Any, real: Any = Host._once) -> Any:
        if not call.mutates:
            return real(self, call, *rest)
        point(f"before {call.argv[0]}")
        found = real(self, call, *rest)
        point(f"after {call.argv[0]}")
        return found

    workflow._All.on_event = on_event  # type: ignore[method-assign]
    Host._once = once  # type: ignore[method-assign]
    for owner, names in ((LocalClient, _CLIENT), (state.FileMemory, _MEMORY)):
        for name in names:
            setattr(owner, name, _around(getattr(owner, name), name, point))


def _around(real: Callable[..., Any], name: str, point: Callable[[str], None]) -> Callable[..., Any]:
    def around(*words: Any, **named: Any) -> Any:
        point(f"before {name}")
        found = real(*words, **named)
        point(f"after {name}")
        return found

    return around


def _shift_clock(seconds: float) -> None:
    from seamless_reconcile import reaching  # noqa: PLC0415

    reaching.SystemClock.now = staticmethod(lambda: time.time() + seconds)  # type: ignore[assignment]


def _steal_ports(count: int) -> None:
    """Listen on the first ports that the product finds free, before it can use them."""
    from rhl_helpers import opening  # noqa: PLC0415

    stolen: list[socket.socket] = []

    def free_port(*, real: Any = opening.free_port) -> Any:
        port, addresses = real()
        if len(stolen) < count:
            stolen.append(socket.create_server(("127.0.0.1", port)))
        return port, addresses

    opening.free_port = free_port


def weaken() -> None:
    """Let permissions of files hold for this process and those it starts, even if it is root's."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    for capability in _OVERRIDING:
        libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    libc.capget(header, sets)
    for index in range(3):
        sets[index] &= ~sum(1 << capability for capability in _OVERRIDING)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    # weaken, then be another program: tampering.py PROGRAM ARGUMENTS...
    weaken()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - that is its point
