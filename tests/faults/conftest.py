"""Faults on real hosts with real services: one client and one host a module, shared by its tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.client import Client
from faults.scene import Scene
from lab import HostSpec, Lab
from lab.fixtures import lab

__all__ = ["lab"]


@pytest.fixture(scope="module")
def client(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Give somebody new; what runs on their own machine ends with the module."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")
    person = Client(lab, f"f-{name}")
    yield person
    person.site.wipe()


@pytest.fixture(scope="module")
def scene(lab: Lab, client: Client) -> Iterator[Scene]:
    """Give a host of their own to that client; what runs there ends with the module."""
    host = lab.add(HostSpec(client.name.replace("f-", "host-")))
    found = Scene(client, host)
    yield found
    found.site.wipe()
