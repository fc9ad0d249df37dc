"""The guide's tables on what clients print: real texts, named ID.SERVICE.txt, and single lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rhl_helpers.client import ConnectionFile
from seamless_reconcile.diagnose.client_error import read_client_error
from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.logs import read_log
from seamless_reconcile.diagnose.verdict import diagnose
from seamless_reconcile.kinds.tunnel import State, TunnelObserved
from seamless_reconcile.report.diagnosis_json import client_to_dict
from unit.diagnose.made import ERRORS, case

HEAD = "Traceback (most recent call last):\n"
LINES = {
    "D401": [
        "aiohttp.client_exceptions.ClientConnectionError: Error 500: Internal Server Error",
        "RuntimeError: Healthcheck failed for http://x:1: HTTP 503 Service Unavailable",
    ],
    "D402": [
        "aiohttp.client_exceptions.ClientConnectionError: Error 400: ERROR: Malformed request",
        "ClientConnectionError: buffer_length failed for aa: HTTP 404 from http://x:1/has: Not found",
        "RuntimeError: Healthcheck failed for http://x:1: HTTP 404 Not Found",
    ],
    "D403": [
        "ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 45799)",
        "ssh: connect to host x port 22: Connection refused",
        "ClientConnectorError: Cannot connect to host x:1 ssl:default [refused]",
    ],
    "D404": [
        "socket.gaierror: [Errno -2] Name or service not known",
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "socket.gaierror: [Errno 8] nodename nor servname provided, or not known",
        "aiohttp.client_exceptions.ClientConnectorDNSError: Cannot connect to host x:1",
    ],
    "D405": ["aiohttp.client_exceptions.ClientPayloadError: Response payload is not completed"],
    "D406": [
        "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected",
        "aiohttp.client_exceptions.ClientOSError: [Errno 104] Connection reset by peer",
        "aiohttp.client_exceptions.ClientConnectionResetError: Cannot write to closing transport",
        "ConnectionResetError: [Errno 104] Connection reset by peer",
        "BrokenPipeError: [Errno 32] Broken pipe",
    ],
    "D407": [
        "aiohttp.client_exceptions.SocketTimeoutError: Timeout on reading data from socket",
        "aiohttp.client_exceptions.ServerTimeoutError: x",
        "asyncio.exceptions.TimeoutError",
        "TimeoutError",
    ],
    "D408": [
        "seamless_remote.client.ClientRestartRequiredError: Healthcheck failed",
        "OSError: [Errno 16] device or resource busy",
    ],
    "D409": ["Jobserver record mode mismatch: client requested record=True"],
    "D410": ["AttributeError: Read-only buffer client", "AttributeError: Read-only database client"],
    "D411": ["remote_http_launcher.LauncherError: Handshake failed with HTTP status 500."],
    "D412": [
        "LauncherError: Failed to establish SSH tunnel: x",
        "Timed out while waiting for SSH tunnel to become ready.",
    ],
    "D413": [
        "LauncherError: Unable to discover conda base path.",
        "Failed to parse output from conda env list.",
    ],
    "D414": [
        "LauncherError: Remote launch already attempted and failed.",
        "remote_http_launcher.LauncherError: x",
    ],
    "D415": [
        "distributed.scheduler.KilledWorker: Attempted to run task 'x' on 4 different workers",
        "distributed.comm.core.CommClosedError: in <TCP (closed)>",
        "OSError: Timed out trying to connect to tcp://10.0.0.5:46039 after 30 s",
        "concurrent.futures._base.CancelledError: x cancelled for reason: lost dependencies",
        "distributed.client.FutureCancelledError: x",
    ],
    "D416": ["RuntimeError: Transformation was canceled"],
    "D417": [
        "ModuleNotFoundError: No module named 'seamless'",
        "ImportError: cannot import name 'x' from 'seamless'",
    ],
    "D418": ["RuntimeError: Healthcheck failed for http://localhost:1: x"],
    "D419": ["aiohttp.client_exceptions.ClientConnectionError: x", "ClientConnectorError: x"],
    "D420": [
        "aiohttp.client_exceptions.ConnectionTimeoutError: x",
        "Connection timeout to host http://10.0.0.5:1/healthcheck",
    ],
}


def read(text):
    return read_client_error(read_log(text if isinstance(text, bytes) else text.encode()), knowledge())


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_a_real_error_is_understood(path):
    id_, kind = path.stem.split(".")
    found = read(path.read_bytes())
    assert found.patterns[0].id == id_
    # A refused healthcheck does not say whose it is; its port does.
    assert found.type == ("" if kind == "refused" else kind)
    assert found.exhausted == (kind != "refused")
    assert found.status == (500 if id_ == "D401" else None)


@pytest.mark.parametrize(("id_", "line"), [(id_, line) for id_, lines in LINES.items() for line in lines])
def test_a_single_line_is_enough(id_, line):
    assert read(line).patterns[0].id == id_


def test_every_expression_finds_something():
    texts = [path.read_text() for path in ERRORS] + [line for lines in LINES.values() for line in lines]
    for pattern in knowledge().client:
        assert pattern.id in LINES
        for expression in pattern.text:
            assert any(expression.search(text) for text in texts), expression.pattern


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("buffer_client.py", "hashserver"),
        ("database_client.py", "database"),
        ("jobserver_client.py", "jobserver"),
        ("daskserver_remote.py", "daskserver"),
    ],
)
def test_the_clients_file_names_the_service(file, kind):
    text = f'{HEAD}  File "/x/seamless_remote/{file}", line 1, in f\nTimeoutError\n'
    found = read(text)
    assert (found.type, found.told_by, found.exhausted) == (kind, file, False)


def test_dask_is_known_by_its_packages():
    text = f'{HEAD}  File "/e/site-packages/distributed/client.py", line 1, in f\nValueError: x\n'
    assert read(text).type == "daskserver"


def test_the_last_error_counts():
    first, last = (
        next(p for p in ERRORS if p.stem == name).read_bytes()
        for name in ("D401.hashserver", "D401.database")
    )
    assert read(first + b"\n" + last).type == "database"
    assert read(last + b"\n" + first).type == "hashserver"


@pytest.mark.parametrize("text", ["", "\n\n", "all is well", "\x00\xff"])
def test_what_nobody_knows_is_said(text):
    assert read(text).patterns == ()


def here(port, **more):
    """Give a hashserver that is well, reached through this local port."""
    made = case()
    file = ConnectionFile(made.spec.key, "localhost", port, "frontend", 50_000)
    return diagnose(
        replace(made, tunnel=TunnelObserved(State.OPEN, file=file, verified=True), **more), knowledge()
    )


def told(text, *found):
    return client_to_dict(read(text), found, knowledge())


REFUSED = (
    "RuntimeError: Healthcheck failed for http://localhost:45799: [Connect call failed ('127.0.0.1', 45799)]"
)
FAILED = next(path for path in ERRORS if path.stem == "D401.hashserver").read_bytes()


def test_a_port_tells_which_service_is_meant():
    data = told(REFUSED, here(45_799))
    assert data["about"] == ["service.hashserver"]
    assert any("is well now" in note for note in data["notes"])
    assert told(REFUSED, here(1234))["about"] == []


def test_an_old_address_is_seen():
    data = told(FAILED, here(61_000))
    assert data["about"] == ["service.hashserver"]
    assert any("holds an old address" in note for note in data["notes"])
    assert not any("old address" in note for note in told(FAILED, here(45_711))["notes"])


def test_five_attempts_are_not_flaky():
    assert any("not flaky" in note for note in told(FAILED)["notes"])
    assert not any("not flaky" in note for note in told(REFUSED)["notes"])


def test_without_a_look_at_the_server_the_cardinal_rule_is_told():
    assert any("server first" in note for note in told(FAILED)["notes"])
    assert not any("server first" in note for note in told(FAILED, here(45_711))["notes"])
