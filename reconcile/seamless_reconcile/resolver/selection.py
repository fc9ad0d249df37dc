"""What seamless.yaml, seamless.profile.yaml, the cluster files and SEAMLESS_CACHE say, by seamless-config's own code."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, ManifestError, Problem
from seamless_reconcile.manifest.rules import path_fault
from seamless_reconcile.resolver.definitions import Definitions, check_definitions

_STAGE_PREFIX = "stage"


@dataclass(slots=True)
class Selection:
    """What is selected for one stage before an entry has its say.

    Attributes:
        globals: the selection as seamless-config's module holds it.
        definitions: the clusters there are.
        synthetic: whether SEAMLESS_CACHE stands in for all cluster and project files.
        problems: what is wrong with the files.
    """

    globals: Mapping[str, Any]
    definitions: Definitions
    synthetic: bool = False
    problems: list[Problem] = field(default_factory=list)


class Files:
    """The configuration files of one folder and one home, read once.

    Args:
        clusters: the manifest's own cluster definitions; they win.

    Raises:
        ManifestError: a file cannot be read at all.
    """

    def __init__(self, clusters: Mapping[str, Any]) -> None:
        from seamless_config import config_files, get_seamless_cache  # noqa: PLC0415

        self._inline = clusters
        self.synthetic = get_seamless_cache() is not None
        config_files.load_tools()
        self._home: dict[str, Any] = {}
        self._commands: list[tuple[Path, Any]] = []
        if not self.synthetic:
            self._home = _home_clusters()
            self._commands = _folder_commands()
        self._stages = _named_stages([entry for _, entry in self._commands])
        self._selections: dict[str | None, Selection] = {}
        # The stage whose clusters seamless-config has at the moment.
        self._registered: str | None = None

    def select(self, stage: str | None) -> Selection:
        """Execute the commands as for one stage; gives what they select."""
        # Only a stage that has a block of its own differs from the others.
        key = stage if stage in self._stages else None
        if key not in self._selections:
            self._selections[key] = self._load(key)
        elif key != self._registered and not self.synthetic:
            self._selections[key].definitions.register()
        self._registered = key
        return self._selections[key]

    def _load(self, stage: str | None) -> Selection:
        from seamless_config import config_files, select  # noqa: PLC0415

        from seamless_reconcile.resolver.isolation import SELECTION_DEFAULTS  # noqa: PLC0415

        vars(select).update(SELECTION_DEFAULTS)
        select.select_stage(stage)
        problems: list[Problem] = []
        if self.synthetic:
            config_files._load_seamless_cache_config()  # noqa: SLF001 - the runtime's own path
            return Selection(_selected(), _synthetic(), synthetic=True)
        config_files._clusters = copy.copy(self._home)  # noqa: SLF001
        commands = self._invocations(problems)
        _execute([command for command in commands if command.priority], problems)
        found = check_definitions({**config_files._clusters, **self._inline}, inline=frozenset(self._inline))  # noqa: SLF001
        found.register()
        _execute([command for command in commands if not command.priority], problems)
        return Selection(_selected(), found, problems=problems)

    def _invocations(self, problems: list[Problem]) -> list[Any]:
        from seamless_config import config_files  # noqa: PLC0415

        try:
            return list(config_files._build_command_invocations(self._commands))  # noqa: SLF001
        except (ValueError, TypeError) as exc:
            problems.append(_in_file(exc, self._commands[0][0] if self._commands else None))
            return []


def _synthetic() -> Definitions:
    """Take the cluster that SEAMLESS_CACHE stands for from where the runtime has put it, and check its path."""
    from seamless_config import cluster, get_seamless_cache  # noqa: PLC0415

    name = cluster.get_local_cluster()
    fault = path_fault(get_seamless_cache() or "")
    if fault:
        return Definitions(faults={name: [("", f"the folder of SEAMLESS_CACHE {fault}")]})
    return Definitions(usable={name: cluster.get_cluster(name)})


def _selected() -> dict[str, Any]:
    from seamless_config import select  # noqa: PLC0415

    from seamless_reconcile.resolver.isolation import SELECTION_DEFAULTS  # noqa: PLC0415

    return {name: getattr(select, name) for name in SELECTION_DEFAULTS}


def _execute(commands: list[Any], problems: list[Problem]) -> None:
    for command in commands:
        try:
            command.execute()
        except (ValueError, TypeError, AttributeError) as exc:
            problems.append(_in_file(exc, command.source, f"`{safe(command.name)}`: "))


def _in_file(exc: Exception, path: Path | None, what: str = "") -> Problem:
    """Name the file: seamless-config begins some of its messages with it, and some not."""
    message = str(exc)
    if path is not None:
        message = message.removeprefix(f"{path}: ")
        return Problem(Location(str(path), 1, 1), f"{what}{safe(message)}")
    return Problem(None, f"{what}{safe(message)}")


def _named_stages(entries: Any) -> frozenset[str]:
    """Give the stages that have a block of their own, at any depth."""
    names: set[str] = set()
    if isinstance(entries, list):
        for entry in entries:
            if not isinstance(entry, dict):
                continue
            for key, value in entry.items():
                if isinstance(key, str) and key.startswith(_STAGE_PREFIX) and isinstance(value, list):
                    names |= {key.removeprefix(_STAGE_PREFIX).strip()} | _named_stages(value)
    return frozenset(names)


def _home_clusters() -> dict[str, Any]:
    from seamless_config import config_files  # noqa: PLC0415

    try:
        return dict(config_files._load_clusters())  # noqa: SLF001 - the runtime's own path
    except (yaml.YAMLError, OSError, ValueError, TypeError, RecursionError) as exc:
        raise ManifestError(
            _blame_home_files() or [Problem(None, f"the cluster files: {safe(str(exc))}")]
        ) from None


def _home_files() -> list[Path]:
    import os  # noqa: PLC0415

    seamless = Path(os.environ.get("HOME") or Path.home()) / ".seamless"
    return [
        path
        for path in (seamless / "clusters.yaml", *sorted((seamless / "clusters").glob("*.yaml")))
        if path.is_file()
    ]


def _blame_home_files() -> list[Problem]:
    """Find which cluster files cannot be read as a mapping, and where."""
    problems: list[Problem] = []
    for path in _home_files():
        problem = _fault_of(path, dict, "must be a mapping of cluster definitions")
        if problem is not None:
            problems.append(problem)
    return problems


def _fault_of(path: Path, kind: type, otherwise: str) -> Problem | None:
    try:
        with path.open(encoding="utf-8") as handle:
            data = yaml.safe_load(handle)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Problem(Location(str(path), line, column), safe(exc.problem or str(exc)))
    except (yaml.YAMLError, OSError, ValueError, TypeError, RecursionError) as exc:
        return Problem(Location(str(path), 1, 1), f"cannot be read: {safe(str(exc))}")
    return None if isinstance(data, kind) else Problem(Location(str(path), 1, 1), otherwise)


def _folder_commands() -> list[tuple[Path, Any]]:
    from seamless_config import config_files  # noqa: PLC0415

    try:
        return list(config_files._collect_command_entries())  # noqa: SLF001 - the runtime's own path
    except (yaml.YAMLError, OSError, ValueError, TypeError, RecursionError) as exc:
        raise ManifestError(_blame_folder_files() or [Problem(None, safe(str(exc)))]) from None


def _blame_folder_files() -> list[Problem]:
    from seamless_config import config_files, get_workdir  # noqa: PLC0415

    here = Path(get_workdir()).resolve()
    problems: list[Problem] = []
    for folder in (here, *here.parents):
        for name in config_files.CONFIG_FILENAMES:
            path = folder / name
            problem = (
                _fault_of(path, list, "must be a list of commands, as in `- project: myproject`")
                if path.is_file()
                else None
            )
            if problem is not None:
                problems.append(problem)
        if problems:
            break
    return problems
