"""What stands between a client and a host, without a host: names, keys, agents, greetings, replies."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import datetime, timezone

import paramiko
import pytest

from rhl_helpers import reachability
from rhl_helpers.credentials import Agent, AgentState, KeyState, agent_here, offer
from rhl_helpers.errors import HelperFailed, MutationRefused, NotInstalled, ProtocolError, Unreachable
from rhl_helpers.examining import HELPERS, CondaCache, conda_cache, help_text, look_at
from rhl_helpers.host import Host
from rhl_helpers.transport.base import Reply
from rhl_helpers.transport.host_key import agree
from rhl_helpers.transport.output import PATH_PREFIX, remote_command
from rhl_helpers.transport.read_only import ReadOnlyTransport
from seamless_reconcile.desired import CacheWish, Desired, ServiceSpec
from seamless_reconcile.doctor.asking import ask_all
from seamless_reconcile.doctor.patients import patients_of
from seamless_reconcile.doctor.seen import HostSight, Patient, Trouble
from seamless_reconcile.doctor.verdicts import report_of
from seamless_reconcile.resolver.frontends import Frontend
from unit.doctor.sights import SETTINGS, TEXTS


def reply(stdout="", stderr="", code=0):
    return Reply("frontend", code, stdout.encode(), stderr.encode())


class Scripted:
    """A transport that answers by helper, and remembers what it was asked."""

    host = "frontend"

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def run(self, argv, **_):
        self.asked.append(tuple(argv))
        if "--help" in argv:
            return reply(TEXTS[argv[0]])
        answer = self.answers.get(argv[0], reply())
        return answer(argv) if callable(answer) else answer

    def probe(self, *_, **__):
        return None

    def close(self):
        return


# --- replies ---------------------------------------------------------------------------------


def test_help_is_told_from_what_stands_before_it():
    said = help_text("rhl-ps").parse(reply("Welcome!\nusage: rhl-ps [--json]\n"))
    assert (said.text, said.noise) == ("usage: rhl-ps [--json]\n", "Welcome!")
    with pytest.raises(ProtocolError):
        help_text("rhl-ps").parse(reply("Welcome!\n"))
    with pytest.raises(NotInstalled):
        help_text("rhl-ps").parse(reply(stderr="sh: rhl-ps: not found", code=127))


def test_no_helper_that_could_change_anything_is_asked_for_its_help():
    assert all(not help_text(name).mutates for name in HELPERS)
    transport = ReadOnlyTransport(Scripted())
    with pytest.raises(MutationRefused):
        transport.run(("rhl-launch-service", "--help"), timeout=1)


def test_where_a_conda_cache_was_looked_for():
    missing = "rhl-conda-info: cache file not found: /scratch/rhl/conda-setup.json"
    assert conda_cache().parse(reply(stderr=missing, code=1)) == CondaCache(
        None, "/scratch/rhl/conda-setup.json"
    )
    with pytest.raises(HelperFailed):
        conda_cache().parse(reply(stderr="rhl-conda-info: malformed JSON", code=1))
    assert conda_cache().parse(reply('{"envs": ["/c/envs/x", 1], "conda_base": "/c"}')).environments == (
        "/c/envs/x",
    )


def test_one_row_is_wanted_of_one_folder():
    with pytest.raises(ProtocolError):
        look_at("/x").parse(reply(""))


def test_a_command_without_the_prefix():
    assert remote_command(("rhl-ps", "a b"), bare=True) == "rhl-ps 'a b'"
    assert remote_command(("rhl-ps",)) == f"{PATH_PREFIX} rhl-ps"


# --- names and keys --------------------------------------------------------------------------


def test_a_name_service_that_does_not_answer_is_not_waited_for(monkeypatch):
    answered = threading.Event()

    def silent(*_, **__):
        answered.wait(60)
        return []

    monkeypatch.setattr(reachability.socket, "getaddrinfo", silent)
    with pytest.raises(Unreachable, match="no answer from the name service"):
        reachability.addresses("h", "h.example.org", timeout=0.05)
    # It was left waiting.
    answered.set()


def test_names_in_the_configuration_that_lead_to_an_address(tmp_path):
    (tmp_path / "more").write_text("Host deep\n HostName login.example.org\n")
    config = tmp_path / "config"
    config.write_text(
        f"Include {tmp_path}/more {tmp_path}/nothing*\n"
        "Host hpc hpc2\n HostName login.example.org\nHost=other\n HostName elsewhere.example.org\n"
        "Host *.org !x\n User me\nHost login.example.org\n Port 22\n"
    )
    assert reachability.aliases_of("LOGIN.example.org", config_file=str(config)) == ("hpc", "hpc2", "deep")


def test_a_connection_that_is_silent_to_the_last_moment():
    # paramiko then returns as if all were well, and has no key to show.
    class Silent:
        banner_timeout = 0.0

        def start_client(self, timeout):
            return

        def get_remote_server_key(self):
            raise paramiko.SSHException("No existing session")

    with pytest.raises(Unreachable, match="does not speak ssh in time"):
        agree(Silent(), SETTINGS, time.monotonic() + 1)


def keys(tmp_path, *names):
    for name in names:
        subprocess.run(
            [
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "secret" if "locked" in name else "",
                "-f",
                tmp_path / name,
            ],
            check=True,
        )


def offered(tmp_path, *names, agent="none"):
    settings = reachability.route("x", config_file="/dev/null").settings
    files = tuple(str(tmp_path / name) for name in names)
    options = {**settings.options, "identityagent": agent}
    from dataclasses import replace  # noqa: PLC0415

    return offer(replace(settings, identity_files=files, options=options))


def test_what_key_files_are_good_for(tmp_path):
    keys(tmp_path, "good", "locked", "exposed")
    (tmp_path / "exposed").chmod(0o644)
    (tmp_path / "nonsense").write_text("no key")
    (tmp_path / "nonsense").chmod(0o600)
    (tmp_path / "token").write_text("handle")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "token.pub").write_text("sk-ssh-ed25519@openssh.com AAAA me\n")
    found = offered(tmp_path, "good", "locked", "exposed", "nonsense", "token", "missing")
    assert found.agent == Agent(AgentState.OFF)
    assert {file.path.rpartition("/")[2]: file.state for file in found.files} == {
        "good": KeyState.USABLE,
        "locked": KeyState.LOCKED,
        "exposed": KeyState.EXPOSED,
        "nonsense": KeyState.FOREIGN,
        "token": KeyState.TOKEN,
    }


@pytest.fixture
def agent(tmp_path):
    """A real agent, without keys."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    yield path
    process.kill()
    process.wait()


