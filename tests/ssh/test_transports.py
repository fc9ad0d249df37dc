"""What holds for every way of reaching a host, on real sshd hosts: one contract, both transports."""

from __future__ import annotations

import io
import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import HostSpec
from lab.calls import shell
from lab.host import free_port, keygen
from rhl_helpers import calls
from rhl_helpers.errors import (
    AuthenticationFailed,
    CallTimeout,
    GuardRefused,
    HostKeyProblem,
    NotInstalled,
    ProtocolError,
    Unreachable,
)
from rhl_helpers.transport.base import Reply

pytestmark = pytest.mark.ssh


@pytest.fixture(params=["paramiko", "openssh"], autouse=True)
def kind(request):
    return request.param


@pytest.fixture
def plain(lab, reach):
    lab.host("plain")
    return reach("plain")


class TestRunning:
    def test_a_helper_answers(self, plain):
        assert plain.call(calls.ps()) == []

    def test_arguments_arrive_as_they_are(self, plain):
        words = ["a b", "$HOME", "'", '"', "*", "~/x", "a;b", "\\", "", "ü", "-n"]
        reply = plain.call(calls.Call(("printf", "%s\n", *words), mutates=True, parse=lambda reply: reply))
        assert reply.stdout.decode().split("\n")[:-1] == words

    def test_exit_code_and_both_streams_come_back(self, plain):
        call = calls.Call(
            ("sh", "-c", "echo out; echo err >&2; exit 3"), mutates=True, parse=lambda reply: reply
        )
        assert plain.call(call) == Reply("plain", 3, b"out\n", b"err\n")

    def test_output_beyond_the_cap_is_dropped_and_said(self, plain):
        reply = plain.call(shell("head -c 3000000 /dev/zero"), max_output=1000)
        assert (len(reply.stdout), reply.truncated, reply.exit_code) == (1000, True, 0)

    def test_output_is_streamed_where_asked(self, plain):
        sink = io.BytesIO()
        reply = plain.call(shell("head -c 3000000 /dev/zero | tr '\\0' x; echo"), stdout_to=sink)
        assert sink.getvalue() == b"x" * 3_000_000 + b"\n"
        assert reply.stdout == b""

    def test_much_on_both_streams_does_not_block(self, plain):
        script = "head -c 4000000 /dev/zero >&2; head -c 4000000 /dev/zero"
        assert len(plain.call(shell(script)).stdout) == 4_000_000

    def test_a_process_left_behind_does_not_hold_the_call(self, plain):
        began = time.monotonic()
        plain.call(shell("sleep 30 </dev/null >/dev/null 2>&1 &"))
        assert time.monotonic() - began < 8

    def test_login_noise_and_banner_precede_the_rows(self, lab, reach, kind):
        host = lab.add(HostSpec(f"noisy-{kind}", noise="Welcome! {not json}", banner="Keep out"))
        host.server_dir.mkdir(parents=True, exist_ok=True)
        (host.server_dir / "k.json").write_text(json.dumps({"status": "failed", "workdir": "/x"}))
        noisy = reach(host.name)
        assert [row.key for row in noisy.call(calls.ps())] == ["k"]
        assert noisy.call(calls.inspect("k")).workdir == "/x"
        assert noisy.call(calls.inspect("nope")) is None


class TestRefusals:
    def test_not_installed(self, lab, reach):
        lab.host("bare")
        with pytest.raises(NotInstalled, match="rhl-ps"):
            reach("bare").call(calls.ps())

    def test_installed_in_the_conda_base_only(self, lab, reach):
        lab.host("conda")
        assert reach("conda").call(calls.ps()) == []

    def test_guard_passes_what_it_allows(self, lab, reach):
        for name in ("rooted", "marked", "unpolicied"):
            lab.host(name)
            assert reach(name).call(calls.ps()) == []

    def test_guard_with_data_roots_says_outside(self, lab, reach):
        host = lab.host("rooted")
        rooted = reach("rooted")
        with pytest.raises(GuardRefused, match="outside configured --data-roots: /srv/elsewhere"):
            rooted.call(calls.ps_persistent("/srv/elsewhere"))
        assert rooted.call(calls.ps_persistent(str(host.data / "new")))[0].state == "absent"

    def test_guard_with_marker_policy_wants_the_marker(self, lab, reach):
        host = lab.host("marked")
        with pytest.raises(GuardRefused) as refused:
            reach("marked").call(calls.ps_persistent(str(host.data)))
        assert refused.value.wants_marker
        assert not refused.value.has_no_policy

    def test_guard_without_policy_refuses_every_path(self, lab, reach):
        host = lab.host("unpolicied")
        with pytest.raises(GuardRefused) as refused:
            reach("unpolicied").call(calls.ps_persistent(str(host.data)))
        assert refused.value.has_no_policy

    def test_guard_refuses_what_is_no_helper(self, lab, reach):
        lab.host("rooted")
        with pytest.raises(GuardRefused, match="not in whitelist"):
            reach("rooted").call(shell("true"))

    def test_guard_that_is_misconfigured_says_so(self, lab, reach, kind):
        host = lab.add(HostSpec(f"misconfigured-{kind}", guard="data-roots"))
        (host.folder / "data-roots").unlink()
        with pytest.raises(GuardRefused, match="configuration error: could not read"):
            reach(host.name).call(calls.ps())


