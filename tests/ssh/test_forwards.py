"""Forwards through a real host: opened, listed, asked through, ended, found broken."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil
import pytest

from lab import HostSpec, Lab
from lab.host import MARK, free_port, keygen
from rhl_helpers import listeners, opening
from rhl_helpers.client import Forward, ForwardFailed
from rhl_helpers.local_client import LocalClient
from rhl_helpers.transport.base import Answer

pytestmark = pytest.mark.ssh


@pytest.fixture
def client(lab_env, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lab_env.host("plain")
    client = LocalClient()
    yield client
    for forward in client.forwards():
        if is_ours(forward, lab_env):
            client.end_forward(forward)


def is_ours(forward: Forward, lab: Lab) -> bool:
    """Tell whether a forward was opened here: other test processes of this user have theirs."""
    process = forward.ssh or forward.monitor
    try:
        return process is not None and psutil.Process(process.pid).environ().get(MARK) == str(lab.root)
    except psutil.Error:
        return False


def open_to(client: LocalClient, web, host: str = "plain") -> Forward:
    port = client.open_forward(host, "127.0.0.1", web.port, os.getpid())
    return find(client, port)


def find(client: LocalClient, port: int) -> Forward:
    return next(forward for forward in client.forwards() if forward.local_port == port)


def wait_for(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_over(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestLife:
    def test_opened_listed_asked_and_ended(self, client, web, tmp_path):
        forward = open_to(client, web)
        assert forward.ssh_host == "plain"
        assert (forward.remote_host, forward.remote_port) == ("127.0.0.1", web.port)
        assert forward.remote_pid == os.getpid()
        assert forward.monitor is not None
        assert forward.ssh is not None
        assert client.probe("localhost", forward.local_port, "healthcheck") is Answer.OK
        began = time.monotonic()
        client.end_forward(forward)
        assert time.monotonic() - began < 8
        assert client.probe("localhost", forward.local_port, "healthcheck") is Answer.CLOSED
        assert is_over(forward.monitor.pid)
        assert is_over(forward.ssh.pid)
        assert forward.local_port not in {each.local_port for each in client.forwards()}
        wait_for(lambda: not list(tmp_path.glob("rhl-forward-*")))

    def test_ended_twice_is_ended(self, client, web):
        forward = open_to(client, web)
        client.end_forward(forward)
        client.end_forward(forward)

    def test_several_at_once(self, client, web):
        with ThreadPoolExecutor(6) as pool:
            ports = list(
                pool.map(lambda _: client.open_forward("plain", "localhost", web.port, os.getpid()), range(6))
            )
            assert len(set(ports)) == 6
            answers = list(pool.map(lambda port: client.probe("localhost", port, "healthcheck"), ports))
            assert answers == [Answer.OK] * 6
            list(pool.map(lambda port: client.end_forward(find(client, port)), ports))

    def test_several_at_once_to_a_host_that_takes_one_login_at_a_time(self, lab_env, client, web):
        host = lab_env.add(HostSpec("plain-narrow", max_startups="1"))
        with ThreadPoolExecutor(3) as pool:
            opened = pool.map(
                lambda _: client.open_forward(host.name, "localhost", web.port, os.getpid()), range(3)
            )
            for port in opened:
                assert client.probe("localhost", port, "healthcheck") is Answer.OK
                client.end_forward(find(client, port))

    def test_it_outlives_the_program_that_opened_it(self, lab_env, client, web):
        script = (
            "from rhl_helpers.local_client import LocalClient\n"
            f"print(LocalClient().open_forward('plain', '127.0.0.1', {web.port}, {os.getpid()}))\n"
        )
        done = lab_env.run([sys.executable, "-W", "error", "-c", script], timeout=30)
        assert done.stderr == ""
        assert client.probe("localhost", int(done.stdout), "healthcheck") is Answer.OK
        client.end_forward(find(client, int(done.stdout)))

    def test_the_launchers_own_is_the_same(self, lab_env, client, web):
        port = free_port()
        script = (
            "import remote_http_launcher as launcher\n"
            f"launcher.establish_tunnel('plain', '127.0.0.1', {web.port}, {port}, {os.getpid()})\n"
        )
        assert lab_env.run([sys.executable, "-c", script], timeout=30).returncode == 0
        theirs = find(client, port)
        ours = open_to(client, web)
        assert theirs.monitor is not None
        assert theirs.ssh is not None
        assert replace(theirs, local_port=0, monitor=None, ssh=None) == replace(
            ours, local_port=0, monitor=None, ssh=None
        )
        client.end_forward(theirs)

    @pytest.mark.parametrize("persist", [(), ("ControlPersist 30",)], ids=["plain", "persistent"])
    def test_a_shared_master_connection_is_said_to_be_in_the_way(self, lab_env, client, web, persist):
        # ssh hands the forward to the master and ends at once: the launcher's own tunnels fail there too.
        name = f"plain-shared-{len(persist)}"
        shared = (f"ControlPath {lab_env.root}/{name}.socket", "ControlMaster auto", *persist)
        lab_env.add(HostSpec(name, config=shared))
        subprocess.run(["ssh", "-fN", "-o", "ControlPersist=no", name], check=True)
        checked = subprocess.run(["ssh", "-O", "check", name], check=True, capture_output=True, text=True)
        master = psutil.Process(int(re.search(r"pid=(\d+)", checked.stderr)[1]))
        with pytest.raises(ForwardFailed, match="shares the connection"):
            open_to(client, web, name)
        assert [each for each in master.net_connections("tcp") if each.status == psutil.CONN_LISTEN] == []
        subprocess.run(["ssh", "-O", "exit", name], check=True, capture_output=True)


class TestHalfDead:
    def test_its_ssh_died(self, client, web, tmp_path):
        forward = open_to(client, web)
        # In its first half second the monitor would still notice, and end as well.
        wait_for(lambda: not list(tmp_path.glob("rhl-forward-*")))
        psutil.Process(forward.ssh.pid).kill()
        wait_for(lambda: is_over(forward.ssh.pid))
        left = find(client, forward.local_port)
        assert left == replace(forward, ssh=None)
        client.end_forward(left)
        assert is_over(forward.monitor.pid)

    def test_its_monitor_died(self, client, web):
        forward = open_to(client, web)
        psutil.Process(forward.monitor.pid).kill()
        wait_for(lambda: is_over(forward.monitor.pid))
        left = find(client, forward.local_port)
        assert left == replace(forward, monitor=None, remote_pid=None)
        assert client.probe("localhost", forward.local_port, "healthcheck") is Answer.OK
        client.end_forward(left)
        assert is_over(forward.ssh.pid)

    def test_its_service_died(self, client, web):
        forward = open_to(client, web)
        gone = replace(forward, remote_port=free_port())
        port = client.open_forward("plain", "127.0.0.1", gone.remote_port, os.getpid())
        assert client.probe("localhost", port, "healthcheck") is Answer.SILENT


class TestHandMade:
    def test_it_counts_as_a_forward_without_monitor(self, lab_env, client, web):
        port = free_port()
        lab_env.spawn(
            ["ssh", "-fNL", f"{port}:127.0.0.1:{web.port}", "plain"], env=lab_env.env, name=f"hand-{port}"
        )
        wait_for(lambda: client.probe("localhost", port, "healthcheck") is Answer.OK)
        forward = find(client, port)
        assert forward.monitor is None
        assert forward.remote_pid is None
        client.end_forward(forward)
        assert client.probe("localhost", port, "healthcheck") is Answer.CLOSED

    def test_one_that_carries_others_too_is_left_alone(self, lab_env, client, web):
        one, two = free_port(), free_port()
        argv = [
            "ssh",
            "-N",
            "-L",
            f"{one}:127.0.0.1:{web.port}",
            "-L",
            f"{two}:127.0.0.1:{web.port}",
            "plain",
        ]
        pid = lab_env.spawn(argv, env=lab_env.env, name=f"hand-{one}")
        wait_for(lambda: client.probe("localhost", two, "healthcheck") is Answer.OK)
        assert find(client, one).shared
        with pytest.raises(ForwardFailed, match="carries other forwards too"):
            client.end_forward(find(client, one))
        assert client.probe("localhost", one, "healthcheck") is Answer.OK
        psutil.Process(pid).kill()


class TestSafety:
    """S8: nothing is killed that is not the forward it was."""

    @pytest.mark.parametrize("part", ["ssh", "monitor"])
    def test_a_reused_pid_is_left_alone(self, client, web, part):
        forward = open_to(client, web)
        process = getattr(forward, part)
        other = replace(forward, **{part: replace(process, create_time=process.create_time - 10)})
        with pytest.raises(ForwardFailed, match="something else now"):
            client.end_forward(other)
        assert client.probe("localhost", forward.local_port, "healthcheck") is Answer.OK

    def test_another_command_line_is_left_alone(self, client, web):
        forward = open_to(client, web)
        with pytest.raises(ForwardFailed, match="something else now"):
            client.end_forward(replace(forward, remote_port=forward.remote_port + 1))
        assert client.probe("localhost", forward.local_port, "healthcheck") is Answer.OK

    def test_a_process_that_is_no_forward_is_left_alone(self, client, web):
        forward = open_to(client, web)
        with subprocess.Popen(["sleep", "30"]) as bystander:
            created = psutil.Process(bystander.pid).create_time()
            named = replace(forward.ssh, pid=bystander.pid, create_time=created)
            with pytest.raises(ForwardFailed, match="something else now"):
                client.end_forward(replace(forward, ssh=named))
            assert bystander.poll() is None
            bystander.kill()

    def test_an_ssh_that_does_not_listen_to_reason_is_killed(self, client, web, monkeypatch):
        monkeypatch.setattr("rhl_helpers.tunnels._TERM_SECONDS", 0.2)
        forward = open_to(client, web)
        os.kill(forward.ssh.pid, signal.SIGSTOP)
        client.end_forward(forward)
        assert is_over(forward.ssh.pid)
        assert is_over(forward.monitor.pid)


class TestNotOpened:
    def test_nobody_there(self, lab_env, client, aliases, tmp_path):
        lab_env.host("plain")
        closed = free_port()
        with lab_env.ssh_config.open("a") as config:
            config.write(f"Host nowhere\n HostName 127.0.0.1\n Port {closed}\n")
        try:
            with pytest.raises(ForwardFailed, match=r"(?i)connection refused"):
                client.open_forward("nowhere", "127.0.0.1", 1, os.getpid())
        finally:
            lab_env.write_ssh_files()
        assert not list(tmp_path.glob("rhl-forward-*"))

    def test_login_refused(self, lab_env, client, web):
        host = lab_env.add(HostSpec("plain-locked"))
        keygen(host.folder / "other")
        (host.folder / "authorized_keys").write_text((host.folder / "other.pub").read_text())
        with pytest.raises(ForwardFailed, match="Permission denied"):
            client.open_forward("plain-locked", "127.0.0.1", web.port, os.getpid())

    def test_an_option_for_a_host(self, client):
        with pytest.raises(ForwardFailed, match="not a host name"):
            client.open_forward("-oProxyCommand=touch /tmp/x", "127.0.0.1", 1, os.getpid())

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_a_port_taken_meanwhile_is_not_taken_for_the_forward(self, client, web, monkeypatch, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.create_server((address, 0), family=family) as thief:
            stolen = thief.getsockname()[1]
            ports = iter([(stolen, listeners.free_port()[1]), listeners.free_port()])
            monkeypatch.setattr(opening, "free_port", lambda: next(ports))
            assert client.open_forward("plain", "127.0.0.1", web.port, os.getpid()) != stolen

    def test_the_host_does_not_answer_in_time(self, lab_env, client, web, monkeypatch):
        monkeypatch.setattr(opening, "_OPEN_SECONDS", 0.5)
        monkeypatch.setattr(opening, "_ASK_SECONDS", 1)
        host = lab_env.add(HostSpec("plain-silent"))
        host.freeze()
        with pytest.raises(ForwardFailed, match=r"in time|timed out"):
            client.open_forward(host.name, "127.0.0.1", web.port, os.getpid())
        host.thaw()
        assert not [each for each in client.forwards() if each.ssh_host == host.name]


def test_the_launcher_accepts_the_file_as_its_own(lab_env, client, web):
    forward = open_to(client, web)
    client.write_file(
        "key-1",
        {
            "hostname": "localhost",
            "port": forward.local_port,
            "tunneled-host": "plain",
            "tunneled-port": web.port,
        },
    )
    script = (
        "import json, remote_http_launcher as launcher\n"
        "print(json.dumps(launcher.run({'key': 'key-1', 'workdir': '/tmp', 'hostname': '127.0.0.1',"
        " 'ssh_hostname': 'plain', 'command': 'false', 'tunnel': True, 'handshake': 'healthcheck'})))\n"
    )
    done = lab_env.run([sys.executable, "-c", script], timeout=30)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["port"] == forward.local_port
    client.remove_file("key-1")
