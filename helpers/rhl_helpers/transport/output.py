"""What a helper prints, taken up to a cap, kept or streamed on; and the words of a command line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import BinaryIO

from rhl_helpers.transport.base import Reply

# Where conda's base environment keeps programs; the guard strips this word before it looks at the command.
PATH_PREFIX = "PATH=$HOME/miniforge3/bin:$HOME/miniconda3/bin:$PATH"
CONDA_BASES = ("miniforge3", "miniconda3")
MAX_STDERR = 1024 * 1024


def remote_command(argv: Sequence[str], *, bare: bool = False) -> str:
    """Give the one line a remote shell runs: every argument quoted, the conda bases first on PATH.

    With `bare` the login's own PATH is left as it is.
    """
    line = shlex.join(argv)
    return line if bare else f"{PATH_PREFIX} {line}"


class Output:
    """Take the two streams of one call.

    Args:
        max_output: bytes of stdout to take; what follows is dropped.
        stdout_to: where to stream stdout instead of keeping it.
    """

    def __init__(self, max_output: int, stdout_to: BinaryIO | None) -> None:
        self._room = max_output
        self._sink = stdout_to
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._truncated = False
        self._taken = 0

    def out(self, data: bytes) -> None:
        """Take a piece of stdout."""
        self._taken += len(data)
        piece = data[: self._room]
        self._room -= len(piece)
        self._truncated |= len(piece) < len(data)
        if self._sink is not None:
            self._sink.write(piece)
        else:
            self._stdout += piece

    def err(self, data: bytes) -> None:
        """Take a piece of stderr."""
        self._stderr += data[: MAX_STDERR - len(self._stderr)]

    @property
    def started(self) -> bool:
        """Whether anything came on stdout."""
        return self._taken > 0

    @property
    def stderr(self) -> bytes:
        """What was printed on stderr so far."""
        return bytes(self._stderr)

    def reply(self, host: str, exit_code: int) -> Reply:
        """Give the whole as a reply."""
        return Reply(host, exit_code, bytes(self._stdout), self.stderr, truncated=self._truncated)
