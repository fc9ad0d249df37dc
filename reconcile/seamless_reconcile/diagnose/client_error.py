"""What a client's error tells of the server: which service, what kind of failure, flaky or not. Pure.

The text was pasted by a user, or written by a program: it is untrusted as a log is (S10).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seamless_reconcile.diagnose.knowledge import ClientPattern, Knowledge
from seamless_reconcile.diagnose.logs import Log
from seamless_reconcile.diagnose.tracebacks import Traceback, chains, owner

_STATUS = re.compile(r"\b(?:HTTP|Error) ([1-5]\d\d)\b")
_URL = re.compile(r"(?:https?://|tcp://|host )([A-Za-z0-9_.\-]{1,255}):(\d{1,5})\b")
_LAST_LINES = 200
_RETRIER = "seamless_remote/client.py"


@dataclass(frozen=True, slots=True)
class ClientError:
    """What a client's error tells.

    Attributes:
        patterns: what it means, the best first; empty where no pattern knows it.
        type: the type of service it is about; empty where the text does not tell.
        told_by: the client's file that tells so; empty where something else did.
        status: the HTTP status the server answered with.
        exhausted: whether the client had retried before it gave up: then it is not flaky.
        asked: addresses in the text, host and port.
        line: what was raised, untrusted.
    """

    patterns: tuple[ClientPattern, ...] = ()
    type: str = ""
    told_by: str = ""
    status: int | None = None
    exhausted: bool = False
    asked: tuple[tuple[str, int], ...] = ()
    line: str = ""

    @property
    def ports(self) -> frozenset[int]:
        """The ports it asked."""
        return frozenset(port for _, port in self.asked)


def read_client_error(text: Log, known: Knowledge) -> ClientError:
    """Read the text of an error; with several, the last one counts."""
    every = chains(text.tracebacks)
    chain = every[-1] if every else ()
    lines = [one.line for one in reversed(chain)]
    patterns = _patterns(lines, known)
    if not patterns:
        # Not everybody pastes a whole traceback.
        lines = [line for line in reversed(text.lines[-_LAST_LINES:]) if line.strip()]
        patterns = _patterns(lines, known)
    kind, told_by = _service(chain, patterns, known)
    joined = "\n".join(lines)
    status = _STATUS.search(joined)
    return ClientError(
        patterns,
        kind,
        told_by,
        int(status[1]) if status else None,
        _exhausted(chain, known),
        tuple(dict.fromkeys((host, int(port)) for host, port in _URL.findall(joined) if int(port) < _PORTS)),
        lines[0] if lines else "",
    )


_PORTS = 65536


def _patterns(lines: Sequence[str], known: Knowledge) -> tuple[ClientPattern, ...]:
    return tuple(
        pattern
        for pattern in known.client
        if any(expression.search(line) for expression in pattern.text for line in lines)
    )


def _service(
    chain: Sequence[Traceback], patterns: Sequence[ClientPattern], known: Knowledge
) -> tuple[str, str]:
    """Tell which type of service it is about, and which file tells."""
    for name in _files(chain):
        if name in known.clients:
            return known.clients[name], name
    packages = [name for one in chain for frame in one.frames for _, name in [owner(frame, known.modules)]]
    for name in reversed(packages):
        if name in known.client_packages:
            return known.client_packages[name], ""
    return next((pattern.types[0] for pattern in patterns if pattern.types), ""), ""


def _files(chain: Sequence[Traceback]) -> Iterator[str]:
    for one in reversed(chain):
        for frame in reversed(one.frames):
            yield frame.file.rpartition("/")[2]


def _exhausted(chain: Sequence[Traceback], known: Knowledge) -> bool:
    """Tell whether the last of five attempts raised it.

    What a client does not retry (a failed healthcheck is a RuntimeError) passes the same frame at once.
    """
    if not chain or chain[-1].name not in known.retried:
        return False
    return any(
        frame.file.endswith(_RETRIER) and frame.function == "wrapper" for one in chain for frame in one.frames
    )
