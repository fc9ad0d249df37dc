"""Processes of this machine: pairing, evidence."""

from __future__ import annotations

import os
import subprocess
import time

import psutil
import pytest

from rhl_helpers.client import Forward, ForwardFailed, Process
from rhl_helpers.forwards import ForwardTarget, MonitorLine
from rhl_helpers.tunnels import _Monitor, _paired, _Ssh, end_forward, evidence

TARGET = ForwardTarget(8000, "frontend", "node7", 60757)


def monitor(pid: int, target: ForwardTarget = TARGET) -> _Monitor:
    return _Monitor(Process(pid, 1.0), MonitorLine(target, 4242))


def ssh(pid: int, parent: int = 1, target: ForwardTarget = TARGET) -> _Ssh:
    return _Ssh(Process(pid, 1.0), parent, target)


def pairs(monitors, sshs):
    return [
        (one.monitor.pid if one.monitor else None, one.ssh.pid if one.ssh else None)
        for one in _paired(monitors, sshs)
    ]


class TestPairing:
    def test_each_with_its_own(self):
        other = ForwardTarget(8001, "frontend", "node7", 60757)
        assert pairs([monitor(1), monitor(2, other)], [ssh(12, 2, other), ssh(11, 1)]) == [(1, 11), (2, 12)]

    def test_an_ssh_below_a_wrapper_is_found_by_its_ports(self):
        named = ForwardTarget(8000, "me@frontend.example.org", "node7", 60757)
        assert pairs([monitor(1)], [ssh(11, 99, named)]) == [(1, 11)]

    def test_of_two_alike_the_child_is_taken(self):
        assert pairs([monitor(1)], [ssh(11, 99), ssh(12, 1)]) == [(1, 12), (None, 11)]

    def test_either_alone(self):
        assert pairs([monitor(1)], []) == [(1, None)]
        assert pairs([], [ssh(11)]) == [(None, 11)]

    def test_other_ports_are_other_forwards(self):
        other = ForwardTarget(8000, "frontend", "node7", 60758)
        assert pairs([monitor(1)], [ssh(11, 1, other)]) == [(1, None), (None, 11)]

    def test_what_the_monitor_watches_is_told(self):
        (found,) = _paired([monitor(1)], [ssh(11)])
        assert found == Forward(8000, "frontend", "node7", 60757, 4242, Process(1, 1.0), Process(11, 1.0))


class TestEnding:
    def test_processes_that_are_gone_are_fine(self):
        with subprocess.Popen(["true"]) as done:
            done.wait()
        end_forward(Forward(8000, "f", "n", 1, monitor=Process(done.pid, 1.0), ssh=Process(done.pid, 1.0)))

    def test_this_process_itself_is_left_alone(self):
        own = Process(os.getpid(), psutil.Process().create_time())
        with pytest.raises(ForwardFailed, match="something else now"):
            end_forward(Forward(8000, "f", "n", 1, ssh=own))


class TestEvidence:
    def test_a_process_that_runs(self):
        found = evidence(os.getpid())
        assert found is not None
        assert not found.zombie
        assert found.command[0].rpartition("/")[2].startswith("python")
        assert abs(found.create_time - psutil.Process().create_time()) < 0.02

    def test_one_that_is_dead_but_not_collected(self):
        with subprocess.Popen(["true"]) as done:
            deadline = time.monotonic() + 5
            while not (found := evidence(done.pid)).zombie:
                assert time.monotonic() < deadline
            assert found.command == ()

    @pytest.mark.parametrize("pid", [-1, 2**22 + 1, 2**40])
    def test_no_such_process(self, pid):
        assert evidence(pid) is None
