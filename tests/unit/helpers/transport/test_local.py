"""Helpers on this machine: found, run, ended in time."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import psutil
import pytest

from rhl_helpers import calls
from rhl_helpers.errors import CallTimeout, NotInstalled, Unreachable
from rhl_helpers.host import Host
from rhl_helpers.transport.local import LocalTransport, search_path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with three places for helpers, none of which holds one yet."""
    for name in ("venv", "path", "home/miniforge3", "home/miniconda3"):
        (tmp_path / name / "bin").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path' / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    return tmp_path


def helper(folder: Path, script: str, name: str = "rhl-x") -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(*argv: str, timeout: float = 10.0, **options):
    return LocalTransport().run(argv, timeout=timeout, **options)


class TestFinding:
    def test_beside_this_python_then_on_path_then_in_conda(self, machine):
        for place in ("home/miniconda3", "home/miniforge3", "path", "venv"):
            helper(machine / place, f"echo {place}")
            assert run("rhl-x").stdout.decode().strip() == place

    def test_nowhere(self, machine):
        assert run("rhl-x").exit_code == 127
        with pytest.raises(NotInstalled, match="rhl-ps: command not found"):
            Host(LocalTransport()).call(calls.ps())

    def test_what_it_launches_sees_the_same_path(self, machine):
        helper(machine / "venv", 'echo "$PATH"')
        assert run("rhl-x").stdout.decode().strip() == search_path()
        assert search_path().startswith(str(machine / "venv" / "bin"))

    def test_one_that_cannot_be_run(self, machine):
        helper(machine / "path", "")
        (machine / "path" / "bin" / "rhl-x").write_text("#!/no/such/interpreter\n")
        with pytest.raises(Unreachable, match="cannot be run"):
            run("rhl-x")

    def test_the_real_ones_of_this_environment(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        monkeypatch.delenv("REMOTE_HTTP_LAUNCHER_DIR", raising=False)
        assert Host(LocalTransport()).call(calls.ps()) == []


class TestRunning:
    def test_exit_code_streams_and_arguments(self, machine):
        helper(machine / "path", 'for word; do echo "[$word]"; done; echo err >&2; exit 3')
        reply = run("rhl-x", "a b", "$HOME", "*")
        assert (reply.exit_code, reply.stdout, reply.stderr) == (3, b"[a b]\n[$HOME]\n[*]\n", b"err\n")
        assert reply.host == "local"

    def test_the_cap(self, machine):
        helper(machine / "path", "head -c 1000000 /dev/zero")
        reply = run("rhl-x", max_output=10)
        assert (reply.stdout, reply.truncated, reply.exit_code) == (b"\0" * 10, True, 0)
        assert not run("rhl-x", max_output=1_000_000).truncated

    def test_streaming(self, machine):
        helper(machine / "path", "echo out; echo err >&2")
        sink = io.BytesIO()
        reply = run("rhl-x", stdout_to=sink)
        assert (sink.getvalue(), reply.stdout, reply.stderr) == (b"out\n", b"", b"err\n")

    def test_a_sink_that_is_full_ends_the_helper(self, machine, monkeypatch):
        helper(machine / "path", "echo $$ > pid; exec yes")
        monkeypatch.chdir(machine)

        class Full(io.BytesIO):
            def write(self, data):
                raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space left"):
            run("rhl-x", stdout_to=Full())
        assert not psutil.pid_exists(int((machine / "pid").read_text()))

    def test_it_reads_end_of_file_on_stdin(self, machine):
        helper(machine / "path", "cat")
        assert run("rhl-x").stdout == b""

    def test_one_killed_by_a_signal(self, machine):
        helper(machine / "path", "kill -9 $$")
        assert run("rhl-x").exit_code == -9

    def test_what_it_leaves_behind_does_not_hold_the_call(self, machine):
        helper(machine / "path", "echo out; sleep 20 & echo $!")
        began = time.monotonic()
        reply = run("rhl-x")
        assert time.monotonic() - began < 10
        out, pid = reply.stdout.split()
        assert out == b"out"
        psutil.Process(int(pid)).kill()


class TestDeadline:
    def test_the_whole_group_is_ended(self, machine):
        helper(machine / "path", f"sleep 60 & echo $! > {machine}/pid; wait")
        began = time.monotonic()
        with pytest.raises(CallTimeout, match=r"rhl-x did not end within 0\.5 s"):
            run("rhl-x", timeout=0.5)
        assert 0.4 < time.monotonic() - began < 10
        pid = int((machine / "pid").read_text())
        deadline = time.monotonic() + 10
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline

    def test_one_that_closed_its_streams_counts_too(self, machine):
        helper(machine / "path", "exec >&- 2>&-; sleep 60")
        with pytest.raises(CallTimeout):
            run("rhl-x", timeout=0.4)


def test_closing_does_nothing():
    LocalTransport().close()
