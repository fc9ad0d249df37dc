from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import Lab
from lab.fixtures import lab, lab_env, web
from rhl_helpers.host import Host
from rhl_helpers.transport.select import make_transport

__all__ = ["lab", "lab_env", "web"]


@pytest.fixture
def aliases(lab: Lab, tmp_path: Path) -> Callable[[str], str]:
    """Give an ssh config in which some entries come before the lab's own."""

    def write(entries: str) -> str:
        path = tmp_path / "ssh_config"
        path.write_text(f"{entries}\nMatch all\nInclude {lab.ssh_config}\n")
        return str(path)

    return write


@pytest.fixture
def reach(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Callable[..., Host]]:
    """Reach a host by the transport that the test is parametrized with (`kind`)."""
    opened: list[Host] = []

    def make(name: str, *, kind: str | None = None, config: str | None = None) -> Host:
        chosen = kind or request.getfixturevalue("kind")
        host = Host(make_transport(name, chosen, config_file=config or str(lab.ssh_config)))
        opened.append(host)
        return host

    yield make
    for host in opened:
        host.close()
