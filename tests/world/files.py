"""Directory trees in memory: sizes, times, markers, symlinks; no contents but the few that matter."""

from __future__ import annotations

import errno
import functools
import os
import random
from collections.abc import Iterator
from typing import TypeAlias

MAX_LINKS = 40


class File:
    """A regular file; `results` counts what a database has stored in it."""

    __slots__ = ("mtime", "results", "size")

    def __init__(self, size: int, mtime: float, results: int = 0) -> None:
        self.size = size
        self.mtime = mtime
        self.results = results


class Link:
    """A symbolic link."""

    __slots__ = ("target",)

    def __init__(self, target: str) -> None:
        self.target = target


class Dir:
    """A directory."""

    __slots__ = ("entries", "mtime")

    def __init__(self, mtime: float) -> None:
        self.entries: dict[str, Node] = {}
        self.mtime = mtime

    def clone(self) -> Dir:
        """Copy the whole tree below."""
        copy = Dir(self.mtime)
        entries = copy.entries
        for name, node in self.entries.items():
            if type(node) is Dir:
                entries[name] = node.clone()
            elif type(node) is File:
                entries[name] = File(node.size, node.mtime, node.results)
            else:
                entries[name] = node
        return copy


Node: TypeAlias = "File | Dir | Link"


@functools.lru_cache(maxsize=4096)
def _parts(path: str) -> tuple[str, tuple[str, ...]]:
    """Give a path without "." and double slashes, and its parts; an empty path where it has ".."."""
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    return "" if ".." in parts else "/" + "/".join(parts), parts


def os_error(code: int, path: str) -> OSError:
    """Give the error the operating system raises, with its words."""
    return OSError(code, os.strerror(code), path)


class Tree:
    """One machine's files.

    Attributes:
        order: how directories list their entries: "inserted", "sorted", "reversed", or a number that
            seeds a shuffle. Real file systems promise nothing.
    """

    __slots__ = ("order", "root")

    def __init__(self, now: float = 0.0) -> None:
        self.root = Dir(now)
        self.order: str | int = "inserted"

    def clone(self) -> Tree:
        """Copy the machine's files."""
        copy = Tree()
        copy.root = self.root.clone()
        copy.order = self.order
        return copy

    # --- looking ---------------------------------------------------------------------------

    def walk(self, path: str) -> tuple[str, Node | None]:
        """Follow all symlinks: the real path (the missing tail as it stands) and what is there."""
        plain, parts = _parts(path)
        here: Node | None = self.root
        for part in parts:
            here = here.entries.get(part) if type(here) is Dir else None
            if type(here) is Link:
                break
        else:
            if plain:
                return plain, here
        return self._follow(path)

    def _follow(self, path: str) -> tuple[str, Node | None]:
        """Walk where there are links or ".." on the way."""
        todo = [part for part in path.split("/") if part not in ("", ".")][::-1]
        done: list[str] = []
        nodes: list[Node | None] = [self.root]
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                if done:
                    done.pop()
                    nodes.pop()
                continue
            here = nodes[-1]
            node = here.entries.get(part) if type(here) is Dir else None
            if type(node) is Link and links < MAX_LINKS:
                links += 1
                if node.target.startswith("/"):
                    done, nodes = [], [self.root]
                todo.extend([p for p in node.target.split("/") if p not in ("", ".")][::-1])
                continue
            done.append(part)
            nodes.append(node)
        last = nodes[-1]
        return "/" + "/".join(done), None if type(last) is Link else last

    def real(self, path: str) -> str:
        """Give the path with all symlinks followed."""
        return self.walk(path)[0]

    def find(self, path: str) -> Node | None:
        """Give what a path leads to."""
        return self.walk(path)[1]

    def folder(self, path: str) -> Dir:
        """Give the directory a path leads to.

        Raises:
            OSError: as the operating system would.
        """
        node = self.find(path)
        if node is None:
            raise os_error(errno.ENOENT, path)
        if type(node) is not Dir:
            raise os_error(errno.ENOTDIR, path)
        return node

    def names(self, folder: Dir) -> list[str]:
        """List a directory in this file system's order."""
        names = list(folder.entries)
        if self.order == "sorted":
            names.sort()
        elif self.order == "reversed":
            names.reverse()
        elif isinstance(self.order, int):
            random.Random(self.order * 1_000_003 + len(names)).shuffle(names)  # noqa: S311 - reproducible
        return names

    def files(self, path: str) -> Iterator[tuple[str, File]]:
        """Give every regular file below a directory, symlinks not followed."""
        node = self.find(path)
        stack = [(path.rstrip("/"), node)] if type(node) is Dir else []
        while stack:
            where, folder = stack.pop()
            for name, child in folder.entries.items():
                if type(child) is Dir:
                    stack.append((f"{where}/{name}", child))
                elif type(child) is File:
                    yield f"{where}/{name}", child

    # --- changing --------------------------------------------------------------------------

    def mkdirs(self, path: str, now: float) -> Dir:
        """Make a directory and its parents."""
        real, node = self.walk(path)
        if type(node) is Dir:
            return node
        here = self.root
        for part in real.split("/")[1:]:
            child = here.entries.get(part)
            if child is None:
                child = here.entries[part] = Dir(now)
                here.mtime = now
            if type(child) is not Dir:
                raise os_error(errno.EEXIST, path)
            here = child
        return here

    def write(self, path: str, size: int, now: float) -> None:
        """Create or rewrite a file; its directory is made if need be."""
        parent, _, name = self.real(path).rpartition("/")
        folder = self.mkdirs(parent, now)
        node = folder.entries.get(name)
        if type(node) is File:
            node.size, node.mtime = size, now
            return
        folder.entries[name] = File(size, now)
        folder.mtime = now

    def link(self, path: str, target: str, now: float) -> None:
        """Make a symlink."""
        parent, _, name = path.rpartition("/")
        folder = self.mkdirs(parent, now)
        folder.entries[name] = Link(target)
        folder.mtime = now

    def remove(self, path: str) -> None:
        """Take something away, whatever it is, without any check."""
        parent, _, name = path.rstrip("/").rpartition("/")
        folder = self.find(parent or "/")
        if type(folder) is Dir:
            folder.entries.pop(name, None)


def overlaps(one: str, other: str) -> bool:
    """Tell whether one path is, or lies above or below, the other."""
    return one == other or inside(one, other) or inside(other, one)


def inside(path: str, parent: str) -> bool:
    """Tell whether a path lies strictly below another."""
    return path.startswith(parent.rstrip("/") + "/") and path != parent
