"""rhl-stop and rhl-rm."""

from __future__ import annotations

import json

import pytest

from contract.lab import KEY, OTHER, Lab
from rhl_helpers import calls
from rhl_helpers.errors import HelperFailed

THIRD = "third-c-rw-p"


@pytest.mark.fact("stop missing")
def test_a_missing_state_file_is_no_failure(lab: Lab) -> None:
    assert lab.host.call(calls.stop(KEY)) == "missing state"
    assert lab.read_state(KEY) is None


@pytest.mark.fact("stop missing")
def test_a_dead_pid_is_gone_already_and_marked_stale(lab: Lab) -> None:
    lab.state({"pid": lab.process("dead"), "status": "running", "meta": {"a": 1}})
    assert lab.host.call(calls.stop(KEY)) == "already gone"
    assert lab.status() == "stale"
    assert lab.row().meta == {"a": 1}


@pytest.mark.fact("stop any pid")
@pytest.mark.parametrize("status", ["running", "failed", "stale", "starting"])
def test_whatever_pid_the_file_holds_is_signalled(lab: Lab, status: str) -> None:
    pid = lab.process()
    lab.state({"pid": pid, "status": status})
    assert lab.host.call(calls.stop(KEY)) == "stopped"
    assert not lab.lives(pid)
    assert lab.status() == "stale"


@pytest.mark.fact("stop any pid")
def test_a_pid_written_as_text_is_signalled_too(lab: Lab) -> None:
    pid = lab.process()
    lab.state({"pid": str(pid), "status": "running"})
    assert lab.host.call(calls.stop(KEY)) == "stopped"
    assert not lab.lives(pid)


@pytest.mark.fact("stop any pid")
def test_pid_0_is_the_helper_s_own_group(lab: Lab) -> None:
    lab.state({"pid": 0, "status": "running"})
    assert lab.run("rhl-stop", KEY).exit_code != 0
    assert lab.status() == "running"


@pytest.mark.fact("stop denied")
def test_another_user_s_process_is_left_alone(lab: Lab) -> None:
    pid = lab.process("other")
    lab.state({"pid": pid, "status": "running"})
    with pytest.raises(HelperFailed, match="permission denied"):
        lab.host.call(calls.stop(KEY))
    assert lab.lives(pid)
    assert lab.status() == "running"


@pytest.mark.fact("stop dry run")
@pytest.mark.parametrize("pid", [None, True, "many", [1]])
def test_no_pid_to_signal(lab: Lab, pid: object) -> None:
    lab.state({"pid": pid, "status": "running", "dry_run": True})
    with pytest.raises(HelperFailed, match="invalid PID"):
        lab.host.call(calls.stop(KEY))
    assert lab.status() == "running"


@pytest.mark.fact("stop several")
def test_one_bad_key_and_nothing_is_stopped(lab: Lab) -> None:
    pid = lab.process()
    lab.state({"pid": pid, "status": "running"})
    lab.state(b"{", OTHER)
    assert lab.run("rhl-stop", KEY, OTHER).exit_code == 1
    assert lab.lives(pid)
    assert lab.status() == "running"


@pytest.mark.fact("stop several")
def test_several_good_keys_are_reported_each(lab: Lab) -> None:
    lab.state({"pid": lab.process(), "status": "running"})
    lab.state({"pid": lab.process("dead"), "status": "running"}, OTHER)
    reply = lab.run("rhl-stop", KEY, OTHER, THIRD)
    assert reply.exit_code == 0
    words = [f"{KEY}: stopped", f"{OTHER}: already gone", f"{THIRD}: missing state"]
    assert reply.stdout.decode().splitlines() == words


@pytest.mark.fact("stop zombie")
def test_a_zombie_takes_its_time_and_counts_as_killed(lab: Lab) -> None:
    lab.state({"pid": lab.process("zombie"), "status": "running"})
    start = lab.now()
    assert lab.host.call(calls.stop(KEY)) == "kill required"
    assert 9.5 < lab.now() - start < 20
    assert lab.status() == "stale"
    assert json.loads(lab.run("rhl-ps", "--json").stdout)["live"] is True


