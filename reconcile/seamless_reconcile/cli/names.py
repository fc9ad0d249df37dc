"""What a shell offers after Tab: names from manifests, cluster files and the ssh config.

Read for a hint and never believed: nothing is contacted, nothing of a file is constructed or evaluated,
half-written and hostile files give what can be read of them, and nothing here raises. Only names that
are plain words to every shell are offered (S10): bash puts them on the command line as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import click
from click.shell_completion import CompletionItem

DEFAULT_FILE = "seamless.reconcile.yaml"
LOCAL_HOST, LOCAL_CLUSTER = "local", "local_cluster"
MAX_BYTES, MAX_EVENTS, MAX_FILES = 1_000_000, 50_000, 50
MAX_DEPTH = 32
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,100}")
_HOST_LINE = re.compile(r"\s*(host|include)(?:\s+|\s*=\s*)(.+)", re.IGNORECASE)
Where = tuple[str, ...]


# --- what options offer --------------------------------------------------------------------


def services(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Give the names of the manifest's services."""
    return _offered(_services(ctx), incomplete)


def addresses(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Give the addresses of the manifest's resources."""
    return _offered(_addresses(ctx, "service", "cache", "tunnel"), incomplete)


def replaceable(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Give the addresses of what can be replaced: a cache cannot."""
    return _offered(_addresses(ctx, "service", "tunnel"), incomplete)


def clusters(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Give the names of the clusters: the manifest's own, and those of the home."""
    home = _home() / ".seamless"
    found = [name for path in _manifests(ctx) for name in keys_at(_text(path), "clusters")]
    for path in (home / "clusters.yaml", *_listed(home / "clusters")):
        found += keys_at(_text(path))
    return _offered((name for name in found if name != LOCAL_CLUSTER), incomplete)


def hosts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Give this machine, and the hosts that the ssh config names in full."""
    return _offered([LOCAL_HOST, *ssh_hosts(_home() / ".ssh")], incomplete)


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:  # noqa: ARG001 - click's
    """Let the shell itself offer files."""
    return [CompletionItem(incomplete, type="file")]


def _offered(names: Iterator[str] | Sequence[str], incomplete: str) -> list[str]:
    plain = dict.fromkeys(name for name in names if _PLAIN.fullmatch(name))
    return [name for name in plain if name.startswith(incomplete)]


# --- manifests -----------------------------------------------------------------------------


def _services(ctx: click.Context) -> Iterator[str]:
    for path in _manifests(ctx):
        yield from keys_at(_text(path), "services")


def _addresses(ctx: click.Context, *kinds: str) -> Iterator[str]:
    names = [name for name in _services(ctx) if _PLAIN.fullmatch(name)]
    return (f"{kind}.{name}" for kind in kinds for name in names)


def _manifests(ctx: click.Context) -> list[Path]:
    """Give the manifests that the command line names so far, or the default one."""
    return [Path(name).expanduser() for name in (ctx.params.get("files") or (DEFAULT_FILE,))[:MAX_FILES]]


def keys_at(text: str, *where: str) -> list[str]:
    """Give the keys of the mapping at a path of keys, as far as the text can be read as YAML."""
    import yaml  # noqa: PLC0415 - command names are completed without

    found: list[str] = []
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for path, key in _keys(islice(yaml.parse(text, Loader=loader), MAX_EVENTS)):
            if path == where:
                found.append(key)
    except (yaml.YAMLError, ValueError):
        pass  # a manifest that is being written: what came before the error is there
    return found


def _keys(events: Iterator[object]) -> Iterator[tuple[Where, str]]:
    """Give every key of every mapping, with the keys that lead to it."""
    import yaml  # noqa: PLC0415 - see above

    # Of each collection that is open: whether it is a mapping, and the key whose value comes next.
    open_: list[tuple[bool, list[str]]] = []
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
        elif not isinstance(event, yaml.NodeEvent):
            continue
        elif open_ and open_[-1][0] and not open_[-1][1]:
            key = event.value if isinstance(event, yaml.ScalarEvent) else ""
            yield tuple(pending[0] if pending else "" for _, pending in open_[:-1]), key
            open_[-1][1].append(key)
            if not isinstance(event, yaml.CollectionStartEvent):
                continue
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((isinstance(event, yaml.MappingStartEvent), []))
            if len(open_) > MAX_DEPTH:
                return
        elif open_:
            open_[-1][1].clear()


# --- ssh -----------------------------------------------------------------------------------


def ssh_hosts(folder: Path) -> list[str]:
    """Give the hosts that `config` in a folder, and what it includes, name without a pattern."""
    found: list[str] = []
    todo, seen = [folder / "config"], set[Path]()
    while todo and len(seen) < MAX_FILES:
        path = todo.pop(0)
        if path in seen:
            continue
        seen.add(path)
        for keyword, value in _HOST_LINE.findall("\n".join(_lines(path))):
            words = [word.strip('"') for word in value.split()]
            if keyword.lower() == "host":
                found += words
            else:
                todo += [one for word in words for one in _included(folder, word)]
    return found


def _lines(path: Path) -> list[str]:
    return [line for line in _text(path).splitlines() if _HOST_LINE.match(line)]


def _included(folder: Path, pattern: str) -> list[Path]:
    path = Path(pattern).expanduser() if pattern.startswith("~") else folder / pattern
    try:
        return sorted(islice(path.parent.glob(path.name), MAX_FILES))
    except (OSError, ValueError, NotImplementedError):
        return []


# --- files ---------------------------------------------------------------------------------


def _home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - it never raises


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(islice(folder.glob("*.yaml"), MAX_FILES))
    except OSError:
        return []


def _text(path: Path) -> str:
    """Give the beginning of a file; nothing of what is none, such as a pipe that would be waited for."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
