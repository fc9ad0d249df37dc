"""Which transport a host gets."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.host import keygen
from rhl_helpers.errors import Unreachable
from rhl_helpers.transport.base import Answer, Reply
from rhl_helpers.transport.local import LocalTransport
from rhl_helpers.transport.openssh import OpenSshTransport
from rhl_helpers.transport.paramiko_ssh import ParamikoTransport
from rhl_helpers.transport.select import DeferredTransport, choose, make_transport, needs_openssh
from rhl_helpers.transport.ssh_config import resolve


@pytest.fixture
def settled(tmp_path, monkeypatch):
    """Resolve host `h` with one entry of configuration; no ticket, no keys of the user's own."""
    monkeypatch.delenv("KRB5CCNAME", raising=False)
    keygen(tmp_path / "key")
    path = tmp_path / "config"

    def write(entry: str) -> str:
        path.write_text(f"Host h\n {entry}\nHost *\n IdentityFile {tmp_path / 'key'}\n")
        return str(path)

    return write


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("Port 22", None),
        ("GSSAPIAuthentication yes", "GSSAPIAuthentication"),
        ("GSSAPIAuthentication no", None),
        ("CertificateFile /keys/x-cert.pub", "certificates"),
        ("PKCS11Provider /lib/pkcs11.so", "PKCS11Provider"),
        ("IdentityAgent /run/agent", "IdentityAgent"),
        ("IdentityAgent SSH_AUTH_SOCK", None),
        ("IdentityAgent none", None),
        ("PubkeyAuthentication no", "no public key login"),
        ("PreferredAuthentications keyboard-interactive,password", "no public key login"),
        ("PreferredAuthentications publickey,keyboard-interactive", None),
        ("HostbasedAuthentication yes", "HostbasedAuthentication"),
        ("ProxyUseFdpass yes", "ProxyUseFdpass"),
        ("KnownHostsCommand /bin/true", "KnownHostsCommand"),
        ("VerifyHostKeyDNS yes", "VerifyHostKeyDNS"),
        ("ProxyJump gate", None),
        ("ProxyCommand nc %h %p", None),
    ],
)
def test_what_needs_the_ssh_binary(settled, entry, reason):
    config = settled(entry)
    assert needs_openssh(resolve("h", config_file=config)) == reason
    kind = OpenSshTransport if reason else ParamikoTransport
    assert type(choose("h", config_file=config)) is kind


def test_a_match_exec_counts_as_ssh_reads_it(settled, tmp_path):
    (tmp_path / "config").write_text('Match host h exec "true"\n  GSSAPIAuthentication yes\n')
    assert needs_openssh(resolve("h", config_file=str(tmp_path / "config"))) == "GSSAPIAuthentication"
    (tmp_path / "config").write_text('Match host h exec "false"\n  GSSAPIAuthentication yes\n')
    assert needs_openssh(resolve("h", config_file=str(tmp_path / "config"))) is None


def test_a_certificate_beside_a_key(settled, tmp_path):
    (tmp_path / "key-cert.pub").write_text("ssh-ed25519-cert-v01@openssh.com AAAA")
    assert needs_openssh(resolve("h", config_file=settled("Port 22"))) == "certificates"


def test_a_host_certificate_authority(settled, tmp_path):
    known = tmp_path / "known"
    config = settled(f"UserKnownHostsFile {known}")
    known.write_text("@cert-authority * ssh-ed25519 AAAAca\n")
    assert needs_openssh(resolve("h", config_file=config)) == "a host certificate authority"
    known.write_text("@cert-authority * ssh-ed25519 AAAAca\nh ssh-ed25519 AAAAed\n")
    assert needs_openssh(resolve("h", config_file=config)) is None


def test_security_keys(settled, tmp_path):
    config = settled("Port 22")
    (tmp_path / "key.pub").write_text("sk-ssh-ed25519@openssh.com AAAA")
    assert needs_openssh(resolve("h", config_file=config)) == "a security key"
    keygen(tmp_path / "plain")
    config = settled(f"IdentityFile {tmp_path / 'plain'}")
    assert needs_openssh(resolve("h", config_file=config)) is None


def test_gssapi_for_everybody_counts_with_a_ticket_only(settled, monkeypatch, tmp_path):
    # As several systems' own configuration has it: the user's file says nothing.
    system = resolve("h", config_file=settled("GSSAPIAuthentication yes"))
    own = tmp_path / "own"
    own.write_text("Host h\n Port 22\n")
    import dataclasses  # noqa: PLC0415

    system = dataclasses.replace(system, config_file=None)
    monkeypatch.setattr("rhl_helpers.transport.ssh_config.user_file", lambda: str(own))
    assert needs_openssh(system) is None
    monkeypatch.setenv("KRB5CCNAME", "FILE:/tmp/krb5cc_x")
    assert needs_openssh(system) == "GSSAPIAuthentication"


def test_a_stale_control_path_is_no_master(settled, tmp_path):
    import socket  # noqa: PLC0415

    path = tmp_path / "control"
    config = settled(f"ControlPath {path}")
    assert type(choose("h", config_file=config)) is ParamikoTransport
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    assert type(choose("h", config_file=config)) is ParamikoTransport


class TestMaking:
    def test_by_name(self):
        assert type(make_transport("local")) is LocalTransport
        assert type(make_transport("localhost", "paramiko")) is ParamikoTransport
        assert type(make_transport("localhost", "openssh")) is OpenSshTransport
        assert type(make_transport("localhost", "auto")) is DeferredTransport

    def test_auto_looks_nothing_up_before_its_first_call(self, settled, tmp_path):
        config = settled("Port 22")
        transport = make_transport("h", config_file=config)
        (tmp_path / "config").write_text("NoSuchOption yes\n")
        with pytest.raises(Unreachable, match="not usable"):
            transport.run(("rhl-ps",), timeout=1)
        transport.close()

    def test_importing_costs_little(self):
        script = (
            "import sys, rhl_helpers.transport.select\n"
            "print(sorted({'paramiko', 'psutil', 'subprocess'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestDeferred:
    def test_chosen_once_asked_again_after_a_failure_and_closed(self):
        asked: list[str] = []

        class Chosen:
            host = "h"

            def run(self, argv, **options):
                return Reply("h", 0, " ".join(argv).encode(), b"")

            def probe(self, *_, **__):
                return Answer.OK

            def close(self):
                asked.append("close")

        def pick():
            asked.append("pick")
            if len(asked) == 1:
                raise Unreachable("h", "not yet")
            return Chosen()

        transport = DeferredTransport("h", pick)
        transport.close()
        with pytest.raises(Unreachable):
            transport.run(("x",), timeout=1)
        assert transport.run(("x", "y"), timeout=1).stdout == b"x y"
        assert transport.probe("h", 1, "", timeout=1) is Answer.OK
        transport.close()
        assert asked == ["pick", "pick", "close"]
