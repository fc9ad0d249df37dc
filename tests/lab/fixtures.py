"""The lab as pytest fixtures: `from lab.fixtures import lab, lab_env` in a conftest.

One lab a test process (so one an xdist worker), its hosts started when a test first asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.host import find_sshd
from lab.lab import Lab
from lab.web import Server, serve


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    try:
        find_sshd()
    except RuntimeError as exc:
        pytest.fail(str(exc), pytrace=False)
    with Lab() as running:
        yield running


@pytest.fixture
def lab_env(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab, with this process in the client's environment: HOME, PATH, no proxies, no agent."""
    for name in ("REMOTE_HTTP_LAUNCHER_DIR", "SSH_AUTH_SOCK", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in lab.env.items():
        monkeypatch.setenv(name, value)
    return lab


@pytest.fixture
def web() -> Iterator[Server]:
    """A small HTTP server on loopback; see `lab.web`."""
    with serve() as server:
        yield server
