"""The connection files of this machine's Seamless client, in the launcher's own format.

They live where `remote_http_launcher` itself puts them. With REMOTE_HTTP_LAUNCHER_DIR set that is the
folder itself; `rhl-rm --client` and `rhl-ps --client` look in its `client` folder and would miss them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhl_helpers.client import ConnectionFile, MalformedFile
from rhl_helpers.text import safe

FOLDER_VARIABLE = "REMOTE_HTTP_LAUNCHER_DIR"
_KEY = re.compile(r"[A-Za-z0-9._-]+")
_MAX_BYTES = 1024 * 1024
_TUNNELED = "tunneled-"
# Stands in the same folder where that variable is set.
_CONDA_CACHE = "conda-setup.json"


def client_folder() -> Path:
    """Give the folder the Seamless client keeps its connection files in."""
    base = os.environ.get(FOLDER_VARIABLE)
    if base:
        return Path(base).expanduser()
    return Path.home() / ".remote-http-launcher" / "client"


def read_files(folder: Path) -> dict[str, ConnectionFile | MalformedFile]:
    """Read all connection files of a folder, by key; a folder that is not there holds none.

    Raises:
        OSError: the folder cannot be listed.
    """
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return {}
    found: dict[str, ConnectionFile | MalformedFile] = {}
    for path in paths:
        key = path.name.removesuffix(".json")
        if path.name in (key, _CONDA_CACHE) or not _KEY.fullmatch(key):
            continue
        file = read_file(path, key)
        if file is not None:
            found[key] = file
    return found


def read_file(path: Path, key: str) -> ConnectionFile | MalformedFile | None:
    """Read one connection file; None if it is not there (any more)."""
    try:
        with path.open("rb") as handle:
            raw = handle.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            return MalformedFile(key, "it is larger than a connection file can be")
        data = json.loads(raw)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as exc:
        return MalformedFile(key, safe(str(exc)))
    return _connection(key, data)


def _connection(key: str, data: Any) -> ConnectionFile | MalformedFile:
    if not isinstance(data, dict):
        return MalformedFile(key, "not a JSON object")
    hostname, port = data.get("hostname"), _port(data.get("port"))
    if not isinstance(hostname, str) or not hostname:
        return MalformedFile(key, "it names no host")
    if port is None:
        return MalformedFile(key, "it names no port")
    through = data.get("tunneled-host")
    ports = {name: value for name, value in data.items() if _port(value) is not None and name != "port"}
    return ConnectionFile(
        key=key,
        hostname=hostname,
        port=port,
        tunneled_host=through if isinstance(through, str) else None,
        tunneled_port=_port(data.get("tunneled-port")),
        extra={name: value for name, value in ports.items() if _is_extra(name)},
        tunneled_extra={
            name.removeprefix(_TUNNELED): value
            for name, value in ports.items()
            if name.startswith(_TUNNELED) and _is_extra(name.removeprefix(_TUNNELED))
        },
        stale=data.get("status") == "stale",
    )


def _is_extra(name: str) -> bool:
    return name.endswith(("_port", "-port")) and not name.startswith(_TUNNELED)


def _port(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 65536 else None  # noqa: PLR2004 - the range of ports


def write_file(folder: Path, key: str, payload: Mapping[str, Any]) -> None:
    """Write one connection file: whole or not at all, readable by its owner only.

    Raises:
        OSError: disk full, no permission.
        ValueError: the key cannot be a file name.
    """
    path = _path(folder, key)
    folder.mkdir(parents=True, exist_ok=True)
    # mkstemp makes it 0600. Its name does not end in .json, so nobody reads it half written.
    handle, temporary = tempfile.mkstemp(prefix=f".{key[:64]}.", suffix=".tmp", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(dict(payload), stream)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def remove_file(folder: Path, key: str) -> None:
    """Remove one connection file; a missing one is fine."""
    _path(folder, key).unlink(missing_ok=True)


def _path(folder: Path, key: str) -> Path:
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a service key: {safe(key)}")
    return folder / f"{key}.json"