@pytest.mark.fact("stop hard")
def test_who_ignores_signals_is_killed(lab: Lab) -> None:
    lab.launch("--ignore", "SIGINT,SIGTERM", "--child", "1")
    row = lab.running()
    assert row.pid is not None
    assert lab.services() == 2
    start = lab.now()
    assert lab.host.call(calls.stop(KEY)) == "kill required"
    assert 9.5 < lab.now() - start < 20
    lab.until(lambda: not lab.lives(row.pid or 0))
    # Only the leader was killed.
    assert lab.services() == 1


@pytest.mark.fact("stop hard")
def test_who_ignores_only_the_first_signal_is_stopped_by_the_second(lab: Lab) -> None:
    lab.launch("--ignore", "SIGINT")
    lab.running()
    assert lab.host.call(calls.stop(KEY)) == "stopped"
    assert lab.status() == "stale"


@pytest.mark.fact("alive is little", "stop zombie")
def test_where_nobody_reaps_a_stopped_service_goes_on_as_a_zombie(lab: Lab) -> None:
    slow = lab.lazy()
    slow.launch()
    row = slow.running()
    assert slow.host.call(calls.stop(KEY)) == "kill required"
    assert row.pid is not None
    assert not slow.lives(row.pid)
    after = slow.row()
    assert (after.status, after.live) == ("stale", True)
    assert slow.host.call(calls.pid_alive(row.pid)) is True


@pytest.mark.fact("late stale")
def test_a_successor_is_marked_stale_by_a_stop_that_ends_late(lab: Lab) -> None:
    successor = lab.process()
    lab.launch("--stop", "0.3", "--successor", str(successor))
    lab.running()
    assert lab.host.call(calls.stop(KEY)) == "stopped"
    row = lab.row()
    assert (row.pid, row.status, row.live) == (successor, "stale", True)


@pytest.mark.fact("rm both")
def test_rm_takes_what_it_is_told_to(lab: Lab) -> None:
    lab.state({"pid": None, "status": "stale"})
    lab.client_file(KEY, {"hostname": "localhost", "port": 1})
    lab.host.call(calls.remove_server_state(KEY))
    assert lab.read_state(KEY) is None
    assert lab.has_client_file(KEY)
    lab.host.call(calls.remove_client_state(KEY))
    assert not lab.has_client_file(KEY)


@pytest.mark.fact("rm both")
def test_rm_without_a_flag_takes_both(lab: Lab) -> None:
    lab.state({"pid": None, "status": "stale"})
    lab.client_file(KEY, {"hostname": "localhost", "port": 1})
    reply = lab.run("rhl-rm", KEY)
    base = lab.path(".remote-http-launcher")
    words = [f"removed {base}/client/{KEY}.json", f"removed {base}/server/{KEY}.json"]
    assert reply.stdout.decode().splitlines() == words
    assert lab.read_state(KEY) is None
    assert not lab.has_client_file(KEY)


@pytest.mark.fact("rm both")
def test_rm_of_a_missing_key_is_no_failure(lab: Lab) -> None:
    lab.host.call(calls.remove_server_state(KEY))
    lab.host.call(calls.remove_client_state(KEY))
    assert lab.run("rhl-rm", KEY, "--server").stdout.decode() == f"{KEY}: not found\n"


def test_rm_takes_malformed_files_but_no_directories(lab: Lab) -> None:
    lab.state(b"\xff")
    lab.host.call(calls.remove_server_state(KEY))
    assert lab.host.call(calls.inspect(KEY)) is None
    lab.state_folder(KEY)
    with pytest.raises(HelperFailed, match="Is a directory"):
        lab.host.call(calls.remove_server_state(KEY))


@pytest.mark.fact("rm log")
def test_rm_leaves_the_log(lab: Lab) -> None:
    lab.state({"pid": None, "status": "stale"})
    lab.write_log(KEY, b"last words\n")
    lab.host.call(calls.remove_server_state(KEY))
    assert lab.host.call(calls.logs(KEY)) == b"last words\n"


def test_rm_asks_nobody(lab: Lab) -> None:
    pid = lab.process()
    lab.state({"pid": pid, "status": "running"})
    lab.host.call(calls.remove_server_state(KEY))
    assert lab.lives(pid)
    assert lab.read_state(KEY) is None
