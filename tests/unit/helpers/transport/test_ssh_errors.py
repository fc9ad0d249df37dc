"""What the ssh binary says when it fails, told apart."""

from __future__ import annotations

import pytest

from rhl_helpers.errors import AuthenticationFailed, HostKeyProblem, Unreachable
from rhl_helpers.transport.ssh_errors import OWN_WORDS, connection_error, is_drop

CHANGED = b"""\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Offending ED25519 key in /home/u/.ssh/known_hosts:1
Host key verification failed.
"""


@pytest.mark.parametrize(
    ("stderr", "kind", "detail"),
    [
        (b"Host key verification failed.\r\n", HostKeyProblem, "unknown"),
        (
            b"No ED25519 host key is known for h and you have ...\nHost key verification failed.\n",
            HostKeyProblem,
            "is known for h",
        ),
        (CHANGED, HostKeyProblem, "has changed"),
        (
            b"@ WARNING: REVOKED HOST KEY DETECTED! @\nHost key verification failed.\n",
            HostKeyProblem,
            "revoked",
        ),
        (
            b"u@h: Permission denied (publickey,gssapi-with-mic).\r\n",
            AuthenticationFailed,
            "Permission denied",
        ),
        (
            b"Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures\n",
            AuthenticationFailed,
            "Too many",
        ),
        (b"ssh: Could not resolve hostname h: Name or service not known\r\n", Unreachable, "resolve"),
        (b"ssh: connect to host h port 22: Connection refused\r\n", Unreachable, "refused"),
        (b"ssh: connect to host h port 22: Connection timed out\r\n", Unreachable, "timed out"),
        (b"ssh: connect to host h port 22: No route to host\r\n", Unreachable, "No route"),
        (b"kex_exchange_identification: read: Connection reset by peer\r\n", Unreachable, "reset"),
        (
            b"kex_exchange_identification: closed\nConnection closed by UNKNOWN port 65535\n",
            Unreachable,
            "ProxyJump or ProxyCommand",
        ),
        (
            b"f: line 1: Bad configuration option: x\r\nf: terminating, 1 bad configuration options\r\n",
            Unreachable,
            "Bad configuration option",
        ),
    ],
)
def test_kinds(stderr, kind, detail):
    error = connection_error("h", stderr)
    assert type(error) is kind
    assert detail in error.detail
    assert error.host == "h"


@pytest.mark.parametrize(
    "stderr", [b"", b"Traceback (most recent call last):\n", b"rhl-ps: malformed JSON in x\n"]
)
def test_other_words_are_no_connection_error(stderr):
    assert connection_error("h", stderr) is None


@pytest.mark.parametrize(
    ("stderr", "dropped"),
    [
        (b"kex_exchange_identification: Connection closed by remote host\n", True),
        (b"Connection closed by 127.0.0.1 port 22\n", True),
        (b"Connection to h closed by remote host.\n", True),
        (b"ssh: connect to host h port 22: Connection refused\n", False),
        (b"Connection closed by UNKNOWN port 65535\n", False),
        (b"u@h: Permission denied (publickey).\nConnection closed by 127.0.0.1 port 22\n", False),
        (b"Host key verification failed.\n", False),
        (b"", False),
    ],
)
def test_what_is_worth_another_try(stderr, dropped):
    assert is_drop(stderr) is dropped


def test_words_of_a_host_are_made_safe():
    error = connection_error("h", b"ssh: Could not resolve hostname \x1b[31mh\n")
    assert "\x1b" not in error.detail


@pytest.mark.parametrize(
    ("line", "own"),
    [
        (b"ssh: connect to host h port 22: Connection refused", True),
        (b"u@h: Permission denied (publickey).", True),
        (b"Shared connection to h closed.", True),
        (b"ConnectionRefusedError: [Errno 111] Connection refused", False),
        (b"rhl-stop: Permission denied", False),
        (b"PermissionError: Permission denied", False),
    ],
)
def test_ssh_is_told_from_the_helper(line, own):
    assert bool(OWN_WORDS.match(line)) is own
