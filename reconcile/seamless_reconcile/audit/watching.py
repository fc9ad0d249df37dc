"""Look again and again: what changed, and since when."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seamless_reconcile.audit.changes import Round, advance
from seamless_reconcile.audit.findings import find
from seamless_reconcile.audit.scene import Finding, Scene
from seamless_reconcile.audit.survey import Before
from seamless_reconcile.ports import Clock

Told = Callable[[Round, Scene, Sequence[Finding]], None]


def watch(
    look: Callable[[Before], Scene | None],
    every: float,
    *,
    clock: Clock,
    pause: Callable[[float], bool],
    told: Told,
) -> None:
    """Look until somebody ends it.

    Nothing is kept from look to look but what `Before` and `Round` hold.

    Args:
        look: looks once; None once the watch is ended.
        every: seconds from the beginning of one look to that of the next, if it takes no longer.
        clock: this machine's.
        pause: waits so many seconds; True once the watch is ended.
        told: takes what each look gave.
    """
    before, known = Before(), Round()
    while True:
        began = clock.monotonic()
        scene = look(before)
        if scene is None:
            return
        found = find(scene)
        known = advance(known, scene, found, clock.now())
        told(known, scene, found)
        if pause(max(0.0, every - (clock.monotonic() - began))):
            return