class TestNoConnection:
    def test_nobody_listens(self, reach, aliases):
        config = aliases(f"Host nowhere\n HostName 127.0.0.1\n Port {free_port()}")
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"(?i)connection refused"):
            reach("nowhere", config=config).call(shell("true"))
        assert time.monotonic() - began < 8

    def test_no_such_name(self, reach, aliases):
        config = aliases("Host noname\n HostName no-such-host.invalid")
        with pytest.raises(Unreachable, match=r"(?i)resolve"):
            reach("noname", config=config).call(shell("true"))

    def test_a_host_that_is_silent_from_the_start(self, lab, reach, kind):
        host = lab.add(HostSpec(f"silent-{kind}"))
        host.freeze()
        began = time.monotonic()
        with pytest.raises(CallTimeout, match="nothing was run"):
            reach(host.name).call(shell("true", timeout=1.0))
        assert time.monotonic() - began < 8
        host.thaw()

    def test_the_configuration_is_broken(self, reach, aliases):
        with pytest.raises(Unreachable, match=r"(?i)bad configuration option"):
            reach("x", config=aliases("NoSuchOption yes")).call(shell("true"))

    @pytest.mark.parametrize("name", ["-oProxyCommand=false", "a b", "a\nb", ""])
    def test_a_name_that_is_none_is_refused(self, reach, name):
        with pytest.raises(Unreachable, match="not a host name"):
            reach(name).call(shell("true"))


