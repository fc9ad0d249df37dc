"""rhl-pid-alive, rhl-handshake, rhl-verify-port, rhl-conda-info."""

from __future__ import annotations

import pytest

from contract.lab import KEY, Lab
from rhl_helpers import calls
from rhl_helpers.errors import HelperFailed, NotInstalled
from rhl_helpers.host import Host
from rhl_helpers.transport.base import Answer


@pytest.mark.fact("pid alive")
def test_pid_alive(lab: Lab) -> None:
    assert lab.host.call(calls.pid_alive(lab.process())) is True
    dead = lab.process("dead")
    assert lab.host.call(calls.pid_alive(dead)) is False
    reply = lab.run("rhl-pid-alive", str(dead))
    assert (reply.exit_code, reply.stdout, reply.stderr) == (1, b"", b"")


@pytest.mark.fact("pid alive")
@pytest.mark.parametrize("pid", [0, -5])
def test_no_pid_at_all_is_refused_not_dead(lab: Lab, pid: int) -> None:
    with pytest.raises(HelperFailed, match="must be a positive integer"):
        lab.host.call(calls.pid_alive(pid))


@pytest.mark.fact("pid alive")
def test_an_impossible_pid_is_a_failure_not_dead(lab: Lab) -> None:
    with pytest.raises(HelperFailed, match="OverflowError"):
        lab.host.call(calls.pid_alive(2**40))


@pytest.mark.fact("handshake")
def test_handshakes(lab: Lab) -> None:
    port = lab.port("http", {"healthcheck": 200, "made": 201, "sick": 503})
    assert lab.answers(port) is Answer.OK
    assert lab.answers(port, "made") is Answer.OK
    assert lab.answers(port, "sick") is Answer.NOT_OK
    assert lab.answers(port, "nothing") is Answer.NOT_OK
    reply = lab.run("rhl-handshake", f"http://localhost:{port}/nothing")
    assert (reply.exit_code, reply.stdout) == (2, b"")
    assert reply.stderr.startswith(b"HTTP Error 404")


@pytest.mark.fact("handshake")
def test_a_closed_port_is_told_from_a_broken_one(lab: Lab) -> None:
    assert lab.answers(lab.port("closed")) is Answer.CLOSED
    assert lab.answers(lab.port("reset")) is Answer.SILENT


@pytest.mark.fact("handshake", "verify port")
def test_a_silent_port_times_out_but_is_open(lab: Lab) -> None:
    port = lab.port("silent")
    assert lab.host.call(calls.verify_port("localhost", port)) is True
    assert lab.answers(port) is Answer.SILENT
    assert lab.run("rhl-handshake", f"http://localhost:{port}/x").stderr == b"timed out\n"


@pytest.mark.parametrize("url", ["localhost:1", "ftp://localhost/", "http://"])
def test_urls_the_helper_refuses(lab: Lab, url: str) -> None:
    reply = lab.run("rhl-handshake", url)
    assert reply.exit_code == 1
    assert b"URL must use http or https" in reply.stderr


def test_an_unknown_name_is_no_closed_port(lab: Lab) -> None:
    assert lab.host.call(calls.handshake("http://no-such-host.invalid:1/")) is Answer.SILENT


@pytest.mark.fact("proxy")
def test_a_proxy_in_the_environment_hides_a_port_that_answers(lab: Lab) -> None:
    port = lab.port("http", {"healthcheck": 200})
    host = Host(lab.without("proxy"))
    # The dangerous reading: "refused" is the proxy's, and says nothing about the port.
    assert host.call(calls.handshake(f"http://localhost:{port}/healthcheck")) is Answer.CLOSED
    assert host.call(calls.verify_port("localhost", port)) is True


@pytest.mark.fact("verify port")
def test_a_closed_port_takes_three_trials(lab: Lab) -> None:
    assert lab.host.call(calls.verify_port("localhost", lab.port("closed"))) is False


