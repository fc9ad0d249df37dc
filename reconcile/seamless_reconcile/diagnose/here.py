"""This machine: environment variables that have a say, and which packages are installed where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from rhl_helpers.text import safe
from seamless_reconcile.diagnose.evidence import Installed, Surroundings
from seamless_reconcile.diagnose.knowledge import Knowledge

_CLIENT = (
    "remote-http-launcher",
    "seamless-config",
    "seamless-remote",
    "seamless-core",
    "seamless-transformer",
)
_USERINFO = re.compile(r"//[^/@]{0,1000}@")
_LOOPBACK = ("localhost", "127.0.0.1")
_MAX_SHOWN = 200


def surroundings(environ: Mapping[str, str], known: Knowledge) -> Surroundings:
    """Give what is set on this client and has a say; passwords in addresses are left out."""
    found = {one.name: one for one in known.variables if environ.get(one.name)}
    values = {name: safe(_USERINFO.sub("//…@", environ[name]), limit=_MAX_SHOWN) for name in found}
    traps = tuple(name for name, one in found.items() if one.trap and not _harmless(name, environ))
    return Surroundings(values, versions(_CLIENT), traps)


def _harmless(name: str, environ: Mapping[str, str]) -> bool:
    """Tell whether a proxy is not used for this machine's own ports."""
    if not name.lower().endswith("_proxy"):
        return False
    spared = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    names = {one.strip() for one in spared.split(",")}
    return "*" in names or names.issuperset(_LOOPBACK)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Give the versions of packages in this program's own environment, those that are there."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def installed(prefix: str, packages: Iterable[str]) -> tuple[Installed, ...]:
    """Give packages of a Python environment of this machine, by reading what lies there; none is run.

    Args:
        prefix: the environment's folder.
        packages: the packages that matter.
    """
    sites = [str(path) for path in sorted(Path(prefix).glob("lib/python3.*/site-packages"))]
    if not sites:
        return ()
    wanted = {name.lower() for name in packages}
    found: dict[str, Installed] = {}
    for one in metadata.distributions(path=sites):
        try:
            name = (one.metadata["Name"] or "").lower().replace("_", "-")
            if name in wanted and name not in found:
                found[name] = _installed(name, one)
        except (OSError, ValueError, KeyError, RecursionError):
            continue
    return tuple(found[name] for name in sorted(found))


def _installed(name: str, found: metadata.Distribution) -> Installed:
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    folder = origin.get("dir_info") if isinstance(origin, dict) else None
    editable = isinstance(folder, dict) and folder.get("editable") is True
    return Installed(name, safe(found.version), editable, safe(str(origin["url"])) if editable else "")
