"""The user's own files: cluster files below the home, seamless.yaml and seamless.profile.yaml of the folder.

seamless-config reads them. Here they are found once more only to say where something is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, Problem

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
UNREADABLE = (yaml.YAMLError, OSError, ValueError, TypeError, AttributeError, RecursionError)
"""What reading such a file can raise."""
# Shared parts (YAML aliases) can stand for far more than a file holds, or for themselves.
_MAX_VALUES = 100_000


def too_large(value: Any) -> bool:
    """Tell whether a value stands for too many values, once everything shared is written out."""
    left, todo = _MAX_VALUES, [value]
    while todo and left:
        one, left = todo.pop(), left - 1
        todo += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
    return bool(todo)


def home_files() -> list[Path]:
    """List the cluster files, in the order in which seamless-config reads them."""
    seamless = Path(os.environ.get("HOME") or Path.home()) / ".seamless"
    candidates = [seamless / "clusters.yaml", *(seamless / "clusters").glob("*.yaml")]
    return [path for path in candidates if path.is_file()]


def folder_files() -> list[Path]:
    """List the command files that may count, from the folder upwards."""
    from seamless_config import config_files, get_workdir  # noqa: PLC0415

    here = Path(get_workdir()).resolve()
    names = config_files.CONFIG_FILENAMES
    return [path for folder in (here, *here.parents) for name in names if (path := folder / name).is_file()]


def faults_of_home_files() -> list[Problem]:
    """Say which cluster files cannot be read as a mapping, and where."""
    found = (_fault(path, dict, "must be a mapping of cluster definitions") for path in home_files())
    return [problem for problem in found if problem is not None]


def faults_of_folder_files() -> list[Problem]:
    """Say which command files cannot be read as a list, and where."""
    found = (
        _fault(path, list, "must be a list of commands, as in `- project: myproject`")
        for path in folder_files()
    )
    return [problem for problem in found if problem is not None][:2]


def _fault(path: Path, kind: type, otherwise: str) -> Problem | None:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Problem(Location(str(path), line, column), safe(exc.problem or str(exc)))
    except UNREADABLE as exc:
        return Problem(Location(str(path), 1, 1), f"cannot be read: {safe(str(exc))}")
    return None if isinstance(data, kind) else Problem(Location(str(path), 1, 1), otherwise)


def where_defined(cluster: str, field: tuple[str | int, ...] = ()) -> Location | None:
    """Find the place of a cluster's definition, or of a field in it as far as it can be followed."""
    best: Location | None = None
    for path in (*home_files(), *reversed(folder_files())):
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), _Loader)
        except UNREADABLE:
            continue
        for mapping in _definitions(root):
            best = _follow(mapping, (cluster, *field), str(path)) or best
    return best


def _definitions(root: Any) -> Iterator[yaml.MappingNode]:
    """Give the mappings that hold clusters: a cluster file itself, and what `clusters:` commands hold."""
    if isinstance(root, yaml.MappingNode):
        yield root
    elif isinstance(root, yaml.SequenceNode):
        for command in root.value:
            for key, value in command.value if isinstance(command, yaml.MappingNode) else ():
                if key.value == "clusters" and isinstance(value, yaml.MappingNode):
                    yield value
                elif isinstance(value, yaml.SequenceNode):
                    yield from _definitions(value)


def _follow(node: Any, path: tuple[str | int, ...], file: str) -> Location | None:
    at: Location | None = None
    for step in path:
        found = _step(node, step)
        if found is None:
            break
        mark, node = found
        at = Location(file, mark.line + 1, mark.column + 1)
    return at


def _step(node: Any, step: str | int) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key.start_mark, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None
