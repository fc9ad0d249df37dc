"""rhl-clear, with its own way of failing on deep trees."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from world.command import Died, Result, clearable
from world.files import Dir, Link, os_error

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


def clear(world: World, host: SimHost, args: list[str]) -> Result:
    """Remove what a directory holds, with the helper's own bug on deep trees."""
    if len(args) != 1:
        raise Died("rhl-clear: exactly one path is required")
    path = clearable(host, args[0])
    node = host.tree.find(path)
    if node is None:
        raise Died(f"rhl-clear: path does not exist: {path}")
    if not isinstance(node, Dir):
        raise Died(f"rhl-clear: not a directory: {path}")
    real = host.tree.real(path)
    world.monitor.clearing(world, host, real)
    before = {name for name, _ in host.tree.files(real)}
    sweep = _Sweep(host, world.clock.now() + host.skew)
    removed, errors = 0, ""
    for name in host.tree.names(node):
        child = f"{path}/{name}"
        try:
            removed += sweep.child(node, child, name)
        except OSError as exc:
            errors += f"rhl-clear: could not remove {child}: {exc}\n"
    lost = before - {name for name, _ in host.tree.files(real)}
    world.monitor.cleared(world, host, real, lost)
    if lost or removed:
        world.effect(host.name, "cleared", path)
    return Result(1 if errors else 0, f"removed {removed} item(s) from {path}\n".encode(), errors)


class _Sweep:
    """Removal as the helper does it: a subdirectory that removed itself is removed once more, which fails."""

    def __init__(self, host: SimHost, now: float) -> None:
        self.tree = host.tree
        self.now = now

    def child(self, parent: Dir, path: str, name: str) -> int:
        node = parent.entries[name]
        if not isinstance(node, Dir):
            self._take(parent, name)
            return 1
        if name.startswith("."):
            return 0
        return 1 if self._folder(parent, path, name) else 0

    def _take(self, parent: Dir, name: str) -> None:
        del parent.entries[name]
        parent.mtime = self.now

    def _folder(self, parent: Dir, path: str, name: str) -> bool:
        """Empty a directory and remove it; False if only dot-directories keep it alive."""
        folder = parent.entries[name]
        assert isinstance(folder, Dir)
        for inner in self.tree.names(folder):
            node = folder.entries[inner]
            if not isinstance(node, Dir):
                self._take(folder, inner)
                continue
            if inner.startswith("."):
                continue
            below = f"{path}/{inner}"
            if self._folder(folder, below, inner):
                # It is gone already: removing it again fails, and so does the look at what remains in it.
                raise os_error(errno.ENOENT, below)
        if folder.entries:
            if not _only_dot_folders(folder):
                raise os_error(errno.ENOTEMPTY, path)
            return False
        self._take(parent, name)
        return True


def _only_dot_folders(folder: Dir) -> bool:
    return all(
        name.startswith(".") and not isinstance(node, Link) and isinstance(node, Dir)
        for name, node in folder.entries.items()
    )
