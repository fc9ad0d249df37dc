"""Command lines of forwards, read."""

from __future__ import annotations

import pytest
from remote_http_launcher import TUNNEL_MONITOR_SCRIPT

from rhl_helpers.forwards import ForwardTarget, MonitorLine, parse_monitor, parse_ssh

TARGET = ForwardTarget(8000, "frontend", "node7", 60757)


def monitor_argv(**changes: str) -> list[str]:
    values = {
        "ssh-host": "frontend",
        "remote-host": "node7",
        "remote-port": "60757",
        "local-port": "8000",
        "remote-pid": "4242",
        "status-path": "/tmp/x",
        **changes,
    }
    words = [word for name, value in values.items() if value is not None for word in (f"--{name}", value)]
    return ["/usr/bin/python3", "-c", TUNNEL_MONITOR_SCRIPT, *words]


class TestMonitor:
    def test_the_launchers_own(self):
        assert parse_monitor(monitor_argv()) == MonitorLine(TARGET, 4242)

    def test_flags_with_equals_signs(self):
        argv = monitor_argv()
        joined = [*argv[:3], *(f"{flag}={value}" for flag, value in zip(argv[3::2], argv[4::2], strict=True))]
        assert parse_monitor(joined) == MonitorLine(TARGET, 4242)

    def test_an_ipv6_target_in_brackets(self):
        assert parse_monitor(monitor_argv(**{"remote-host": "[::1]"})).target.remote_host == "::1"

    @pytest.mark.parametrize(
        "argv",
        [
            [],
            ["python3"],
            ["python3", "-c"],
            ["python3", "script.py", *monitor_argv()[3:]],
            ["python3", "-c", "print('--remote-pid')", *monitor_argv()[3:]],
            ["ssh", "-N", "-L", "8000:node7:60757", "frontend"],
            monitor_argv(**{"ssh-host": None}),
            monitor_argv(**{"ssh-host": ""}),
            monitor_argv(**{"local-port": "0"}),
            monitor_argv(**{"local-port": "65536"}),
            monitor_argv(**{"remote-port": "http"}),
            monitor_argv(**{"remote-port": "-1"}),
            monitor_argv(**{"remote-pid": "self"}),
            monitor_argv(**{"remote-host": None}),
        ],
    )
    def test_anything_else_is_none(self, argv):
        assert parse_monitor(argv) is None

    def test_a_flag_without_its_value(self):
        assert parse_monitor([*monitor_argv(**{"remote-pid": None}), "--remote-pid"]) is None


class TestSsh:
    @pytest.mark.parametrize(
        "argv",
        [
            "ssh -N -o ExitOnForwardFailure=yes -L 8000:node7:60757 frontend",
            "/usr/bin/ssh -F /x/config -N -o ExitOnForwardFailure=yes -L 8000:node7:60757 frontend",
            "ssh -NL 8000:node7:60757 frontend",
            "ssh -fNTL8000:node7:60757 frontend",
            "ssh frontend -N -L 8000:node7:60757",
            "ssh -L localhost:8000:node7:60757 -N -p 2222 -i key frontend",
            "ssh -N -L [::1]:8000:node7:60757 -- frontend",
            "ssh -N -L *:8000:[node7]:60757 frontend",
            "ssh -v -C -N -l me -J gate1,gate2 -L 8000:node7:60757 frontend",
            "ssh -N -oLocalForward=8000:node7:60757 frontend",
        ],
    )
    def test_forwards(self, argv):
        assert parse_ssh(argv.split()) == (TARGET,)

    def test_a_forward_given_as_an_option_of_two_words(self):
        argv = ["ssh", "-N", "-o", "LocalForward 8000 node7:60757", "frontend"]
        assert parse_ssh(argv) == (TARGET,)

    def test_an_ipv6_target(self):
        assert parse_ssh(["ssh", "-N", "-L", "8000:[fe80::1]:80", "h"]) == (
            ForwardTarget(8000, "h", "fe80::1", 80),
        )

    def test_several(self):
        found = parse_ssh(["ssh", "-N", "-L", "1:a:2", "-L", "3:b:4", "me@h"])
        assert found == (ForwardTarget(1, "me@h", "a", 2), ForwardTarget(3, "me@h", "b", 4))

    @pytest.mark.parametrize(
        "argv",
        [
            "",
            "ssh",
            "ssh -N",
            "ssh -N frontend",
            "ssh -L 8000:node7:60757 frontend",
            "ssh -N -L 8000:node7:60757",
            "ssh -N -L 8000:node7:60757 frontend sleep 10",
            "ssh -N -R 8000:node7:60757 frontend",
            "ssh -N -D 8000 frontend",
            "ssh -N -L /tmp/sock:node7:60757 frontend",
            "ssh -N -L 8000:/run/sock frontend",
            "ssh -N -L 0:node7:60757 frontend",
            "ssh -N -L 8000:node7:http frontend",
            "ssh -N -L",
            "ssh -o",
            "sshd -N -L 8000:node7:60757 frontend",
            "autossh -N -L 8000:node7:60757 frontend",
            "grep ssh -N -L 8000:node7:60757 frontend",
            "ssh: /tmp/socket [mux]",
        ],
    )
    def test_anything_else_is_empty(self, argv):
        assert parse_ssh(argv.split()) == ()