class TestLogin:
    def test_a_key_the_host_does_not_know(self, lab, reach, aliases, tmp_path):
        host = lab.host("plain")
        keygen(tmp_path / "other")
        config = aliases(
            f"Host other\n HostName 127.0.0.1\n Port {host.port}\n IdentityFile {tmp_path / 'other'}"
        )
        # The lab's own key comes from its defaults; without it only the other one is left.
        text = (tmp_path / "ssh_config").read_text()
        own = lab.ssh_config.read_text().replace(f"IdentityFile {lab.key}", "")
        (tmp_path / "ssh_config").write_text(text.replace(f"Include {lab.ssh_config}", own))
        with pytest.raises(AuthenticationFailed):
            reach("other", config=config).call(shell("true"))

    @pytest.mark.parametrize("methods", ["publickey,password", "password"])
    def test_a_host_that_wants_more_than_a_key(self, lab, reach, kind, methods):
        lines = (f"AuthenticationMethods {methods}", "PasswordAuthentication yes")
        host = lab.add(HostSpec(f"more-{kind}-{methods.replace(',', '-')}", sshd=lines))
        with pytest.raises(AuthenticationFailed) as refused:
            reach(host.name).call(shell("true"))
        if kind == "paramiko":
            assert "the host wants password" in refused.value.hint
            assert "--ssh openssh" in refused.value.hint

    def test_an_unknown_host_key(self, lab, reach, aliases):
        lab.host("plain")
        config = aliases("Host plain\n UserKnownHostsFile /dev/null\n StrictHostKeyChecking no")
        with pytest.raises(HostKeyProblem, match=r"unknown|is known for"):
            reach("plain", config=config).call(shell("true"))

    @pytest.mark.parametrize(("marker", "words"), [("", "has changed"), ("@revoked ", "revoked")])
    def test_a_host_key_that_must_not_be_accepted(self, lab, reach, aliases, tmp_path, marker, words):
        host = lab.host("plain")
        keygen(tmp_path / "fake")
        key = host.host_key if marker else " ".join((tmp_path / "fake.pub").read_text().split()[:2])
        also = f"[127.0.0.1]:{host.port} {host.host_key}\n" if marker else ""
        (tmp_path / "known").write_text(f"{marker}[127.0.0.1]:{host.port} {key}\n{also}")
        config = aliases(f"Host plain\n UserKnownHostsFile {tmp_path / 'known'}")
        with pytest.raises(HostKeyProblem, match=words):
            reach("plain", config=config).call(shell("true"))

    def test_hashed_known_hosts_and_an_alias(self, lab, reach, aliases, tmp_path):
        host = lab.host("plain")
        known = tmp_path / "known"
        known.write_text(f"[127.0.0.1]:{host.port} {host.host_key}\n")
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
        assert "127.0.0.1" not in known.read_text()
        config = aliases(f"Host plain\n UserKnownHostsFile {known}")
        reach("plain", config=config).call(shell("true"))
        known.write_text(f"the-frontend {host.host_key}\n")
        config = aliases(f"Host plain\n UserKnownHostsFile {known}\n HostKeyAlias the-frontend")
        reach("plain", config=config).call(shell("true"))

    @pytest.mark.parametrize("algorithm", ["ecdsa", "rsa"])
    def test_of_several_host_keys_the_known_one_is_asked_for(
        self, lab, reach, aliases, tmp_path, kind, algorithm
    ):
        key = tmp_path / "second"
        subprocess.run(["ssh-keygen", "-q", "-t", algorithm, "-N", "", "-f", str(key)], check=True)
        host = lab.add(HostSpec(f"two-keys-{kind}-{algorithm}", sshd=(f"HostKey {key}",)))
        public = " ".join((tmp_path / "second.pub").read_text().split()[:2])
        (tmp_path / "known").write_text(f"[127.0.0.1]:{host.port} {public}\n")
        config = aliases(f"Host {host.name}\n UserKnownHostsFile {tmp_path / 'known'}")
        assert reach(host.name, config=config).call(shell("echo in")).stdout == b"in\n"

    def test_a_locked_key_works_through_the_agent(self, lab, reach, aliases, tmp_path, monkeypatch):
        host = lab.add(HostSpec(f"agent-{tmp_path.name}"))
        key = tmp_path / "locked"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        with (host.folder / "authorized_keys").open("a") as keys:
            keys.write((tmp_path / "locked.pub").read_text())
        socket = lab.root / f"agent-{host.port}"
        lab.spawn(["ssh-agent", "-D", "-a", str(socket)], env=lab.env, name=f"agent-{host.port}")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        while subprocess.run(["ssh-add", str(key)], capture_output=True, check=False).returncode:
            time.sleep(0.02)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(key)], check=True)
        entry = f"Host {host.name}\n IdentityFile {key}\n IdentityAgent"
        # The lab's own key would do as well: leave it out.
        own = lab.ssh_config.read_text().replace(f"IdentityFile {lab.key}", "")
        for agent, works in (("SSH_AUTH_SOCK", True), ("none", False)):
            config = aliases(f"{entry} {agent}")
            text = (tmp_path / "ssh_config").read_text().replace(f"Include {lab.ssh_config}", own)
            (tmp_path / "ssh_config").write_text(text)
            if works:
                reach(host.name, config=config).call(shell("true"))
                continue
            with pytest.raises(AuthenticationFailed):
                reach(host.name, config=config).call(shell("true"))


class TestThroughOthers:
    def test_proxy_jump(self, lab, reach, kind):
        lab.host("plain")
        lab.host("plain2")
        lab.add(HostSpec(f"inner-{kind}", jump="plain"))
        lab.add(HostSpec(f"innermost-{kind}", jump=f"plain2,inner-{kind}"))
        assert self._address(reach(f"inner-{kind}")) == self._address(reach(f"innermost-{kind}"))

    @staticmethod
    def _address(host):
        return host.call(shell("echo ${SSH_CONNECTION%% *}")).stdout

    def test_a_jump_host_that_is_down(self, lab, reach, aliases):
        lab.host("plain")
        config = aliases(f"Host gate\n HostName 127.0.0.1\n Port {free_port()}\nHost plain\n ProxyJump gate")
        with pytest.raises(Unreachable):
            reach("plain", config=config).call(shell("true"))

    def test_proxy_command(self, lab, reach, aliases):
        lab.host("plain")
        lab.host("plain2")
        command = f"{lab.bin}/ssh -W %h:%p plain2"
        config = aliases(f"Host plain\n ProxyCommand {command}")
        reply = reach("plain", config=config).call(shell("pwd; echo $HOME"))
        assert str(lab.host("plain").home) in reply.stdout.decode()

    def test_a_proxy_command_that_fails(self, lab, reach, aliases):
        lab.host("plain")
        config = aliases("Host plain\n ProxyCommand sh -c 'echo no way through >&2; exit 1'")
        with pytest.raises(Unreachable, match=r"no way through|ProxyCommand failed"):
            reach("plain", config=config).call(shell("true"))


