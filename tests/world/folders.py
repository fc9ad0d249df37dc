"""rhl-ps-persistent: what is in a directory."""

from __future__ import annotations

import functools
import json
import math
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from world.command import Died, Result, clearable, integer_flag, table
from world.files import Dir, File, Node

if TYPE_CHECKING:
    from world.machine import SimHost
    from world.world import World


def ps_persistent(world: World, host: SimHost, args: list[str]) -> Result:
    """Report directories."""
    as_json = "--json" in args
    if as_json:
        args.remove("--json")
    level = integer_flag(args, "--level") or 0
    if level < 0:
        raise Died("rhl-ps-persistent: --level must be >= 0")
    file = _name_flag(args, "--file")
    marker = _name_flag(args, "--marker")
    if not args:
        raise Died("rhl-ps-persistent: at least one path is required")
    roots = [clearable(host, arg) for arg in args]
    rows: list[dict[str, Any]] = []
    for root in roots:
        rows.extend(_walk(host, root, level, file, marker))
    if as_json:
        return Result(0, "".join(json.dumps(line, sort_keys=True) + "\n" for line in rows).encode())
    cells = [(line["path"], line["state"], line["size"], line["modified"]) for line in rows]
    return Result(0, table(("PATH", "STATE", "SIZE", "MODIFIED"), cells))


def _name_flag(args: list[str], flag: str) -> str | None:
    if flag not in args:
        return None
    index = args.index(flag)
    if index + 1 >= len(args):
        raise Died(f"rhl-ps-persistent: {flag} requires a filename")
    name = args[index + 1]
    if "/" in name or name in ("", ".", ".."):
        raise Died(f"rhl-ps-persistent: {flag} requires a simple filename")
    del args[index : index + 2]
    return name


def _walk(host: SimHost, path: str, level: int, file: str | None, marker: str | None) -> list[dict[str, Any]]:
    node = host.tree.find(path)
    rows = []
    if marker is None or node is None or _child(host, path, node, marker) is not None:
        rows.append(_row(host, path, node, file, marker))
    if level == 0 or node is None:
        return rows
    if not isinstance(node, Dir):
        raise Died(f"rhl-ps-persistent: not a directory: {path}")
    for name in sorted(node.entries):
        below = f"{path}/{name}"
        if isinstance(host.tree.find(below), Dir):
            rows.extend(_walk(host, below, level - 1, file, marker))
    return rows


def _child(host: SimHost, path: str, node: Node, name: str) -> Node | None:
    if not isinstance(node, Dir) or name not in node.entries:
        return None
    return host.tree.find(f"{path}/{name}")


def _row(host: SimHost, path: str, node: Node | None, file: str | None, marker: str | None) -> dict[str, Any]:
    if node is None:
        return {"path": path, "state": "absent", "size": None, "modified": None}
    if not isinstance(node, Dir):
        raise Died(f"rhl-ps-persistent: not a directory: {path}")
    if file is None:
        if all(name == marker for name in node.entries):
            return {"path": path, "state": "empty", "size": None, "modified": None}
        return {"path": path, "state": "populated", "size": None, "modified": _stamp(host, node.mtime)}
    target = _child(host, path, node, file)
    if target is None:
        return {"path": path, "state": "empty", "size": None, "modified": None}
    size = target.size if isinstance(target, File) else 4096
    mtime = target.mtime if isinstance(target, (File, Dir)) else 0.0
    return {"path": path, "state": "populated", "size": size, "modified": _stamp(host, mtime)}


def _stamp(host: SimHost, mtime: float) -> str:
    return _local_time(math.floor(mtime), host.zone)


@functools.lru_cache(maxsize=4096)
def _local_time(second: int, offset: int) -> str:
    zone = timezone(timedelta(seconds=offset))
    return datetime.fromtimestamp(second, tz=zone).replace(tzinfo=None).isoformat(timespec="seconds")
