"""rhl-ps, rhl-inspect, rhl-logs: reading the launcher's own files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract.lab import KEY, OTHER, Lab
from rhl_helpers import calls
from rhl_helpers.errors import HelperFailed
from rhl_helpers.host import Host
from rhl_helpers.rows import MalformedRow, ServerRow, StampedState, json_lines

DEEP = b"[" * 100_000 + b"]" * 100_000
GOOD = {"workdir": "~/w", "pid": None, "status": "starting"}

BAD = {
    "empty": b"",
    "cut": b'{"pid": 12',
    "not an object": b"[]",
    "null": b"null",
    "bom": b"\xef\xbb\xbf{}",
    "not utf-8": b'{"status": "\xff"}',
    "deep list": DEEP,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
}


@pytest.mark.fact("rows")
def test_a_row_is_the_state_file_and_more(lab: Lab) -> None:
    pid = lab.process()
    content = {
        "workdir": "~/work",
        "log": "/l",
        "command": "c",
        "uid": 7,
        "pid": pid,
        "status": "running",
        "port": 51000,
        "network_interface": "localhost",
        "parameters": {"a": 1},
        "meta": {"b": [2]},
    }
    lab.state(content)
    reply = lab.run("rhl-ps", "--json")
    assert reply.exit_code == 0
    assert json.loads(reply.stdout) == {**content, "key": KEY, "json_status": "running", "live": True}
    row = lab.row()
    assert (row.workdir, row.port, row.meta, row.live) == ("~/work", 51000, {"b": [2]}, True)


@pytest.mark.fact("rows")
def test_rows_are_sorted_by_file_name_and_legacy_ones_have_an_empty_meta(lab: Lab) -> None:
    for key in ("b", "a", "a-b", "a.b"):
        lab.state(GOOD, key)
    lines = lab.run("rhl-ps", "--json").stdout.decode().splitlines()
    assert [json.loads(line)["key"] for line in lines] == ["a-b", "a.b", "a", "b"]
    assert [json.loads(line)["meta"] for line in lines] == [{}] * 4
    assert lab.run("rhl-ps", "--key").stdout.decode().split() == ["a-b", "a.b", "a", "b"]


def test_no_launcher_was_ever_there(lab: Lab) -> None:
    assert lab.host.call(calls.ps()) == []


STATUSES: dict[str, tuple[dict[str, Any], str, str]] = {
    "running, alive": ({"status": "running"}, "sleep", "running True"),
    "running, dead": ({"status": "running"}, "dead", "stale False"),
    "starting, alive": ({"status": "starting"}, "sleep", "starting True"),
    "starting, dead": ({"status": "starting"}, "dead", "starting False"),
    "stale, alive": ({"status": "stale"}, "sleep", "stale True"),
    "stale, dead": ({"status": "stale"}, "dead", "stale False"),
    "failed, alive": ({"status": "failed"}, "sleep", "failed None"),
    "own word, alive": ({"status": "resting"}, "sleep", "resting True"),
    "no status": ({}, "sleep", "failed None"),
    "numeric status": ({"status": 5}, "sleep", "failed None"),
    "dry run": ({"status": "running", "dry_run": True}, "dead", "running None"),
    "text pid": ({"status": "running", "pid": "{}"}, "sleep", "running True"),
    "no pid": ({"status": "running", "pid": None}, "dead", "stale None"),
    "boolean pid": ({"status": "running", "pid": True}, "dead", "stale None"),
    "word for a pid": ({"status": "running", "pid": "many"}, "dead", "stale None"),
    "starting without a pid": ({"status": "starting", "pid": None}, "dead", "starting None"),
    "pid 0": ({"status": "running", "pid": 0}, "dead", "running True"),
    "pid 1": ({"status": "running", "pid": 1}, "dead", "running True"),
}


@pytest.mark.fact("rows", "alive is little", "failed", "stop dry run")
@pytest.mark.parametrize("name", STATUSES)
def test_how_status_and_live_are_read(lab: Lab, name: str) -> None:
    content, process, expected = STATUSES[name]
    pid = lab.process(process)
    content = {"pid": pid, **content}
    if content["pid"] == "{}":
        content["pid"] = str(pid)
    lab.state(content)
    data = json.loads(lab.run("rhl-ps", "--json").stdout)
    assert f"{data['status']} {data['live']}" == expected
    assert data.get("json_status") == content.get("status")
    (row,) = lab.host.call(calls.ps())
    usable = content["pid"] is None or (type(content["pid"]) is int and content["pid"] > 1)
    usable = usable and not isinstance(content.get("status"), int)
    assert isinstance(row, ServerRow if usable else MalformedRow)


@pytest.mark.fact("alive is little")
@pytest.mark.parametrize("kind", ["zombie", "other"])
def test_zombies_and_strangers_count_as_live(lab: Lab, kind: str) -> None:
    pid = lab.process(kind)
    lab.state({"pid": pid, "status": "running"})
    data = json.loads(lab.run("rhl-ps", "--json").stdout)
    assert (data["status"], data["live"]) == ("running", True)
    assert lab.run("rhl-pid-alive", str(pid)).exit_code == 0


@pytest.mark.fact("one bad file")
@pytest.mark.parametrize("name", BAD)
def test_one_bad_file_hides_all_rows_but_not_from_inspect(lab: Lab, name: str) -> None:
    lab.state(GOOD, OTHER)
    lab.state(BAD[name])
    with pytest.raises(HelperFailed):
        lab.host.call(calls.ps())
    assert lab.run("rhl-ps", "--json").stdout == b""
    bad = lab.host.call(calls.inspect(KEY))
    assert isinstance(bad, MalformedRow)
    assert isinstance(lab.host.call(calls.inspect_stamped(KEY)), MalformedRow)
    good = lab.host.call(calls.inspect(OTHER))
    assert isinstance(good, ServerRow)
    assert good.workdir == "~/w"


@pytest.mark.fact("one bad file")
def test_a_directory_in_the_place_of_a_file_hides_all_rows(lab: Lab) -> None:
    lab.state(GOOD, OTHER)
    lab.state_folder(KEY)
    with pytest.raises(HelperFailed, match="Is a directory"):
        lab.host.call(calls.ps())
    assert isinstance(lab.host.call(calls.inspect(KEY)), MalformedRow)
    assert isinstance(lab.host.call(calls.inspect(OTHER)), ServerRow)


@pytest.mark.fact("one bad file")
@pytest.mark.parametrize("pid", [2**31, 2**70, -(2**31) - 1, float("inf")])
def test_an_impossible_pid_hides_all_rows(lab: Lab, pid: float) -> None:
    lab.state({"pid": pid, "status": "running"})
    with pytest.raises(HelperFailed, match="OverflowError"):
        lab.host.call(calls.ps())
    assert isinstance(lab.host.call(calls.inspect(KEY)), MalformedRow)


def test_ps_without_looking_at_pids_still_chokes_on_the_impossible_only(lab: Lab) -> None:
    lab.state({"pid": 2**70, "status": "running"})
    reply = lab.run("rhl-ps", "--json", "--no-status")
    assert json.loads(reply.stdout)["live"] is None
    assert json.loads(reply.stdout)["status"] == "running"


@pytest.mark.fact("vanished file")
def test_inspect_proves_absence(lab: Lab) -> None:
    assert lab.host.call(calls.inspect(KEY)) is None
    assert lab.host.call(calls.inspect_stamped(KEY)) is None
    lab.state(GOOD)
    assert lab.host.call(calls.inspect(KEY)) is not None


@pytest.mark.fact("phantom", "vanished file")
def test_a_file_that_vanishes_leaves_a_failed_row(lab: Lab) -> None:
    lab.vanished_state(KEY)
    line = json.loads(lab.run("rhl-ps", "--json").stdout)
    assert line == {"key": KEY, "status": "failed", "live": None, "meta": {}}
    assert lab.host.call(calls.inspect(KEY)) is None
    assert lab.host.call(calls.stop(KEY)) == "missing state"
    assert lab.run("rhl-rm", KEY, "--server").stdout.decode() == f"{KEY}: not found\n"


def test_inspect_prints_the_file_and_nothing_of_its_own(lab: Lab) -> None:
    lab.state({"b": 1, "a": {"d": 2, "c": "é"}})
    text = lab.run("rhl-inspect", KEY).stdout.decode()
    assert text == '{\n  "a": {\n    "c": "\\u00e9",\n    "d": 2\n  },\n  "b": 1\n}\n'


def test_inspect_gives_the_time_the_file_was_written(lab: Lab) -> None:
    lab.state(GOOD)
    stamped = lab.host.call(calls.inspect_stamped(KEY))
    assert isinstance(stamped, StampedState)
    assert stamped.data == GOOD
    age = lab.age_state(KEY)
    assert 0 <= age < 30
    text = lab.run("rhl-inspect", KEY, "--with-mtime").stdout.decode()
    assert text.startswith('{"mtime":')
    assert text.endswith('"data":{"workdir":"~/w","pid":null,"status":"starting"}}\n')


@pytest.mark.fact("logs")
def test_logs_are_raw_bytes_and_need_no_state_file(lab: Lab) -> None:
    data = b"one\r\n\x1b[31mtwo\xff\x00\n\nfour"
    lab.write_log(KEY, data)
    assert lab.host.call(calls.logs(KEY)) == data
    assert lab.host.call(calls.logs(KEY, tail=2)) == b"\nfour"
    assert lab.host.call(calls.logs(KEY, tail=0)) == b""
    assert lab.host.call(calls.logs(KEY, tail=99)) == data


@pytest.mark.fact("logs")
def test_a_missing_log_is_told_from_a_failure(lab: Lab) -> None:
    assert lab.host.call(calls.logs(KEY)) is None
    with pytest.raises(HelperFailed, match="invalid key"):
        lab.host.call(calls.logs("no key"))


def test_client_rows(lab: Lab) -> None:
    lab.client_file(
        KEY, {"hostname": "localhost", "port": 61000, "tunneled-host": "front", "tunneled-port": 5}
    )
    lab.client_file(OTHER, {"hostname": "node", "port": 61001})
    lines = lab.run("rhl-ps", "--client", "--json").stdout.decode().splitlines()
    rows = {row["key"]: row for row in map(json.loads, lines)}
    assert (rows[KEY]["ssh_host"], rows[KEY]["host"]) == ("front", "localhost")
    assert (rows[OTHER]["ssh_host"], rows[OTHER]["port"]) == ("node", 61001)
    assert lab.run("rhl-ps", "--client", "--key", "--host", "front").stdout.decode().split() == [KEY]


def test_tables_for_people_look_the_same(lab: Lab) -> None:
    lab.state({"pid": None, "status": "starting"})
    lab.state({"pid": None, "status": "failed", "port": 51000}, OTHER)
    assert lab.run("rhl-ps").stdout.decode().splitlines() == [
        "KEY          STATUS   PORT ",
        "other-c-rw-p failed   51000",
        "svc-c-rw-p   starting -    ",
    ]
    assert lab.run("rhl-ps", "--status", "failed", "--key").stdout.decode().split() == [OTHER]


MESSAGES = ["Welcome!\nQuota: 12% {ok}\n", "no line end ", 'use {"curly": 1} braces\n', "\n\n"]


@pytest.mark.fact("login messages")
@pytest.mark.parametrize("message", MESSAGES)
def test_a_login_message_hides_nothing(lab: Lab, message: str) -> None:
    lab.state({"pid": None, "status": "starting", "meta": {"a": {"b": 1}}})
    lab.state({"pid": None, "status": "starting"}, OTHER)
    lab.make("c/x")
    host = Host(lab.chatty(message))
    assert lab.run("rhl-ps", "--json").exit_code == 0
    assert [row.key for row in host.call(calls.ps())] == [OTHER, KEY]
    row = host.call(calls.inspect(KEY))
    assert isinstance(row, ServerRow)
    assert row.meta == {"a": {"b": 1}}
    assert isinstance(host.call(calls.inspect_stamped(KEY)), StampedState)
    (folder,) = host.call(calls.ps_persistent(lab.path("c")))
    assert folder.state == "populated"
    assert host.call(calls.stop("none")) == "missing state"


@pytest.mark.parametrize(
    "text",
    [
        '{"key": "a", "status": "run',
        '{"key": "a"}\n{"key": "b"',
        'hello {"key": "a", "sta',
        '{"key": "a"}\nlate message\n',
        "{ok}\n",
    ],
)
def test_half_an_answer_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_lines(text)


def test_an_empty_answer_is_no_row() -> None:
    assert json_lines("Welcome!\n") == []


@pytest.mark.parametrize("message", ["", *MESSAGES])
def test_the_table_tells_none_from_no_answer(lab: Lab, message: str) -> None:
    host = Host(lab.chatty(message))
    assert host.call(calls.lists_nothing())
    assert host.call(calls.listing()) == calls.Listing([], doubtful=bool(message.strip()))
    lab.state({"pid": None, "status": "starting"})
    assert not host.call(calls.lists_nothing())
    assert not host.call(calls.listing()).doubtful
