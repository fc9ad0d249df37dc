"""What the user's files and SEAMLESS_CACHE select, by seamless-config's own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rhl_helpers.text import safe
from seamless_reconcile.declared import Location, ManifestError, Problem
from seamless_reconcile.manifest.rules import path_fault
from seamless_reconcile.resolver.definitions import Definitions, Fault, check_definitions
from seamless_reconcile.resolver.files import (
    UNREADABLE,
    faults_of_folder_files,
    faults_of_home_files,
    too_large,
)
from seamless_reconcile.resolver.isolation import SELECTION_DEFAULTS

_STAGE_PREFIX = "stage"
_STAGE_BLOCK = "it is a block of commands, `- stage NAME: [...]`; the manifest chooses among them"


@dataclass(slots=True)
class Selection:
    """What is selected for one stage before an entry has its say.

    Attributes:
        globals: the selection as seamless-config's module holds it.
        definitions: the clusters there are.
        synthetic: whether SEAMLESS_CACHE stands in for all cluster and command files.
        problems: what is wrong with the files.
    """

    globals: Mapping[str, Any]
    definitions: Definitions
    synthetic: bool = False
    problems: list[Problem] = field(default_factory=list)


class Files:
    """The user's files, read once.

    Args:
        clusters: the manifest's own cluster definitions; they win.
        places: where these stand.

    Raises:
        ManifestError: a file cannot be read at all.
    """

    def __init__(self, clusters: Mapping[str, Any], places: Mapping[str, Location]) -> None:
        from seamless_config import config_files, get_seamless_cache  # noqa: PLC0415

        self._clusters, self._places = clusters, places
        self.synthetic = get_seamless_cache() is not None
        config_files.load_tools()
        self._home: Mapping[str, Any] = {} if self.synthetic else _home_clusters()
        self._commands = [] if self.synthetic else _folder_commands()
        self._stages = frozenset(_named_stages([entry for _, entry in self._commands]))
        self._selections: dict[str | None, Selection] = {}
        # The stage whose clusters seamless-config holds at the moment.
        self._registered: str | None = None

    def select(self, stage: str | None) -> Selection:
        """Execute the commands as for one stage, and leave its clusters registered."""
        # Only a stage that has a block of its own differs from the others.
        key = stage if stage in self._stages else None
        if key not in self._selections:
            self._selections[key] = _synthetic() if self.synthetic else self._execute(key)
        elif key != self._registered:
            self._selections[key].definitions.register()
        self._registered = key
        return self._selections[key]

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the files, for all stages asked so far."""
        return [problem for selection in self._selections.values() for problem in selection.problems]

    def _execute(self, stage: str | None) -> Selection:
        from seamless_config import config_files, select  # noqa: PLC0415

        vars(select).update(SELECTION_DEFAULTS)
        select.select_stage(stage)
        config_files._clusters = dict(self._home)  # noqa: SLF001 - where `clusters:` commands add theirs
        commands, problems = self._invocations()
        problems += [bad for command in commands if command.priority for bad in _run(command)]
        definitions = check_definitions({**config_files._clusters, **self._clusters}, self._places)  # noqa: SLF001
        definitions.register()
        problems += definitions.stray_local()
        problems += [bad for command in commands if not command.priority for bad in _run(command)]
        return Selection(_selected(), definitions, problems=problems)

    def _invocations(self) -> tuple[list[Any], list[Problem]]:
        """Read the commands, file by file, so that a bad one is found where it stands."""
        from seamless_config.config_files import _build_command_invocations  # noqa: PLC0415

        commands: list[Any] = []
        problems: list[Problem] = []
        for path, entry in self._commands:
            try:
                commands += _build_command_invocations([(path, entry)])
            except AttributeError:
                problems.append(Problem(Location(str(path), 1, 1), "`stage`: has no name", _STAGE_BLOCK))
            except (ValueError, TypeError) as exc:
                problems.append(_in_file(exc, path))
        return commands, problems


def _synthetic() -> Selection:
    """Do what the runtime does with SEAMLESS_CACHE, and check the path that it names."""
    from seamless_config import cluster, config_files, get_seamless_cache, select  # noqa: PLC0415

    vars(select).update(SELECTION_DEFAULTS)
    config_files._load_seamless_cache_config()  # noqa: SLF001 - the runtime's own path
    name = str(cluster.get_local_cluster())
    wrong = path_fault(get_seamless_cache() or "")
    if wrong:
        definitions = Definitions(faults={name: [Fault((), f"the folder that SEAMLESS_CACHE names {wrong}")]})
    else:
        definitions = Definitions(usable={name: cluster.get_cluster(name)}, local=name)
    return Selection(_selected(), definitions, synthetic=True)


def _selected() -> dict[str, Any]:
    from seamless_config import select  # noqa: PLC0415

    return {name: getattr(select, name) for name in SELECTION_DEFAULTS}


def _run(command: Any) -> Iterator[Problem]:
    try:
        command.execute()
    except (ValueError, TypeError, AttributeError, LookupError) as exc:
        yield _in_file(exc, command.source, f"`{safe(command.name)}`: ")


def _in_file(exc: Exception, path: Path, what: str = "") -> Problem:
    # seamless-config begins some of its messages with the file, and some not.
    message = str(exc).removeprefix(f"{path}: ")
    return Problem(Location(str(path), 1, 1), f"{what}{safe(message)}")


def _named_stages(entries: Any) -> Iterator[str]:
    """Give the stages that have a block of their own, at any depth."""
    for entry in entries if isinstance(entries, list) else ():
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if isinstance(key, str) and key.startswith(_STAGE_PREFIX) and isinstance(value, list):
                yield key.removeprefix(_STAGE_PREFIX).strip()
                yield from _named_stages(value)


def _home_clusters() -> Mapping[str, Any]:
    from seamless_config.config_files import _load_clusters  # noqa: PLC0415 - the runtime's own path

    try:
        return dict(_load_clusters())
    except UNREADABLE as exc:
        problems = faults_of_home_files() or [Problem(None, f"the cluster files: {safe(str(exc))}")]
        raise ManifestError(problems) from None


def _folder_commands() -> list[tuple[Path, Any]]:
    from seamless_config.config_files import _collect_command_entries  # noqa: PLC0415 - the runtime's own path

    try:
        commands = list(_collect_command_entries())
    except UNREADABLE as exc:
        problems = faults_of_folder_files() or [Problem(None, f"the command files: {safe(str(exc))}")]
        raise ManifestError(problems) from None
    for path, entry in commands:
        if too_large(entry):
            raise ManifestError([Problem(Location(str(path), 1, 1), "a command stands for too many values")])
    return commands
