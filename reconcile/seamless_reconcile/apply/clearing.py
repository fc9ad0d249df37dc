"""Empty one directory with a helper that gives up on deep trees: the passes that takes, and in what order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rhl_helpers import calls
from rhl_helpers.errors import GuardRefused, HelperError
from rhl_helpers.host import Host
from rhl_helpers.rows import PersistentRow
from seamless_reconcile.paths import contains
from seamless_reconcile.safety import Refusal

MAX_DEPTH = 8
"""How deep a tree is searched for directories that have to be cleared on their own."""
MAX_PASSES = 12


class OutOfReach(Exception):
    """A directory below the cache that has to be cleared on its own, and cannot be; its path.

    A first pass over the cache would take its marker along, and leave data behind that nobody may
    look at any more.
    """


class Forbidden(Exception):
    """Something has come up between two passes.

    Attributes:
        refusal: what.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


@dataclass(slots=True)
class Clearing:
    """The clearing of one directory.

    Attributes:
        host: where.
        path: the directory.
        forbids: looks once more whether it may be cleared: asked between any two passes, so that the
            look is never older than one call (S1). Before the first, the caller has looked.
    """

    host: Host
    path: str
    forbids: Callable[[], Refusal | None]
    begun: bool = False

    def run(self, rows: list[PersistentRow]) -> str | None:
        """Clear it in as many passes as it takes; gives what the helper last complained of.

        The helper gives up on a subdirectory that has subdirectories of its own, after removing
        part of it: such directories are cleared by themselves first, the deepest before the others.

        Args:
            rows: the directories below, see `directories`.

        Raises:
            OutOfReach: the guard forbids to begin with those.
            Forbidden: it must not go on.
        """
        problem: str | None = None
        self._deep(rows)
        for _ in range(MAX_PASSES):
            try:
                if self._once(self.path):
                    return None
                problem = "rhl-clear could not remove everything"
            except GuardRefused as exc:
                # Under a marker policy the first pass takes the marker along.
                return exc.detail
            except HelperError as exc:
                return f"{exc.kind}: {exc.detail}"
        return problem

    def _once(self, path: str) -> bool:
        refusal = self.forbids() if self.begun else None
        if refusal:
            raise Forbidden(refusal)
        self.begun = True
        return self.host.call(calls.clear(path))

    def _deep(self, rows: list[PersistentRow]) -> None:
        for directory in deep_directories(rows):
            try:
                self._once(directory)
            except GuardRefused:
                if _holds_data(directory, rows):
                    raise OutOfReach(directory) from None
            except HelperError:
                # What cannot be done here fails again, and is told of, where the cache itself is cleared.
                return


def directories(host: Host, path: str) -> list[PersistentRow]:
    """Give a row for a directory and for each one below it; none where that cannot be told."""
    try:
        return host.call(calls.ps_persistent(path, level=MAX_DEPTH))
    except HelperError:
        return []


def deep_directories(rows: list[PersistentRow]) -> list[str]:
    """Give the directories below the first that have subdirectories themselves, deepest first."""
    if not rows:
        return []
    root, paths = rows[0].path, [row.path for row in rows]
    parents = {path.rsplit("/", 1)[0] for path in paths[1:]} - {root}
    below = [path for path in paths[1:] if path in parents and "/." not in path[len(root) :]]
    return sorted(below, key=lambda path: (-path.count("/"), path))


def _holds_data(directory: str, rows: list[PersistentRow]) -> bool:
    """Tell whether any directory at the end of a branch holds a file."""
    parents = {row.path.rpartition("/")[0] for row in rows[1:]}
    leaves = (row for row in rows if contains(directory, row.path) and row.path not in parents)
    return any(leaf.state == "populated" for leaf in leaves)
