"""rhl-launch-service, with a service that follows the protocol to the letter."""

from __future__ import annotations

import json

import pytest

from contract.lab import KEY, Lab
from rhl_helpers import calls
from rhl_helpers.errors import HelperFailed
from rhl_helpers.transport.base import Answer


@pytest.mark.fact("rows", "kept parameters")
def test_a_launched_service_becomes_running(lab: Lab) -> None:
    lab.launch(
        "--start",
        "0.3",
        parameters={"remote": ["http://a:1"]},
        meta={"id": "x"},
        network_interface="localhost",
    )
    first = lab.read_state(KEY)
    assert first is not None
    pid = first.pop("pid")
    first.pop("uid")
    server = lab.path(".remote-http-launcher/server")
    assert first == {
        "workdir": "~/work",
        "log": f"{server}/{KEY}.log",
        "command": f"obedient --status-file {server}/{KEY}.json --start 0.3",
        "status": "starting",
        "network_interface": "localhost",
        "parameters": {"remote": ["http://a:1"]},
        "meta": {"id": "x"},
    }
    row = lab.running()
    assert (row.pid, row.live, row.status) == (pid, True, "running")
    assert (row.parameters, row.meta) == ({"remote": ["http://a:1"]}, {"id": "x"})
    assert row.port is not None
    assert lab.answers(row.port) is Answer.OK
    assert lab.listing("work") == []


def test_a_state_without_extras_has_no_such_keys(lab: Lab) -> None:
    lab.launch()
    lab.running()
    data = lab.read_state(KEY)
    assert data is not None
    assert set(data) == {"workdir", "log", "command", "uid", "pid", "status", "port"}


@pytest.mark.fact("running too early")
def test_running_may_be_said_before_the_port_is_bound(lab: Lab) -> None:
    lab.launch("--bind", "3")
    row = lab.running()
    assert row.live is True
    assert row.port is not None
    assert lab.answers(row.port) is Answer.CLOSED
    lab.until(lambda: lab.answers(row.port or 0) is Answer.OK)


@pytest.mark.fact("dead while starting")
def test_who_dies_while_starting_stays_starting(lab: Lab) -> None:
    lab.launch("--fate", "dies")
    lab.until(lambda: lab.row().live is False)
    assert (lab.row().status, lab.row().json_status) == ("starting", "starting")
    log = lab.host.call(calls.logs(KEY))
    assert log is not None
    assert b"Traceback" in log


@pytest.mark.fact("failed")
def test_who_gives_up_says_failed(lab: Lab) -> None:
    lab.launch("--fate", "failed")
    lab.until(lambda: lab.status() == "failed")
    assert (lab.row().status, lab.row().live) == ("failed", None)


@pytest.mark.fact("launch unasked")
def test_a_second_launch_orphans_the_first(lab: Lab) -> None:
    lab.launch()
    first = lab.running()
    lab.write_log(KEY, b"precious words\n")
    lab.launch()
    second = lab.running()
    assert first.pid is not None
    assert second.pid not in (None, first.pid)
    assert lab.lives(first.pid)
    assert lab.answers(first.port or 0) is Answer.OK
    assert b"precious" not in lab.read_log(KEY)
    assert lab.host.call(calls.stop(KEY)) == "stopped"
    assert lab.answers(first.port or 0) is Answer.OK


@pytest.mark.fact("launch twice")
def test_two_launches_at_once_mix_their_pids_and_ports(lab: Lab) -> None:
    lab.launch("--boot", "1.5", "--start", "1.5")
    first = lab.row().pid
    lab.launch("--boot", "0", "--start", "0")
    second = lab.running()
    assert second.pid != first
    # The first one read its state file after the second had written its own there.
    lab.until(lambda: lab.row().port != second.port)
    mixed = lab.row()
    assert (mixed.pid, mixed.live) == (second.pid, True)
    lab.host.call(calls.stop(KEY))
    assert lab.answers(mixed.port or 0) is Answer.OK
    assert lab.answers(second.port or 0) is Answer.CLOSED


@pytest.mark.fact("leftover state")
def test_a_leftover_state_file_and_a_late_write_leave_it_stuck(lab: Lab) -> None:
    lab.slow_state_write(2.0)
    lab.state({"pid": lab.process("dead"), "status": "stale", "workdir": "~/work"})
    lab.launch()
    lab.wait(1.0)
    row = lab.row()
    assert (row.status, row.live, row.port) == ("starting", True, None)


@pytest.mark.fact("leftover state")
def test_without_a_leftover_a_late_write_does_no_harm(lab: Lab) -> None:
    lab.slow_state_write(2.0)
    lab.launch()
    assert lab.running().live is True


@pytest.mark.fact("state comes back")
def test_a_starting_service_brings_its_state_file_back(lab: Lab) -> None:
    lab.launch("--start", "2")
    lab.wait(1.0)
    lab.host.call(calls.remove_server_state(KEY))
    assert lab.host.call(calls.ps()) == []
    assert lab.running().live is True


@pytest.mark.fact("state comes back")
def test_a_running_service_without_state_stays_invisible(lab: Lab) -> None:
    lab.launch()
    row = lab.running()
    lab.host.call(calls.remove_server_state(KEY))
    lab.wait(1.0)
    assert lab.host.call(calls.ps()) == []
    assert row.pid is not None
    assert lab.lives(row.pid)
    assert lab.answers(row.port or 0) is Answer.OK


@pytest.mark.fact("disk full")
def test_an_unwritten_state_leaves_an_orphan_that_ends_by_itself(lab: Lab) -> None:
    lab.without_space()
    with pytest.raises(HelperFailed, match="Errno"):
        lab.launch("--patience", "3")
    assert lab.read_state(KEY) is None
    assert lab.host.call(calls.ps()) == []
    assert lab.services() == 1
    lab.until(lambda: lab.services() == 0)
    assert lab.host.call(calls.inspect(KEY)) is None


