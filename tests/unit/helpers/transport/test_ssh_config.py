"""What an ssh configuration says of a host: by the ssh binary, and by paramiko where there is none."""

from __future__ import annotations

import getpass
import os
import pwd

import pytest

from rhl_helpers.errors import Unreachable
from rhl_helpers.transport.ssh_config import check_alias, resolve

HOME = pwd.getpwuid(os.getuid()).pw_dir

CONFIG = """
Host front frontend
  HostName front.example.org
  Port 2222
  User anna
  IdentityFile ~/.ssh/id_%r_%h
  IdentityFile /keys/two
  IdentitiesOnly yes
  ProxyJump gate1,bob@gate2:2200
  UserKnownHostsFile /known/one /known/two
  GlobalKnownHostsFile /known/global
  HostKeyAlias the-alias
  ConnectTimeout 7
  CertificateFile /keys/one-cert.pub
Host tunnelled
  ProxyCommand nc --proxy gate %h %p %%
Host direct
  ProxyCommand none
Match host matched
  User carl
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config"
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture(params=["ssh", "paramiko"])
def reader(request, monkeypatch):
    if request.param == "paramiko":
        monkeypatch.setattr("rhl_helpers.transport.ssh_config.shutil.which", lambda _: None)
        monkeypatch.setenv("HOME", HOME)
    return request.param


class TestBothReaders:
    def test_everything_a_connection_needs(self, reader, config):
        found = resolve("front", config_file=config)
        assert (found.alias, found.hostname, found.port, found.user) == (
            "front",
            "front.example.org",
            2222,
            "anna",
        )
        assert found.identity_files == (f"{HOME}/.ssh/id_anna_front.example.org", "/keys/two")
        assert found.identities_only
        assert found.proxy_jump == "gate1,bob@gate2:2200"
        assert found.proxy_command is None
        assert {"/known/one", "/known/two", "/known/global"} <= set(found.known_hosts)
        assert found.host_key_alias == "the-alias"
        assert found.connect_timeout == 7
        assert found.certificate_files == ("/keys/one-cert.pub",)
        assert found.config_file == config

    def test_defaults(self, reader, config):
        found = resolve("other", config_file=config)
        assert (found.hostname, found.port, found.user) == ("other", 22, getpass.getuser())
        assert f"{HOME}/.ssh/id_ed25519" in found.identity_files
        assert f"{HOME}/.ssh/known_hosts" in found.known_hosts
        assert not found.identities_only
        assert found.connect_timeout is None
        assert found.proxy_jump is None

    def test_a_proxy_command_with_its_tokens(self, reader, config):
        assert resolve("tunnelled", config_file=config).proxy_command == "nc --proxy gate tunnelled 22 %"
        assert resolve("direct", config_file=config).proxy_command is None

    def test_a_user_before_the_name(self, reader, config):
        found = resolve("dora@front", config_file=config)
        assert (found.user, found.hostname) == ("dora", "front.example.org")

    def test_match(self, reader, config):
        assert resolve("matched", config_file=config).user == "carl"


def test_included_files_count(tmp_path, config):
    (tmp_path / "outer").write_text(f"Include {config}\n")
    assert resolve("front", config_file=str(tmp_path / "outer")).port == 2222


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(Unreachable, match="not usable"):
        resolve("front", config_file=str(tmp_path / "missing"))


def test_options_can_be_asked_for(config):
    found = resolve("front", config_file=config)
    assert found.says("identitiesonly", "yes")
    assert not found.says("identitiesonly", "no")
    assert not found.says("nosuchoption", "yes")


@pytest.mark.parametrize("host", ["front", "anna@front.example.org", "10.0.0.1", "fe80::1%eth0", "a_b"])
def test_names_that_pass(host):
    check_alias(host)


@pytest.mark.parametrize("host", ["", "-l", "-oProxyCommand=x", "a b", "a\n", "a;b", "$(x)", "a'b", "`x`"])
def test_names_that_do_not(host):
    with pytest.raises(Unreachable, match="not a host name"):
        check_alias(host)
