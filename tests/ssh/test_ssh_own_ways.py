"""What each ssh transport has of its own: quiet threads and quick packets; the master connection."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from lab import HostSpec
from lab.calls import shell
from rhl_helpers.errors import CallTimeout
from rhl_helpers.transport.link import open_link
from rhl_helpers.transport.openssh import OpenSshTransport
from rhl_helpers.transport.paramiko_ssh import ParamikoTransport
from rhl_helpers.transport.select import choose
from rhl_helpers.transport.ssh_config import resolve

pytestmark = pytest.mark.ssh


CUT_AND_GO_ON = """
import sys, threading, psutil
from rhl_helpers.errors import HelperError
from rhl_helpers.transport.select import make_transport

def reach(name):
    return make_transport(name, "paramiko", config_file=sys.argv[1])

def cut():
    for process in psutil.Process(int(sys.argv[2])).children(recursive=True):
        if process.name().startswith("sshd"):
            process.kill()

def say(transport, *argv):
    try:
        print(transport.run(argv, timeout=10).exit_code)
    except HelperError as error:
        print(error.kind)

quiet = reach("quiet")
say(quiet, "true")
threading.Timer(0.3, cut).start()
say(quiet, "sleep", "30")
say(quiet, "true")
say(reach("no-such-host.invalid"), "true")
# It ends without closing anything.
"""


class TestParamiko:
    def test_nothing_is_printed_and_the_program_ends_at_once(self, lab):
        host = lab.add(HostSpec("quiet"))
        done = lab.run(
            [sys.executable, "-W", "error", "-c", CUT_AND_GO_ON, str(lab.ssh_config), str(host.pid)],
            timeout=30,
        )
        assert done.stderr == ""
        assert done.stdout.split("\n") == ["0", "protocol", "0", "unreachable", ""]
        assert done.returncode == 0

    def test_small_packets_do_not_wait(self, lab):
        lab.host("plain")
        link = open_link(resolve("plain", config_file=str(lab.ssh_config)), deadline=time.monotonic() + 10)
        assert link._raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if sys.platform == "linux":
            # The kernel switches it off by itself: it must be on again after a read.
            assert link._raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)
        link.close()

    def test_a_call_costs_little_once_connected(self, lab):
        lab.host("plain")
        transport = ParamikoTransport("plain", config_file=str(lab.ssh_config))
        transport.run(("true",), timeout=10)
        # One delayed acknowledgement alone takes 40 ms, every time; a busy machine is slow only sometimes.
        assert any(_seconds(lambda: transport.run(("true",), timeout=15)) < 0.03 for _ in range(200))
        transport.close()

    def test_what_paramiko_does_not_need_is_not_imported(self):
        script = (
            "import sys\n"
            "from rhl_helpers.transport.loading import load_paramiko\n"
            "load_paramiko()\n"
            "print('paramiko' in sys.modules, 'invoke' in sys.modules)\n"
            "import invoke\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["True", "False"]

    def test_callers_that_wait_share_the_outcome_of_one_attempt(self, lab):
        host = lab.add(HostSpec("shared-attempt"))
        host.freeze()
        transport = ParamikoTransport(host.name, config_file=str(lab.ssh_config))
        outcomes: list[object] = []

        def call():
            try:
                outcomes.append(transport.run(("echo", "in"), timeout=20).stdout)
            except Exception as exc:  # noqa: BLE001 - whatever it is, it is counted
                outcomes.append(exc)

        threads = [threading.Thread(target=call) for _ in range(5)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        host.thaw()
        for thread in threads:
            thread.join()
        transport.close()
        assert outcomes == [b"in\n"] * 5
        assert host.log.read_text().count("Accepted publickey") == 1

    def test_a_call_that_timed_out_does_not_use_up_the_hosts_sessions(self, lab):
        # A slot stays taken until the remote command ends: each such connection is left and a new one made.
        host = lab.add(HostSpec("abandoned", max_sessions=2))
        transport = ParamikoTransport(host.name, config_file=str(lab.ssh_config))
        for _ in range(3):
            transport.run(("true",), timeout=15)
            with pytest.raises(CallTimeout):
                transport.run(("sleep", "30"), timeout=0.5)
        assert transport.run(("echo", "on"), timeout=15).stdout == b"on\n"
        transport.close()


def _seconds(action) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


class TestOpenSsh:
    def test_one_master_in_a_private_folder_that_goes_with_it(self, lab):
        host = lab.add(HostSpec("mastered"))
        transport = OpenSshTransport(host.name, config_file=str(lab.ssh_config))
        for _ in range(3):
            transport.run(("true",), timeout=10)
        folder = Path(transport._folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert host.log.read_text().count("Accepted publickey") == 1
        masters = _processes_naming(str(folder))
        assert len(masters) == 1
        transport.close()
        assert not folder.exists()
        deadline = time.monotonic() + 5
        while masters[0].is_running() and masters[0].status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline

    def test_the_users_own_master_is_used_where_it_is_up(self, lab):
        path = lab.root / "own-master"
        host = lab.add(HostSpec("shared-master", config=(f"ControlPath {path}", "ControlMaster auto")))
        assert lab.run(["ssh", "-fN", host.name]).returncode == 0
        # As with a one-time password: only that connection can get in, a new one could not.
        (host.folder / "authorized_keys").write_text("")
        transport = choose(host.name, config_file=str(lab.ssh_config))
        assert type(transport) is OpenSshTransport
        assert transport.run(("echo", "in"), timeout=10).stdout == b"in\n"
        transport.close()
        # It is the user's: it stays up.
        assert lab.run(["ssh", "-O", "check", host.name]).returncode == 0
        assert lab.run(["ssh", "-O", "exit", host.name]).returncode == 0

    def test_settings_for_interactive_logins_do_not_reach_a_helper(self, lab, reach):
        config = ("RemoteCommand echo hello", "RequestTTY force", "LocalForward 127.0.0.1:1 127.0.0.1:1")
        host = lab.add(HostSpec("interactive", config=config))
        reply = reach(host.name, kind="openssh").call(shell("echo mine; test -t 0 || echo no terminal"))
        assert reply.stdout == b"mine\nno terminal\n"

    def test_without_ssh_on_the_machine(self, monkeypatch):
        monkeypatch.setattr("rhl_helpers.transport.openssh.shutil.which", lambda _: None)
        transport = OpenSshTransport("plain")
        with pytest.raises(Exception, match="no ssh on this machine"):
            transport.run(("true",), timeout=5)
        transport.close()

    def test_helpers_that_sound_like_ssh_are_not_taken_for_it(self, lab, reach):
        lab.host("plain")
        script = "echo 'PermissionError: Permission denied' >&2; kill -9 $$"
        with pytest.raises(Exception, match="killed") as raised:
            reach("plain", kind="openssh").call(shell(script))
        assert raised.value.kind == "protocol"


def _processes_naming(text: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if any(text in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found
