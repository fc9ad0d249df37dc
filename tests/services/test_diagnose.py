"""`diagnose` on real services of this machine, broken on purpose; and that it changes nothing."""

from __future__ import annotations

import hashlib
import json
import signal

import pytest

from lab.user import running, wait_for

pytestmark = pytest.mark.services

NO_JSON_RESPONSE = "import fastapi.responses\ndel fastapi.responses.JSONResponse\n"
# As when Starlette changed what FileResponse takes: the server runs, and fails on what it is asked for.
OTHER_FILE_RESPONSE = """\
import starlette.responses
_made = starlette.responses.FileResponse.__init__
def made(self, path, *, headers=None):
    _made(self, path, headers=headers)
starlette.responses.FileResponse.__init__ = made
"""
CLIENT = """\
import asyncio, hashlib, sys, urllib.request
url = sys.argv[1]
data = b"a buffer"
name = hashlib.sha256(data).hexdigest()
request = urllib.request.Request(f"{url}/{name}", data=data, method="PUT")
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
from seamless import Checksum
from seamless_remote.buffer_client import BufferClient
async def main():
    client = BufferClient(readonly=True)
    client.url = url
    await client.get(Checksum(name))
asyncio.run(main())
"""


@pytest.fixture(scope="module", autouse=True)
def _cluster(user):
    user.clusters({"local_cluster": "here", "here": user.local()})


@pytest.fixture
def declared(user):
    user.manifest({"hashserver": "running", "database": "running"}, cluster="here", project="demo")


@pytest.fixture
def up(user, declared):
    return user.converge().seen


@pytest.fixture
def shim(user, tmp_path):
    """Break the hashserver alone: every other program of the environment is as it was."""

    def make(text):
        body = "".join(f"    {line}\n" for line in text.splitlines())
        (tmp_path / "sitecustomize.py").write_text(
            f"import sys\nif sys.orig_argv[1:2] and sys.orig_argv[1].endswith('/hashserver'):\n{body}"
        )
        return {"PYTHONPATH": str(tmp_path)}

    return make


def diagnosed(user, *words, code=2):
    return json.loads(user.sr("diagnose", "--json", *words, code=code).stdout)


def causes(one):
    return [cause["id"] for cause in one["causes"]]


def test_a_hashserver_that_crashes_while_starting(user, declared, shim):
    user.sr("apply", "--yes", env=shim(NO_JSON_RESPONSE), code=None)
    (one,) = diagnosed(user)["diagnoses"]
    assert (one["resource"], one["symptom"]["id"], causes(one)) == ("service.hashserver", "D117", ["D201"])
    assert (one["health"], one["sure"]) == ("wrong", "certain")
    assert one["causes"][0]["untrusted_line"].startswith("ImportError: cannot import name 'JSONResponse'")
    assert one["causes"][0]["raised_in"]["untrusted_package"] == "hashserver"
    assert one["owner"]["package"] == "hashserver"
    assert one["evidence"]["process_alive"] is False
    # The packages beside this program are those the service runs with.
    versions = {p["package"]: p["version"] for p in one["evidence"]["packages"]}
    assert {"hashserver", "fastapi", "starlette"} <= set(versions)
    text = user.sr("diagnose", "hashserver", code=2).stdout
    assert text.startswith("hashserver on local: it crashed while starting - ImportError: cannot import name")
    assert "(certain)\n" in text
    # The other one is well, and only told of where it was asked for.
    assert [d["name"] for d in diagnosed(user, "--all")["diagnoses"]] == ["hashserver", "database"]
    # Without what broke it, the step that was named helps.
    *_, last = one["next"]
    user.sr(*last["command"].split()[1:], "--yes")
    assert diagnosed(user, code=0)["diagnoses"] == []


def test_a_hashserver_that_fails_on_requests_and_its_client(user, declared, shim):
    user.sr("apply", "--yes", "--replace", "service.hashserver", env=shim(OTHER_FILE_RESPONSE))
    key = "hashserver-here-rw-demo"
    port = user.site.state(key)["port"]
    user.write(CLIENT, "client.py")
    failed = user.run("python", "client.py", f"http://127.0.0.1:{port}")
    assert "ClientConnectionError" in failed.stderr, failed.stderr
    user.write(failed.stderr, "error.txt")
    # It answers its healthcheck: without a name nothing seems wrong. The client's error says otherwise.
    assert diagnosed(user, code=0)["diagnoses"] == []
    data = diagnosed(user, "--client-error", "error.txt")
    client = data["client_error"]
    assert (client["patterns"][0]["id"], client["service_type"], client["http_status"]) == (
        "D401",
        "hashserver",
        500,
    )
    assert client["retries_exhausted"]
    assert client["about"] == ["service.hashserver"]
    (one,) = data["diagnoses"]
    assert (one["symptom"]["id"], causes(one)[0], one["sure"]) == ("D192", "D204", "likely")
    assert one["health"] == "wrong"
    assert one["fix"].startswith("the repo of hashserver, or an older dependency")
    assert one["evidence"]["handshake_on_host"] == one["evidence"]["handshake_through_client"] == "ok"
    user.site.kill(key)


