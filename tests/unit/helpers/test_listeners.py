"""Ports and addresses of this machine."""

from __future__ import annotations

import os
import socket

import psutil
import pytest

from rhl_helpers.listeners import covers, free_port, listening


def test_where_a_process_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listening([psutil.Process(os.getpid())], port) == {"127.0.0.1"}
    assert listening([psutil.Process(os.getpid())], port) == frozenset()


@pytest.mark.parametrize(
    ("found", "wanted", "covered"),
    [
        ({"127.0.0.1"}, {"127.0.0.1"}, True),
        ({"127.0.0.1", "::1"}, {"127.0.0.1"}, True),
        ({"127.0.0.1"}, {"127.0.0.1", "::1"}, False),
        ({"::"}, {"127.0.0.1", "::1"}, True),
        (set(), {"127.0.0.1"}, False),
        (set(), set(), False),
    ],
)
def test_a_listener_must_be_met_at_every_address(found, wanted, covered):
    assert covers(frozenset(found), frozenset(wanted)) is covered


def test_a_free_port_is_free_everywhere():
    port, addresses = free_port()
    assert "127.0.0.1" in addresses
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, port), family=family).close()