@pytest.mark.fact("verify port")
@pytest.mark.parametrize("name", ["no-such-host.invalid", "bad_name", "-x"])
def test_what_cannot_be_asked_is_not_proven_closed(lab: Lab, name: str) -> None:
    with pytest.raises(HelperFailed):
        lab.host.call(calls.verify_port(name, 50000))


@pytest.mark.parametrize(("host", "port"), [("localhost", "0"), ("localhost", "70000"), ("localhost", "x")])
def test_wrong_ports(lab: Lab, host: str, port: str) -> None:
    reply = lab.run("rhl-verify-port", host, port)
    assert reply.exit_code == 1
    assert reply.stderr.startswith(b"rhl-verify-port: port must be")


@pytest.mark.fact("conda")
def test_conda_is_unknown_until_it_is_cached(lab: Lab) -> None:
    assert lab.host.call(calls.conda_info()) is None
    lab.with_conda("work")
    assert lab.host.call(calls.conda_info()) is None
    lab.host.call(calls.cache_conda())
    info = lab.host.call(calls.conda_info())
    assert info == {
        "conda_source": None,
        "conda_base": lab.path("miniforge3"),
        "envs": [lab.path("miniforge3/envs/work")],
    }


@pytest.mark.fact("conda")
def test_no_conda_to_be_found(lab: Lab) -> None:
    with pytest.raises(HelperFailed):
        lab.host.call(calls.cache_conda())
    assert lab.host.call(calls.conda_info()) is None


@pytest.mark.fact("exit codes")
def test_no_helpers_installed(lab: Lab) -> None:
    host = Host(lab.without("helpers"))
    with pytest.raises(NotInstalled, match="command not found"):
        host.call(calls.ps())
    assert isinstance(host.reachable(), NotInstalled)


@pytest.mark.fact("conda path")
def test_helpers_in_the_conda_base_only(lab: Lab) -> None:
    host = Host(lab.without("conda"))
    assert host.call(calls.ps()) == []
    assert host.reachable() is None


@pytest.mark.fact("exit codes")
@pytest.mark.parametrize(
    "argv",
    [
        ("rhl-ps", "--bad"),
        ("rhl-ps", "--json", "--key"),
        ("rhl-ps", "--host", "x"),
        ("rhl-ps", "--status"),
        ("rhl-inspect",),
        ("rhl-inspect", "a b"),
        ("rhl-inspect", KEY, "more"),
        ("rhl-logs",),
        ("rhl-logs", "a/b"),
        ("rhl-logs", KEY, "--tail"),
        ("rhl-logs", KEY, "--tail", "x"),
        ("rhl-pid-alive",),
        ("rhl-pid-alive", "true"),
        ("rhl-handshake",),
        ("rhl-verify-port", "localhost"),
        ("rhl-conda-info", "x"),
        ("rhl-stop",),
        ("rhl-stop", "a b"),
        ("rhl-rm",),
        ("rhl-rm", "--server"),
        ("rhl-rm", KEY, "--all"),
        ("rhl-rm", "../x"),
        ("rhl-clear",),
        ("rhl-clear", "/a", "/b"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_exit_1_with_a_reason(lab: Lab, argv: tuple[str, ...]) -> None:
    reply = lab.run(*argv)
    assert (reply.exit_code, reply.stdout) == (1, b"")
    assert reply.stderr.startswith(b"rhl")


HELPERS = ("ps", "ps-persistent", "logs", "inspect", "stop", "rm", "clear", "launch-service", "handshake",
           "verify-port", "pid-alive", "conda-info", "cache-conda")  # fmt: skip


@pytest.mark.parametrize("name", HELPERS)
def test_help_changes_nothing(lab: Lab, name: str) -> None:
    reply = lab.run(f"rhl-{name}", "--help")
    assert reply.exit_code == 0
    assert reply.stdout.startswith(f"usage: rhl-{name}".encode())
