"""Hosts on the way to a host."""

from __future__ import annotations

import pytest

from rhl_helpers.errors import Unreachable
from rhl_helpers.transport.link import _hop, open_link
from rhl_helpers.transport.ssh_config import SshSettings, resolve


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config"
    path.write_text(
        "Host gate\n HostName gate.example.org\n Port 2200\n User anna\n"
        "Host to\n ProxyJump fro\nHost fro\n ProxyJump to\n"
    )
    return str(path)


@pytest.mark.parametrize(
    ("text", "hostname", "port", "user"),
    [
        ("gate", "gate.example.org", 2200, "anna"),
        ("gate:22", "gate.example.org", 22, "anna"),
        ("bob@gate", "gate.example.org", 2200, "bob"),
        ("bob@gate:2222", "gate.example.org", 2222, "bob"),
        ("ssh://bob@gate:2222", "gate.example.org", 2222, "bob"),
        ("bob@fe80::1", "fe80::1", 22, "bob"),
        ("bob@[fe80::1]:2222", "fe80::1", 2222, "bob"),
    ],
)
def test_a_jump_host_is_looked_up_and_its_port_counts(config, text, hostname, port, user):
    hop = _hop(text, SshSettings("h", "h", 22, "u", config_file=config))
    assert (hop.hostname, hop.port, hop.user) == (hostname, port, user)


def test_a_chain_that_does_not_end(config):
    with pytest.raises(Unreachable, match="does not end"):
        open_link(resolve("to", config_file=config), deadline=1e9)
