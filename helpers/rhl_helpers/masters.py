"""Master connections of the ssh binary that were left behind on this machine; they are only looked at."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER_OPENING = "rhl-"
SOCKET_NAME = "master"
_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Master:
    """A folder that this program made for a master connection.

    Attributes:
        live: whether somebody listens on its socket.
    """

    folder: str
    live: bool


def masters(folders: Iterable[Path] | None = None) -> tuple[Master, ...]:
    """Find the folders of master connections of this user, in use or left behind.

    Args:
        folders: where to look; by default where the transport makes them.
    """
    places = dict.fromkeys(folders or (Path(tempfile.gettempdir()), Path("/tmp")))  # noqa: S108 - see openssh.py
    found = []
    for place in places:
        try:
            inside = sorted(place.glob(f"{FOLDER_OPENING}*"))
        except OSError:
            continue
        found += [one for folder in inside if (one := _master(folder)) is not None]
    return tuple(found)


def _master(folder: Path) -> Master | None:
    try:
        told = folder.lstat()
        if not stat.S_ISDIR(told.st_mode) or told.st_uid != os.getuid():
            return None
        path = folder / SOCKET_NAME
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return None
    except OSError:
        # Without a socket it is empty, or somebody else's: nothing to say.
        return None
    return Master(str(folder), _listens(path))


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(_SECONDS)
        try:
            stream.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # Busy, or not ours to ask: in doubt it is in use.
            return True
    return True