def test_an_agent_and_the_keys_it_holds(tmp_path, agent):
    keys(tmp_path, "held")
    assert agent_here(str(agent)).state is AgentState.EMPTY
    env = {"SSH_AUTH_SOCK": str(agent), "PATH": "/usr/bin:/bin"}
    subprocess.run(["ssh-add", tmp_path / "held"], env=env, check=True, capture_output=True)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", tmp_path / "held"], check=True)
    found = offered(tmp_path, "held", agent=str(agent))
    assert (found.agent.state, found.agent.keys) == (AgentState.READY, 1)
    assert [file.state for file in found.files] == [KeyState.IN_AGENT]


def test_an_agent_that_is_gone(tmp_path, monkeypatch):
    assert agent_here(str(tmp_path / "gone")).state is AgentState.SILENT
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    assert agent_here().state is AgentState.SILENT
    monkeypatch.delenv("SSH_AUTH_SOCK")
    assert agent_here().state is AgentState.NONE


# --- asking ----------------------------------------------------------------------------------


def clock(seconds, zone=0):
    """A host whose clock is ahead, in a zone of its own."""

    def answer(argv):
        shown = datetime.fromtimestamp(time.time() + seconds + zone, timezone.utc).strftime(
            "%Y-%m-%dT%H:%M:%S"
        )
        return reply(f'{{"path": "{argv[1]}", "state": "populated", "size": null, "modified": "{shown}"}}\n')

    return answer


