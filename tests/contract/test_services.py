"""The real services, where their own behaviour matters."""

from __future__ import annotations

import re

import pytest

from contract.lab import Lab
from rhl_helpers import calls
from rhl_helpers.transport.base import Answer

pytestmark = pytest.mark.services

PREFIX = ".HASHSERVER_PREFIX"
FRESH = 98_304


@pytest.mark.fact("prefix marker")
def test_a_hashserver_marks_its_directory_and_tells_its_log(lab: Lab) -> None:
    lab.hashserver()
    row = lab.running("hs")
    lab.until(lambda: lab.answers(row.port or 0) is Answer.OK)
    assert lab.answers(row.port or 0, "nothing") is Answer.NOT_OK
    assert lab.listing("buffers") == [PREFIX]
    (seen,) = lab.host.call(calls.ps_persistent(lab.path("buffers"), marker=PREFIX))
    assert seen.state == "empty"
    (seen,) = lab.host.call(calls.ps_persistent(lab.path("buffers")))
    assert seen.state == "populated"
    log = (lab.host.call(calls.logs("hs")) or b"").decode()
    assert f"Started server process [{row.pid}]" in log
    assert f"Uvicorn running on http://localhost:{row.port} (Press CTRL+C to quit)" in log
    stamp = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO: "
    assert re.search(stamp + r'.*"GET /healthcheck HTTP/1.1" 200 OK$', log, re.MULTILINE)


@pytest.mark.fact("logs")
def test_a_stopped_hashserver_has_a_last_word(lab: Lab) -> None:
    lab.hashserver()
    row = lab.running("hs")
    lab.until(lambda: lab.answers(row.port or 0) is Answer.OK)
    before = lab.host.call(calls.logs("hs")) or b""
    assert lab.host.call(calls.stop("hs")) == "stopped"
    after = lab.host.call(calls.logs("hs")) or b""
    assert after.startswith(before)
    assert f"Finished server process [{row.pid}]\n".encode() in after[len(before) :]
    assert lab.row("hs").status == "stale"


@pytest.mark.fact("fresh database")
def test_a_database_makes_its_file_and_an_insert_changes_only_its_time(lab: Lab) -> None:
    lab.database()
    row = lab.running("db")
    lab.until(lambda: lab.answers(row.port or 0) is Answer.OK)
    assert lab.answers(row.port or 0, "nothing") is Answer.NOT_OK
    assert lab.listing("databases") == ["seamless.db"]
    (fresh,) = lab.host.call(calls.ps_persistent(lab.path("databases"), file="seamless.db"))
    assert (fresh.state, fresh.size) == ("populated", FRESH)
    lab.wait(1.1)
    lab.insert("db", row.port or 0)
    (used,) = lab.host.call(calls.ps_persistent(lab.path("databases"), file="seamless.db"))
    assert used.size == fresh.size
    assert (used.modified or "") > (fresh.modified or "")


@pytest.mark.fact("clear unasked")
def test_a_database_cleared_under_its_feet_still_answers(lab: Lab) -> None:
    lab.database()
    row = lab.running("db")
    lab.until(lambda: lab.answers(row.port or 0) is Answer.OK)
    assert lab.host.call(calls.clear(lab.path("databases"))) is True
    assert lab.listing("databases") == []
    assert lab.answers(row.port or 0) is Answer.OK


@pytest.mark.fact("dead while starting")
def test_a_read_only_database_without_a_file_dies_while_starting(lab: Lab) -> None:
    lab.database("ro", writable=False)
    lab.until(lambda: lab.row("ro").live is False)
    assert lab.row("ro").status == "starting"
    assert b"must exist when --writable is not set" in (lab.host.call(calls.logs("ro")) or b"")


@pytest.mark.fact("idle")
def test_an_idle_hashserver_ends_and_its_state_stays_running(lab: Lab) -> None:
    lab.hashserver(timeout="2")
    lab.running("hs")
    lab.until(lambda: lab.row("hs").live is False)
    assert (lab.row("hs").status, lab.status("hs")) == ("stale", "running")


@pytest.mark.fact("state comes back")
def test_a_hashserver_without_its_state_file_waits_for_it_and_gives_up(lab: Lab) -> None:
    lab.hashserver()
    pid = lab.row("hs").pid
    lab.host.call(calls.remove_server_state("hs"))
    lab.wait(5.0)
    assert pid is not None
    assert lab.lives(pid)
    lab.until(lambda: not lab.lives(pid), 30.0)
    assert b"not found after 20 seconds" in lab.read_log("hs")
    assert lab.read_state("hs") is None
    assert lab.listing("buffers") == []


@pytest.mark.fact("absent is not dead")
def test_a_stopped_daskserver_takes_its_state_along_and_lives_on(lab: Lab) -> None:
    status = "~/.remote-http-launcher/server/dask.json"
    options = ("--port-range", "49152", "65000", "--status-file", status, "--host", "localhost")
    argv = ("seamless-dask-wrapper", "dask.distributed::LocalCluster", *options)
    parameters = {"walltime": "00:10:00", "cores": 1, "memory": "1GB", "maximum_jobs": 1}
    lab.host.call(calls.launch_service("dask", "~/work", argv, parameters=parameters))
    lab.until(lambda: lab.status("dask") == "running", 60.0)
    row = lab.row("dask")
    assert set(row.extra_ports) == {"dashboard_port"}
    assert row.pid is not None
    lab.until(lambda: lab.answers(row.extra_ports["dashboard_port"], "health") is Answer.OK)
    lab.signal(row.pid)
    lab.until(lambda: lab.read_state("dask") is None, 5.0)
    assert lab.host.call(calls.inspect("dask")) is None
    assert lab.host.call(calls.pid_alive(row.pid)) is True
    lab.until(lambda: not lab.lives(row.pid or 0))
    assert lab.host.call(calls.logs("dask")) is not None


@pytest.mark.fact("kept parameters")
def test_a_jobserver_keeps_the_parameters_it_was_wired_with(lab: Lab) -> None:
    status = "~/.remote-http-launcher/server/job.json"
    options = ("--workers", "1", "--port-range", "49152", "65000", "--status-file", status)
    argv = ("seamless-jobserver", *options, "--host", "localhost", "--timeout", "600")
    wiring = {
        "buffer": [{"readonly": False, "remote_url": "http://localhost:1", "remote_directory": "~/buffers"}],
        "database": [{"readonly": False, "remote_url": "http://localhost:2"}],
        "record": False,
    }
    lab.host.call(calls.launch_service("job", "/tmp", argv, parameters=wiring, network_interface="localhost"))
    lab.until(lambda: lab.status("job") != "starting", 60.0)
    row = lab.row("job")
    assert (row.status, row.live) == ("running", True)
    assert (row.parameters, row.workdir) == (wiring, "/tmp")
    lab.until(lambda: lab.answers(row.port or 0) is Answer.OK)
    assert lab.host.call(calls.stop("job")) == "stopped"
    assert lab.row("job").parameters == wiring
