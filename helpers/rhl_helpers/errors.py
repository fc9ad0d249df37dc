"""What can go wrong between this client and a helper, told apart.

One hierarchy, structured fields, no parsing of messages by callers. Every error names the host
and says what to do next (`hint`).
"""

from __future__ import annotations

from rhl_helpers.secrets import redacted


class HelperError(Exception):
    """A helper call that gave no usable answer.

    Attributes:
        host: the host as the user wrote it, or "local".
        detail: what happened, one line, safe to print after `rhl_helpers.text.safe`.
        hint: what the user can do about it; may be empty.
    """

    kind = "error"
    hint = ""

    def __init__(self, host: str, detail: str, *, hint: str = "") -> None:
        # A guard that refuses a command may repeat it, with everything on it.
        detail = redacted(detail)
        super().__init__(f"{host}: {detail}")
        self.host = host
        self.detail = detail
        if hint:
            self.hint = hint


class NotInstalled(HelperError):
    """The helper is not on the host's PATH, not even with the conda base prefix (exit 127)."""

    kind = "not installed"
    hint = "install remote-http-launcher on that host (system Python or the conda base environment)"


class GuardRefused(HelperError):
    """`rhl-guard` rejected the call, or is misconfigured; `detail` is the guard's own reason."""

    kind = "guard refused"
    hint = "see the rhl-guard options in the host's authorized_keys"

    @property
    def wants_marker(self) -> bool:
        """Whether the marker policy refused a directory that carries no marker."""
        return "required marker file" in self.detail

    @property
    def has_no_policy(self) -> bool:
        """Whether the guard has no path policy at all, so it refuses every path."""
        return "path-policy flag" in self.detail


class Unreachable(HelperError):
    """No connection: name resolution, refused, reset, dropped."""

    kind = "unreachable"
    hint = (
        "check the network, the host name in the cluster file and your ssh config; "
        "`seamless-reconcile doctor` goes through them"
    )


class AuthenticationFailed(HelperError):
    """The host does not accept this login."""

    kind = "authentication failed"
    hint = (
        "check `ssh HOST true`: the key, the agent and the user name in your ssh config; "
        "`seamless-reconcile doctor` shows what was offered"
    )


class HostKeyProblem(HelperError):
    """The host key is unknown or has changed."""

    kind = "host key"
    hint = (
        "check the host key out of band, then connect once with ssh to record it; "
        "`seamless-reconcile doctor` has the commands"
    )


class CallTimeout(HelperError):
    """No answer within the deadline; a call that changes things may have taken effect."""

    kind = "timeout"
    hint = "raise --timeout if the host is slow"


class ProtocolError(HelperError):
    """The answer is not what the helper prints: cut off, interleaved, not JSON."""

    kind = "protocol"
    hint = "a login script that prints, or a killed session: compare `ssh HOST rhl-ps --json`"


class HelperFailed(HelperError):
    """The helper ran and exited with an error of its own."""

    kind = "failed"

    def __init__(self, host: str, detail: str, *, exit_code: int) -> None:
        super().__init__(host, detail)
        self.exit_code = exit_code


class MutationRefused(HelperError):
    """A read-only transport was asked to change something: a bug, never a user's mistake (S6)."""

    kind = "read-only"