def asked(**answers):
    transport = Scripted(**{"rhl-conda-info": reply('{"envs": []}'), **answers})
    sight = HostSight(Patient("frontend", folders=("/data",)), local_help=TEXTS)
    return ask_all(sight, Host(ReadOnlyTransport(transport))), transport


@pytest.mark.parametrize("zone", [0, 7200, -12600])
@pytest.mark.parametrize("seconds", [0, 60, -60])
def test_a_clock_is_seen_whatever_its_zone(zone, seconds):
    sight, _ = asked(**{"rhl-ps-persistent": clock(seconds, zone)})
    (seen,) = sight.clock
    assert seen.ahead == pytest.approx(seconds, abs=20)


def test_without_a_guard_nothing_more_is_asked_than_needed():
    sight, transport = asked(**{"rhl-ps-persistent": clock(0)})
    paths = {argv[1] for argv in transport.asked if argv[0] == "rhl-ps-persistent" and "--help" not in argv}
    assert paths == {"/seamless-reconcile-doctor/.absent", "/proc/self", "/data"}
    assert (sight.outside, sight.home) == (None, None)


def test_with_a_guard_its_limits_are_tried():
    refusal = reply(stderr="rhl-guard: rejected: path must not contain dot-prefixed segments: x", code=1)
    sight, transport = asked(**{"rhl-ps-persistent": refusal})
    paths = {argv[1] for argv in transport.asked if argv[0] == "rhl-ps-persistent" and "--help" not in argv}
    assert {"/seamless-reconcile-doctor/absent", "~", "/data"} <= paths
    assert isinstance(sight.outside, Trouble)
    assert sight.clock == ()


def test_a_listing_that_fails_for_a_moment_is_believed_the_second_time():
    answers = iter(
        [reply(stderr="rhl-ps: malformed JSON", code=1), reply('{"key": "k", "status": "failed"}\n')]
    )
    sight, _ = asked(**{"rhl-ps": lambda _: next(answers), "rhl-ps-persistent": clock(0)})
    assert [row.key for row in sight.listed] == ["k"]


def test_whatever_a_host_answers_there_is_a_report():
    for answer in (reply("\x00\xff"), reply(stderr="boom", code=3), reply("{}"), reply("[]", code=-1)):
        named = ("rhl-ps", "rhl-ps-persistent", "rhl-conda-info", "rhl-inspect")
        sight, _ = asked(**dict.fromkeys(named, answer))
        assert report_of(sight).checks


# --- patients --------------------------------------------------------------------------------


def spec(name, **more):
    from seamless_reconcile.declared import CacheState, ServiceState, TunnelState  # noqa: PLC0415

    given = {
        "name": name, "type": "hashserver", "host": "frontend", "hostname": "login.example.org", "key": name,
        "workdir": "/w", "argv": ("hashserver", "x"), "state": ServiceState.RUNNING,
        "tunnel": TunnelState.OPEN, "identity": {"cluster": "hpc"},
        "cache": CacheWish("/data/p", CacheState.KEEP, "m"),
    }  # fmt: skip
    if more.pop("down", False):
        more["state"] = ServiceState.ABSENT
    return ServiceSpec(**{**given, **more})


def test_what_is_asked_of_a_host_is_what_runs_there():
    services = (
        spec("a"),
        spec("b", cache=None, workdir="/tmp", conda_env="seamless", tunnelled=True),
        spec("c", down=True, conda_env="old"),
        spec("d", host="local", hostname=None, identity={}),
    )
    machines = [
        Frontend(
            "frontend",
            "login.example.org",
            tunnelled=True,
            cluster="hpc",
            folders=("/data", "/tmp"),
            environments=("dask",),
        ),
        Frontend("elsewhere"),
    ]
    found = {one.name: one for one in patients_of(Desired({s.name: s for s in services}), machines)}
    assert list(found) == ["frontend", "local", "elsewhere"]
    assert found["frontend"] == Patient(
        "frontend",
        "login.example.org",
        tunnelled=True,
        clusters=("hpc",),
        folders=("/data/p", "/tmp"),
        roots=("/data",),
        environments=("seamless", "dask"),
        programs=("hashserver",),
    )
    assert found["elsewhere"] == Patient("elsewhere")
    assert found["local"].is_local
