"""Keep seamless-config's module globals to ourselves while a manifest is resolved.

seamless-config keeps what is selected, which clusters there are and where to look in module
globals. One manifest must not see what another (or the host program) has selected, so one
resolution at a time runs on fresh globals, and the old ones are put back.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import yaml

_LOCK = threading.RLock()

SELECTION_DEFAULTS: Mapping[str, Any] = {
    "_current_cluster": None,
    "_current_project": None,
    "_current_subproject": None,
    "_current_stage": None,
    "_current_substage": None,
    "_current_execution": "process",
    "_current_queue": None,
    "_current_remote": None,
    "_current_persistent": None,
    "_current_record": False,
    "_current_node": None,
    "_current_nparallel": None,
    "_execution_source": None,
    "_queue_source": None,
    "_queue_cluster": None,
    "_remote_source": None,
    "_persistent_source": None,
    "_record_source": None,
    "_node_source": None,
    "_execution_command_seen": False,
    "_persistent_command_seen": False,
    "_record_command_seen": False,
}
"""What `seamless_config.select` starts from."""

_ENVIRONMENT = ("HOME", "SEAMLESS_CACHE")
# What seamless-config would import on the way, and what it would do with it: forget a cache of a
# runtime that does not run here. Seconds of imports for nothing.
_NOT_WANTED = ("seamless_transformer", "seamless_transformer.record_runtime")


@contextmanager
def isolated(folder: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Run the block on fresh globals of seamless-config, alone.

    Args:
        folder: where seamless.yaml and seamless.profile.yaml are looked for.
        environ: HOME and SEAMLESS_CACHE are taken from here.
    """
    with _LOCK, ExitStack() as stack:
        _environment(stack, environ)
        _hide_modules(stack)
        import seamless_config  # noqa: PLC0415 - 70 ms that not every command needs
        from seamless_config import cluster, config_files, extern_clients, select  # noqa: PLC0415

        _replace(stack, seamless_config, {"_workdir": folder, "_set_workdir_called": True})
        _replace(stack, select, SELECTION_DEFAULTS)
        _replace(stack, cluster, {"_clusters": {}, "_local_cluster": None})
        _replace(stack, config_files, {"_clusters": {}, "yaml": _QuickYaml()})
        _replace(stack, extern_clients, {"collect_remote_clients": _no_clients})
        yield


class _QuickYaml:
    """PyYAML as seamless-config uses it, by libyaml where PyYAML was built with it: ten times as quick."""

    def __getattr__(self, name: str) -> Any:
        return getattr(yaml, name)

    @staticmethod
    def safe_load(stream: Any) -> Any:
        """Load with the same constructors as `yaml.safe_load`."""
        return yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def _no_clients(cluster: str) -> dict[str, list[Any]]:  # noqa: ARG001 - seamless-config's signature
    """Stand in for asking the runtime's own clients: a jobserver's are filled in at its launch."""
    return {"database": [], "buffer": []}


def _replace(stack: ExitStack, module: ModuleType, values: Mapping[str, Any]) -> None:
    before = {name: getattr(module, name) for name in values}
    stack.callback(vars(module).update, before)
    vars(module).update(values)


def _environment(stack: ExitStack, environ: Mapping[str, str]) -> None:
    for name in _ENVIRONMENT:
        wanted, present = environ.get(name), os.environ.get(name)
        if wanted != present:
            stack.callback(_setter(name, present))
            _setter(name, wanted)()


def _setter(name: str, value: str | None) -> Callable[[], None]:
    def apply() -> None:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

    return apply


def _hide_modules(stack: ExitStack) -> None:
    modules: dict[str, Any] = sys.modules
    for name in _NOT_WANTED:
        # None makes the import fail at once; seamless-config goes on without.
        before = modules.get(name)
        stack.callback(_put_back, name, before)
        modules[name] = None


def _put_back(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module