class TestInterruptions:
    def test_a_call_that_takes_too_long(self, plain):
        plain.call(shell("true"))
        began = time.monotonic()
        with pytest.raises(CallTimeout):
            plain.call(shell("sleep 30", timeout=0.5))
        assert 0.4 < time.monotonic() - began < 8
        assert plain.call(shell("echo on")).stdout == b"on\n"

    def test_a_session_that_is_killed(self, plain):
        with pytest.raises(ProtocolError, match="killed"):
            plain.call(shell("printf '{\"key\":'; kill -9 $$"))
        assert plain.call(shell("echo on")).stdout == b"on\n"

    def test_a_connection_that_is_cut_during_a_call(self, lab, reach, kind):
        host = lab.add(HostSpec(f"cut-{kind}"))
        reached = reach(host.name)
        reached.call(shell("true"))
        threading.Timer(0.3, host.cut).start()
        with pytest.raises(ProtocolError):
            reached.call(shell("sleep 30"))

    def test_a_connection_that_was_dropped_is_made_again(self, lab, reach, kind):
        host = lab.add(HostSpec(f"dropped-{kind}"))
        reached = reach(host.name)
        reached.call(shell("true"))
        assert host.cut() > 0
        assert reached.call(shell("echo again")).stdout == b"again\n"

    def test_a_host_that_restarts(self, lab, reach, kind):
        host = lab.add(HostSpec(f"restarting-{kind}"))
        reached = reach(host.name)
        reached.call(shell("true"))
        host.stop()
        with pytest.raises(Unreachable, match=r"(?i)refused"):
            reached.call(shell("true"))
        host.start()
        assert reached.call(shell("echo again")).stdout == b"again\n"

    def test_a_host_that_falls_silent(self, lab, reach, kind):
        host = lab.add(HostSpec(f"frozen-{kind}"))
        reached = reach(host.name)
        reached.call(shell("true"))
        host.freeze()
        began = time.monotonic()
        with pytest.raises(CallTimeout):
            reached.call(shell("true", timeout=0.7))
        assert time.monotonic() - began < 8
        host.thaw()
        assert reached.call(shell("echo again")).stdout == b"again\n"

    def test_a_host_with_another_key_after_its_restart(self, lab, reach, kind):
        host = lab.add(HostSpec(f"rekeyed-{kind}"))
        reached = reach(host.name)
        reached.call(shell("true"))
        known = lab.known_hosts.read_text()
        host.stop()
        host.new_host_key()
        host.start()
        lab.known_hosts.write_text(known)
        try:
            with pytest.raises(HostKeyProblem, match="changed"):
                reached.call(shell("true"))
        finally:
            lab.write_ssh_files()


class TestManyAtOnce:
    def test_twenty_calls_with_ten_sessions(self, plain):
        plain.call(shell("true"))
        with ThreadPoolExecutor(20) as pool:
            replies = list(pool.map(lambda n: plain.call(shell(f"sleep 0.05; echo {n}")), range(20)))
        assert [int(reply.stdout) for reply in replies] == list(range(20))

    def test_calls_that_come_before_there_is_a_connection(self, lab, reach, kind):
        host = lab.add(HostSpec(f"burst-{kind}"))
        reached = reach(host.name)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: reached.call(shell("true")), range(8)))
        assert host.log.read_text().count("Accepted publickey") == 1

    def test_a_host_with_fewer_sessions_than_usual(self, lab, reach, kind):
        host = lab.add(HostSpec(f"few-{kind}", max_sessions=2))
        reached = reach(host.name)
        with ThreadPoolExecutor(12) as pool:
            replies = list(pool.map(lambda n: reached.call(shell(f"sleep 0.05; echo {n}")), range(12)))
        assert [int(reply.stdout) for reply in replies] == list(range(12))

    def test_a_host_that_drops_new_connections_for_a_while(self, lab, reach, kind):
        import socket  # noqa: PLC0415

        host = lab.add(HostSpec(f"crowded-{kind}", max_startups="1:100:1"))
        waiting = socket.create_connection(("127.0.0.1", host.port))
        try:
            waiting.recv(4)
            threading.Timer(0.4, waiting.close).start()
            assert reach(host.name).call(shell("echo in")).stdout == b"in\n"
        finally:
            waiting.close()


def test_nothing_runs_on_after_close(lab, reach, kind):
    host = lab.add(HostSpec(f"closed-{kind}"))
    reached = reach(host.name)
    reached.call(shell("true"))
    reached.close()
    began = time.monotonic()
    while len(host._sshd_processes()) > 1:
        assert time.monotonic() - began < 5
        time.sleep(0.01)
