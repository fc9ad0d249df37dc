"""A service's command line, read the way the service reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from world.process import Profile, Service

if TYPE_CHECKING:
    from world.machine import SimHost

KINDS = {
    "hashserver": "hashserver",
    "seamless-database": "database",
    "seamless-jobserver": "jobserver",
    "seamless-dask-wrapper": "daskserver",
}

# How many words each option takes. The last two lines are of the obedient service of the contract suite.
_TAKES = {
    "--status-file": 1, "--timeout": 1, "--host": 1, "--port-range": 2, "--workers": 1, "--writable": 0,
    "--boot": 1, "--start": 1, "--bind": 1, "--stop": 1,
    "--fate": 1, "--patience": 1, "--ignore": 1, "--successor": 1, "--child": 1,
}  # fmt: skip


def read_arguments(host: SimHost, argv: Sequence[str]) -> tuple[Service, frozenset[str]]:
    """Give the service that a command line starts, and the signals it ignores."""
    service = Service(KINDS.get(argv[0].rsplit("/", 1)[-1], "launcher"))
    options, service.args = _options(argv[1:])
    path = host.expand(options.get("--status-file", ""))
    if path.startswith(f"{host.base}/server/") and path.endswith(".json"):
        service.status_key = path.rsplit("/", 1)[1][: -len(".json")]
    if "--timeout" in options:
        service.timeout = float(options["--timeout"])
    if "--port-range" in options:
        low, high = options["--port-range"].split()
        service.ports = int(low), int(high)
    service.host = options.get("--host", service.host)
    service.writable = "--writable" in options
    if service.kind in ("hashserver", "database") and service.args:
        service.data = host.expand(service.args[0])
    if service.kind == "daskserver":
        service.path = "health"
    service.fate = options.get("--fate", "well")
    service.patience = float(options.get("--patience", service.patience))
    service.children = int(options.get("--child", 0))
    if "--successor" in options:
        service.successor = int(options["--successor"])
    service.pace = _pace(host.profiles[service.kind], options)
    return service, frozenset(options.get("--ignore", "").split(",")) - {""}


def _pace(usual: Profile, options: dict[str, str]) -> Profile:
    chosen = {name: float(options[f"--{name}"]) for name in Profile._fields if f"--{name}" in options}
    return usual._replace(**chosen) if chosen else usual


def _options(words: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Tell a command line's options from its other words."""
    options: dict[str, str] = {}
    rest: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word in _TAKES:
            options[word] = " ".join(words[index : index + _TAKES[word]])
            index += _TAKES[word]
        else:
            rest.append(word)
    return options, tuple(rest)