def test_services_that_ended(user, up):
    hashserver, database = up.key("hashserver"), up.key("database")
    # In order, as when idle; and killed.
    pid = user.site.kill(hashserver, signal.SIGINT)
    wait_for(lambda: not running(pid), why="the hashserver to end")
    user.site.kill(database)
    first, second = diagnosed(user)["diagnoses"]
    assert (first["symptom"]["id"], causes(first)) == ("D118", ["D244"])
    assert (second["symptom"]["id"], causes(second), second["sure"]) == ("D118", ["D245"], "possible")
    assert first["evidence"]["idle_timeout"] == 600


def test_a_killed_hashserver_ended_without_a_word(user, up):
    user.site.kill(up.key("hashserver"))
    (one,) = diagnosed(user)["diagnoses"]
    assert causes(one) == ["D243"]


def test_a_hanging_service(user, up):
    user.site.kill(up.key("database"), signal.SIGSTOP)
    (one,) = diagnosed(user, "database", "--timeout", "1")["diagnoses"]
    assert one["symptom"]["id"] == "D125"
    assert one["evidence"]["handshake_on_host"] == "silent"
    user.site.kill(up.key("database"), signal.SIGCONT)


def test_a_service_that_no_manifest_names(user, up):
    key = up.key("database")
    (user.folder / "seamless.reconcile.yaml").unlink()
    data = diagnosed(user, "--host", "local", "--key", key, code=0)
    (one,) = data["diagnoses"]
    assert (one["resource"], one["type"], one["declared"], one["health"]) == (
        f"key.{key}",
        "database",
        False,
        "well",
    )
    (none,) = diagnosed(user, "--host", "local", "--key", "database-here-rw-other")["diagnoses"]
    assert none["symptom"]["id"] == "D131"
    assert "seamless.reconcile.yaml" in user.sr("diagnose", code=65).stderr


def test_a_log_whose_state_is_gone_is_still_read(user, up):
    key = up.key("hashserver")
    user.site.kill(key)
    user.site.state_file(key).unlink()
    (one,) = diagnosed(user)["diagnoses"]
    assert one["symptom"]["id"] == "D130"
    assert one["evidence"]["log"]["untrusted_text"]


HOSTILE = (
    b"\x1b]0;owned\x07\x1b[2J[bold]markup[/bold]\n\xff\xfe\x80 \xe2\x80\xaenot text\n"
    + b"A" * (50 * 1024 * 1024)
    + b'\n\x1b[31mTraceback (most recent call last):\n  File "x", line 1, in f\n'
    b"ImportError: cannot import name '\x1b[2J' from 'y'\n"
)


def test_a_hostile_log_is_only_text(user, up):
    key = up.key("hashserver")
    user.site.kill(key)
    (user.site.server / f"{key}.log").write_bytes(HOSTILE)
    for words in (("--color", "always"), ("--color", "never", "-v"), ("--json",)):
        done = user.sr("diagnose", *words, "--tail", "5", code=2)
        shown = done.stdout.replace("\x1b[", "") if "always" in words else done.stdout
        assert all(line.isprintable() for line in shown.split("\n"))
        assert "owned\x07" not in done.stdout
        assert len(done.stdout) < 100_000
    (one,) = diagnosed(user)["diagnoses"]
    assert causes(one)[0] == "D201"
    assert one["evidence"]["log"]["cut"]


def test_variables_of_this_client_are_told(user, up):
    env = {"http_proxy": "http://me:s3cret@127.0.0.1:9", "SEAMLESS_REMOTE_READ_TIMEOUT": "5"}
    done = user.sr("diagnose", "--json", "--all", env=env)
    told = {one["name"]: one for one in json.loads(done.stdout)["client"]["variables"]}
    assert told["SEAMLESS_REMOTE_READ_TIMEOUT"]["value"] == "5"
    assert told["http_proxy"]["trap"]
    assert "s3cret" not in done.stdout
    # Handshakes of this program do not go through it.
    assert all(one["health"] == "well" for one in json.loads(done.stdout)["diagnoses"])


# --- nothing is changed --------------------------------------------------------------------


def everything(home):
    """Give every file below a home, byte for byte, and its time of change."""
    return {
        str(path.relative_to(home)): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
        )
        for path in home.rglob("*")
    }


LOOKS = (
    ("--all",),
    ("hashserver", "-v"),
    ("--all", "--json"),
    ("--host", "local", "--key", "database-here-rw-demo"),
)


def test_nothing_is_changed_byte_for_byte(user, up):
    user.site.kill(up.key("database"))
    before = everything(user.home)
    for words in LOOKS:
        user.sr("diagnose", "--passive", *words, code=None)
        assert everything(user.home) == before, words
    # A handshake is written into the service's log: that is its use, not ours.
    log = f".remote-http-launcher/server/{up.key('hashserver')}.log"
    for words in LOOKS:
        user.sr("diagnose", *words, code=None)
        after = everything(user.home)
        assert set(after) == set(before), words
        assert {path for path in after if after[path] != before[path]} <= {log}, words
    assert user.site.alive(up.key("hashserver"))


def test_in_a_terminal_the_verdict_comes_first(user, up):
    user.site.kill(up.key("database"))
    done = user.terminal("diagnose", columns=70)
    assert done.returncode == 2
    shown = done.stdout.replace("\r", "")
    assert "database on local:" in shown
    assert shown.index("database on local:") < shown.index("evidence") < shown.index("Diagnosed: 1 service")
