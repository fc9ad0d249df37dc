"""From an identity to a launch configuration, by the functions the Seamless runtime itself uses."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, SimpleNamespace
from typing import Any

from seamless_reconcile.commandline import split
from seamless_reconcile.declared import PERSISTENT_TYPES

SERVER_FOLDER = "~/.remote-http-launcher/server"


@dataclass(frozen=True, slots=True)
class Identified:
    """An identity with nothing left open; None means none."""

    cluster: str
    project: str | None
    subproject: str | None
    stage: str | None
    substage: str | None
    mode: str
    queue: str | None
    frontend: str | None


@dataclass(frozen=True, slots=True)
class Launch:
    """What the launcher would do for one service.

    Attributes:
        config: seamless-config's mapping.
        parsed: the launcher's own reading of it.
        argv: the service's command line.
        meta: what goes into the state file's `meta`.
        root: the configured directory that the workdir lies below; None for services without data.
    """

    config: Mapping[str, Any]
    parsed: Any
    argv: tuple[str, ...]
    meta: Mapping[str, Any]
    root: str | None = None


def configure(kind: str, identity: Identified) -> dict[str, Any]:
    """Ask seamless-config for a service's launch configuration.

    Raises:
        RuntimeError, ValueError, KeyError, TypeError, AssertionError: in seamless-config's words.
    """
    from seamless_config import tools  # noqa: PLC0415

    where: dict[str, Any] = {"cluster": identity.cluster, "frontend_name": identity.frontend}
    if kind == "pure_daskserver":
        return dict(tools.configure_pure_daskserver(queue=identity.queue, **where))
    where |= {"project": identity.project, "subproject": identity.subproject, "stage": identity.stage}
    if kind in PERSISTENT_TYPES:
        return dict(getattr(tools, f"configure_{kind}")(identity.mode, **where))
    return dict(getattr(tools, f"configure_{kind}")(substage=identity.substage, **where))


def launch(kind: str, identity: Identified, *, idle_timeout: float | None, local_folder: str) -> Launch:
    """Resolve one service completely.

    Args:
        kind: the service's type.
        identity: whose it is.
        idle_timeout: seconds, in place of the runtime's own; None leaves it.
        local_folder: where this machine keeps state files.

    Raises:
        RuntimeError, ValueError, KeyError, TypeError, AssertionError: in seamless-config's words.
    """
    from remote_http_launcher import Configuration  # noqa: PLC0415

    config = configure(kind, identity)
    if idle_timeout is not None:
        config["timeout"] = int(idle_timeout) if idle_timeout == int(idle_timeout) else idle_timeout
    parsed = Configuration.from_mapping(config)
    folder = SERVER_FOLDER if parsed.hostname is not None else local_folder
    return Launch(
        config, parsed, command_line(parsed, folder), _meta(kind, identity, config), _root(kind, identity)
    )


def command_line(parsed: Any, folder: str) -> tuple[str, ...]:
    """Evaluate the launcher's command template as it would, and split it as it would.

    Args:
        parsed: the launcher's `Configuration`; what it holds has been checked.
        folder: where the state file goes.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: the template does not fit the configuration.
    """
    # Quoted, since the result is split into words; "~/" is for the helper to expand.
    quoted = folder if folder.startswith("~") else shlex.quote(folder)
    namespace = {**parsed.namespace, "status_file": f"{quoted}/{parsed.key}.json"}
    # The launcher's own `evaluate_command`, but for compiling a template only once.
    return tuple(split(str(eval(_compiled(parsed.command_template), {"__builtins__": {}}, namespace))))  # noqa: S307


@lru_cache(maxsize=256)
def _compiled(template: str) -> CodeType:
    # Templates are seamless-config's own; what is put into them before this has been checked.
    return compile(f"f{template!r}", "<config>", "eval")


def local_server_folder(environ: Mapping[str, str]) -> str:
    """Give where the helpers of this machine keep state files, by their own rule."""
    base = environ.get("REMOTE_HTTP_LAUNCHER_DIR")
    if base is None:
        return SERVER_FOLDER
    home = environ.get("HOME")
    if home and (base == "~" or base.startswith("~/")):
        base = home + base[1:]
    return os.path.abspath(os.path.join(os.path.expanduser(base), "server"))  # noqa: PTH100, PTH111, PTH118


def _meta(kind: str, identity: Identified, config: Mapping[str, Any]) -> dict[str, Any]:
    from seamless_config.service._dispatch import add_meta  # noqa: PLC0415

    asked = SimpleNamespace(
        service=kind.replace("_", "-"),
        cluster=identity.cluster,
        mode=identity.mode,
        project=identity.project,
        subproject=identity.subproject,
        stage=identity.stage,
        substage=identity.substage,
        queue=identity.queue,
    )
    return dict(add_meta(config, asked))


_ROOTS = {"hashserver": "bufferdir", "database": "database_dir"}


def _root(kind: str, identity: Identified) -> str | None:
    if kind not in _ROOTS:
        return None
    from seamless_config.tools import _prepare_tool  # noqa: PLC0415 - which frontend, by the runtime's own choice

    project, subproject, stage = identity.project, identity.subproject, identity.stage
    _, frontend, _ = _prepare_tool(
        kind, identity.mode, identity.cluster, project, subproject, stage, None, identity.frontend
    )
    return str(getattr(getattr(frontend, kind), _ROOTS[kind]))
