"""Ask ports as a host sees them, through the connection in hand."""

from __future__ import annotations

import threading
import time

import pytest

from lab import HostSpec
from lab.calls import shell
from lab.host import free_port
from rhl_helpers.errors import CallTimeout
from rhl_helpers.transport.base import Answer
from rhl_helpers.transport.select import make_transport

pytestmark = pytest.mark.ssh


@pytest.fixture
def kind():
    return "paramiko"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("healthcheck", Answer.OK),
        ("/healthcheck", Answer.OK),
        ("created", Answer.OK),
        ("moved", Answer.OK),
        ("away", Answer.NOT_OK),
        ("", Answer.NOT_OK),
        ("missing", Answer.NOT_OK),
    ],
)
def test_answers_are_told_apart(lab, reach, web, path, answer):
    lab.host("plain")
    assert reach("plain").probe("127.0.0.1", web.port, path) is answer


def test_a_closed_port_is_closed(lab, reach):
    lab.host("plain")
    assert reach("plain").probe("127.0.0.1", free_port(), "healthcheck") is Answer.CLOSED


def test_a_service_that_says_nothing_is_silent(lab, web):
    lab.host("plain")
    transport = make_transport("plain", "paramiko", config_file=str(lab.ssh_config))
    transport.run(("true",), timeout=15)
    assert transport.probe("127.0.0.1", web.port, "silent", timeout=0.5) is Answer.SILENT
    transport.close()


def test_a_connection_that_falls_silent_is_not_the_services_silence(lab, web):
    # S2: taken for a silent service, a frozen network would have it restarted.
    host = lab.add(HostSpec("frozen-probe"))
    transport = make_transport(host.name, "paramiko", config_file=str(lab.ssh_config))
    transport.run(("true",), timeout=15)
    host.freeze()
    with pytest.raises(CallTimeout):
        transport.probe("127.0.0.1", web.port, "healthcheck", timeout=0.5)
    host.thaw()
    transport.close()


def test_a_connection_that_freezes_while_asking(lab, web):
    host = lab.add(HostSpec("freezing-probe"))
    transport = make_transport(host.name, "paramiko", config_file=str(lab.ssh_config))
    transport.run(("true",), timeout=5)
    timer = threading.Timer(0.2, host.freeze)
    timer.start()
    with pytest.raises(CallTimeout):
        transport.probe("127.0.0.1", web.port, "silent", timeout=0.6)
    timer.join()
    host.thaw()
    transport.close()


def test_a_host_that_forwards_nothing_is_asked_by_its_helper(lab, reach, web):
    host = lab.add(HostSpec("no-forwarding", forwarding=False))
    transport = make_transport(host.name, "paramiko", config_file=str(lab.ssh_config))
    assert transport.probe("127.0.0.1", web.port, "healthcheck", timeout=5) is None
    assert transport.probe("127.0.0.1", web.port, "healthcheck", timeout=5) is None
    assert host.log.read_text().count("refused local port forward") <= 2
    transport.close()
    assert reach(host.name).probe("127.0.0.1", web.port, "healthcheck") is Answer.OK
    assert reach(host.name).probe("127.0.0.1", web.port, "missing") is Answer.NOT_OK
    assert reach(host.name).probe("127.0.0.1", free_port(), "healthcheck") is Answer.CLOSED


def test_openssh_leaves_asking_to_the_helper(lab, reach, web):
    lab.host("plain")
    transport = make_transport("plain", "openssh", config_file=str(lab.ssh_config))
    assert transport.probe("127.0.0.1", web.port, "healthcheck", timeout=5) is None
    assert reach("plain", kind="openssh").probe("127.0.0.1", web.port, "healthcheck") is Answer.OK


def test_refusals_at_the_same_time_are_not_mixed_up(lab, web):
    # paramiko keeps one reason for the whole connection: a session refused for lack of room (code 2)
    # must not make an open port look closed (code 2 as well).
    host = lab.add(HostSpec("two-sessions", max_sessions=2))
    transport = make_transport(host.name, "paramiko", config_file=str(lab.ssh_config))
    transport.run(("true",), timeout=5)
    closed = free_port()
    answers: list[tuple[Answer | None, Answer | None]] = []

    def ask():
        answers.extend(
            (
                transport.probe("127.0.0.1", web.port, "healthcheck", timeout=10),
                transport.probe("127.0.0.1", closed, "healthcheck", timeout=10),
            )
            for _ in range(15)
        )

    def work():
        for _ in range(6):
            transport.run(("sleep", "0.01"), timeout=20)

    threads = [threading.Thread(target=each) for each in (ask, ask, work, work, work, work, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    transport.close()
    assert answers == [(Answer.OK, Answer.CLOSED)] * 30


def test_asking_takes_no_session(lab, web):
    host = lab.add(HostSpec("one-session", max_sessions=1))
    transport = make_transport(host.name, "paramiko", config_file=str(lab.ssh_config))
    transport.run(("true",), timeout=15)
    over = host.home / "over"
    script = f"echo > {host.home}/begun; until test -e {over}; do sleep 0.05; done"
    busy = threading.Thread(target=transport.run, args=(("sh", "-c", script),), kwargs={"timeout": 30})
    busy.start()
    while not (host.home / "begun").exists():
        time.sleep(0.01)
    assert transport.probe("127.0.0.1", web.port, "healthcheck", timeout=15) is Answer.OK
    assert busy.is_alive()
    over.touch()
    busy.join()
    transport.close()


def test_a_call_shows_up_where_the_host_says_no_sessions(lab, reach):
    from rhl_helpers.errors import Unreachable  # noqa: PLC0415

    host = lab.add(HostSpec("no-session", max_sessions=0))
    with pytest.raises(Unreachable, match="opens no session"):
        reach(host.name).call(shell("true"))