@pytest.mark.fact("idle")
def test_an_idle_service_ends_and_its_state_stays_running(lab: Lab) -> None:
    lab.launch("--timeout", "2")
    row = lab.running()
    lab.until(lambda: lab.row().live is False)
    assert (lab.row().status, lab.status()) == ("stale", "running")
    assert lab.answers(row.port or 0) is Answer.CLOSED


@pytest.mark.fact("idle")
def test_a_handshake_keeps_an_idle_service_alive(lab: Lab) -> None:
    lab.launch("--timeout", "2")
    row = lab.running()
    for _ in range(4):
        lab.wait(1.0)
        assert lab.answers(row.port or 0) is Answer.OK
    assert lab.row().live is True


@pytest.mark.fact("handshake")
@pytest.mark.parametrize(("fate", "answer"), [("mute", Answer.SILENT), ("sick", Answer.NOT_OK)])
def test_alive_but_unwell(lab: Lab, fate: str, answer: Answer) -> None:
    lab.launch("--fate", fate)
    row = lab.running()
    assert row.live is True
    assert lab.answers(row.port or 0) is answer


def test_a_hanging_start_stays_starting_and_alive(lab: Lab) -> None:
    lab.launch("--fate", "hangs")
    lab.wait(1.0)
    assert (lab.row().status, lab.row().live) == ("starting", True)


STATUS = f"~/.remote-http-launcher/server/{KEY}.json"
GOOD = ("--key", KEY, "--workdir", "~/w")
WRONG = {
    "no arguments": ((), 2, "the following arguments are required: --key, --workdir"),
    "no service": (GOOD, 1, "service binary is required after --"),
    "bad key": (("--key", "a b", "--workdir", "~/w", "--", "x"), 1, "rhl: invalid key 'a b'"),
    "relative": (("--key", KEY, "--workdir", "w", "--", "x"), 1, "rhl: workdir must be absolute: 'w'"),
    "dots": (("--key", KEY, "--workdir", "/x/../y", "--", "x"), 1, "rhl: workdir must not contain '..'"),
    "system": (("--key", KEY, "--workdir", "/usr", "--", "x"), 1, "rhl: refusing to use system directory"),
    "json": ((*GOOD, "--meta", "{", "--", "x"), 1, "--meta must be valid JSON"),
    "no object": ((*GOOD, "--meta", "[]", "--", "x"), 1, "--meta must be a JSON object"),
    "binary": ((*GOOD, "--", "bash"), 1, "service binary is not whitelisted: 'bash'"),
    "status file": (
        (*GOOD, "--", "obedient", "--status-file", "/tmp/x.json"),
        1,
        "--status-file must live under the launcher server directory",
    ),
    "relative status": (
        (*GOOD, "--", "obedient", "--status-file", "x.json"),
        1,
        "--status-file must be absolute",
    ),
    "no status": ((*GOOD, "--", "obedient", "--status-file"), 1, "--status-file requires a value"),
}


@pytest.mark.fact("launch checks", "exit codes")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_before_anything_changes(lab: Lab, name: str) -> None:
    words, code, reason = WRONG[name]
    lab.write_log(KEY, b"kept")
    reply = lab.run("rhl-launch-service", *words)
    assert (reply.exit_code, reply.stdout) == (code, b"")
    assert reason in reply.stderr.decode()
    assert lab.read_log(KEY) == b"kept"
    assert lab.listing("w") is None
    assert lab.read_state(KEY) is None


def test_a_service_that_is_not_installed(lab: Lab) -> None:
    lab.write_log(KEY, b"lost")
    with pytest.raises(HelperFailed, match="No such file or directory"):
        lab.launch(binary="missing")
    assert lab.read_log(KEY) == b""
    assert lab.read_state(KEY) is None


@pytest.mark.fact("conda")
def test_a_conda_environment_needs_the_cache(lab: Lab) -> None:
    lab.write_log(KEY, b"lost")
    with pytest.raises(HelperFailed, match="conda cache not found"):
        lab.launch(conda_env="work")
    assert lab.read_log(KEY) == b""
    assert lab.read_state(KEY) is None


@pytest.mark.fact("conda")
def test_a_conda_environment(lab: Lab) -> None:
    lab.with_conda("work")
    lab.host.call(calls.cache_conda())
    lab.launch(conda_env="work")
    row = lab.running()
    assert row.live is True
    assert row.command is not None
    assert row.command.startswith("obedient ")
    assert lab.host.call(calls.stop(KEY)) == "stopped"


@pytest.mark.fact("conda", "dead while starting")
def test_a_missing_conda_environment_dies_while_starting(lab: Lab) -> None:
    lab.with_conda("work")
    lab.host.call(calls.cache_conda())
    lab.launch(conda_env="play")
    lab.until(lambda: lab.row().live is False)
    assert lab.row().status == "starting"
    assert b"EnvironmentNameNotFound" in lab.read_log(KEY)


@pytest.mark.fact("rows")
def test_arguments_with_a_tilde_are_expanded_and_quoted(lab: Lab) -> None:
    lab.run("rhl-launch-service", "--key", KEY, "--workdir", "~/w", "--", "obedient", "--status-file", STATUS,
            "--fate", "well", "--host", "localhost", "--ignore", "")  # fmt: skip
    row = lab.running()
    server = lab.path(".remote-http-launcher/server")
    assert (
        row.command == f"obedient --status-file {server}/{KEY}.json --fate well --host localhost --ignore ''"
    )
    assert json.loads(lab.run("rhl-inspect", KEY).stdout)["command"] == row.command
