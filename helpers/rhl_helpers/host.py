"""One host, as typed helper calls over whatever transport reaches it."""

from __future__ import annotations

import sys
import time
from typing import Any, BinaryIO, TypeVar

from rhl_helpers.calls import HANDSHAKE_SECONDS, Call, handshake, raise_for_exit
from rhl_helpers.errors import CallTimeout, HelperError, ProtocolError, Unreachable
from rhl_helpers.transport.base import Answer, Transport

T = TypeVar("T")

# Worth another try when nothing was changed; everything else is an answer.
_TRANSIENT = (Unreachable, ProtocolError)
_READ_ATTEMPTS = 2


class Host:
    """Run helper calls on one host, with a deadline on each.

    Args:
        transport: how the host is reached.
        read_timeout: seconds for each reading call, where the user set one.
    """

    def __init__(self, transport: Transport, *, read_timeout: float | None = None) -> None:
        self._transport = transport
        self._read_timeout = read_timeout

    @property
    def name(self) -> str:
        """The host as the user wrote it, or "local"."""
        return self._transport.host

    def call(self, call: Call[T], *, stdout_to: BinaryIO | None = None, max_output: int | None = None) -> T:
        """Run one call and decode its reply.

        A reading call is tried again if the connection broke or the answer was garbled, unless that
        used up its time: then it would only be waited for once more. A call that changes things is
        never repeated here, since it may have taken effect.

        Raises:
            HelperError: any of its kinds.
        """
        if call.mutates:
            return self._once(call, stdout_to, max_output)
        began = time.monotonic()
        try:
            return self._once(call, stdout_to, max_output)
        except _TRANSIENT:
            if stdout_to is not None or time.monotonic() - began > self._seconds(call) / 2:
                raise
        # Imported here: a healthy run never needs it.
        import stamina  # noqa: PLC0415

        for attempt in stamina.retry_context(
            on=_TRANSIENT, attempts=_READ_ATTEMPTS, wait_initial=0.2, wait_max=1.0, timeout=None
        ):
            with attempt:
                return self._once(call, stdout_to, max_output)
        raise AssertionError("unreachable: the last attempt raises")

    def _seconds(self, call: Call[T]) -> float:
        return call.timeout if call.mutates or self._read_timeout is None else self._read_timeout

    def _once(self, call: Call[T], stdout_to: BinaryIO | None, max_output: int | None) -> T:
        timeout = self._seconds(call)
        if max_output is None and stdout_to is not None:
            # What is streamed is kept nowhere here, and wanted whole: a log that is saved (S5).
            max_output = sys.maxsize
        options: dict[str, Any] = {} if max_output is None else {"max_output": max_output}
        return call.parse(self._transport.run(call.argv, timeout=timeout, stdout_to=stdout_to, **options))

    def probe(self, host: str, port: int, path: str) -> Answer:
        """Ask a port as the host itself sees it, by HTTP GET of `path`.

        Raises:
            HelperError: where the question could not be asked.
        """
        timeout = self._read_timeout or HANDSHAKE_SECONDS
        answer = self._transport.probe(host, port, path, timeout=timeout)
        if answer is not None:
            return answer
        return self.call(handshake(f"http://{host}:{port}/{path.lstrip('/')}"))

    def reachable(self) -> HelperError | None:
        """Ask for nothing but an answer; gives the error that stands in the way, if one does."""
        try:
            reply = self._transport.run(("rhl-ps", "--help"), timeout=self._read_timeout or 15.0)
            raise_for_exit(reply)
        except CallTimeout as exc:
            return exc
        except HelperError as exc:
            return exc
        return None

    def close(self) -> None:
        """Give back the connection."""
        self._transport.close()
