"""The command line: what goes together, exit codes, streams; what is read of the world is scripted."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from seamless_reconcile.cli.main import cli
from seamless_reconcile.diagnose import reaching
from seamless_reconcile.diagnose.reaching import Looked
from seamless_reconcile.events import HostRead, Reading
from seamless_reconcile.kinds.service import Life, ServiceObserved, State
from seamless_reconcile.observed import Unknown
from unit.core.values import host
from unit.diagnose.made import ERRORS, HERE, case, read_log

IMPORT = (HERE / "logs" / "D201.hashserver.starting.log").read_bytes()
ERROR = next(path for path in ERRORS if path.stem == "D401.hashserver")


@pytest.fixture
def world(monkeypatch, tmp_path):
    """What is read; `asked` is what it was asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAMLESS_RECONCILE_STATE_DIR", str(tmp_path / "state"))
    for name in ("NO_COLOR", "FORCE_COLOR", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "seamless.reconcile.yaml").write_text("version: 1\n")
    made = SimpleNamespace(cases=[], asked=None)

    def read(files, wish, client, known, **options):
        made.asked = SimpleNamespace(files=files, wish=wish, client=client, **options)
        options["reporter"].on_event(Reading(("frontend",)))
        options["reporter"].on_event(HostRead("frontend", 0.1))
        return Looked(tuple(made.cases), len(made.cases))

    monkeypatch.setattr(reaching, "read", read)
    return made


@pytest.fixture
def run(world):
    def call(*words, stdin=""):
        result = CliRunner().invoke(cli, ["diagnose", *map(str, words)], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return SimpleNamespace(code=result.exit_code, out=result.stdout, err=result.stderr)

    return call


def wrong():
    return case("starting", log=read_log(IMPORT))


def untold():
    made = case("absent")
    problem = Unknown("unreachable: x", "unreachable")
    return replace(
        made, host=host(problem=problem), seen=ServiceObserved(State.UNKNOWN, Life.UNPROVEN, "x"), log=None
    )


@pytest.mark.parametrize(
    ("cases", "code"),
    [
        ([], 0),
        ([case()], 0),
        ([wrong()], 2),
        ([untold()], 3),
        ([wrong(), untold()], 2),
        ([case(), untold()], 3),
    ],
)
def test_exit_codes(world, run, cases, code):
    world.cases = cases
    for words in ((), ("-q",), ("-v",), ("--json",)):
        done = run(*words)
        assert done.code == code, done.err
    assert json.loads(done.out)["exit_code"] == code


def test_a_clients_error_alone(world, run, tmp_path):
    (tmp_path / "seamless.reconcile.yaml").unlink()
    done = run("--client-error", ERROR)
    assert done.code == 2
    assert "buffer_client.py → hashserver" in done.out
    assert world.asked is None
    assert run("--client-error", "-", stdin=ERROR.read_text()).out == done.out
    # What nobody knows could not be told.
    assert run("--client-error", "-", stdin="hello").code == 3


def test_a_clients_error_with_a_manifest_looks_at_the_server(world, run):
    world.cases = [wrong()]
    done = run("--client-error", ERROR, "--json")
    assert world.asked.client.type == "hashserver"
    data = json.loads(done.out)
    assert data["client_error"]["about"] == ["service.hashserver"]
    assert data["client_error"]["retries_exhausted"]


def test_what_was_asked_for_is_passed_on(world, run):
    run("a", "b", "--passive", "--timeout", "3", "--ssh", "openssh", "-f", "m.yaml")
    assert world.asked.wish.names == ("a", "b")
    assert (world.asked.passive, world.asked.timeout, world.asked.ssh) == (True, 3.0, "openssh")
    assert world.asked.files == ("m.yaml",)
    run("--host", "frontend", "--key", "hashserver-c-rw-p")
    assert (world.asked.wish.host, world.asked.wish.key) == ("frontend", "hashserver-c-rw-p")
    # A key needs no manifest, whatever lies here.
    assert world.asked.files == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "x"), "go together"),
        (("--key", "x"), "go together"),
        (("--host", "-oProxyCommand=x", "--key", "k"), "no host name"),
        (("--host", "a b", "--key", "k"), "no host name"),
        (("--host", "x", "--key", "../x"), "no key"),
        (("--host", "x", "--key", "-x"), "no key"),
        (("name", "--all"), "neither with"),
        (("name", "--host", "x", "--key", "k"), "neither with"),
        (("--tail", "-1"), "-1"),
        (("--client-error", "no/such/file"), "no/such/file"),
    ],
)
def test_misuse_is_said(run, world, words, said):
    done = run(*words)
    assert (done.code, world.asked) == (64, None)
    assert said in done.err


def test_a_name_nobody_declared_is_said(monkeypatch, run, world):
    def read(*_, **__):
        raise reaching.NoSuchService("the manifest has no service \x1b[31mx")

    monkeypatch.setattr(reaching, "read", read)
    done = run("x", "--json")
    assert done.code == 64
    assert "\x1b" not in done.out + done.err
    assert json.loads(done.out)["error"]["kind"] == "usage"


def test_no_error_is_larger_than_is_read(run, tmp_path):
    path = tmp_path / "big.txt"
    path.write_bytes(b"x" * (5 * 1024 * 1024))
    done = run("--client-error", path)
    assert done.code == 64
    assert "larger than" in done.err


@pytest.mark.parametrize(
    ("words", "env", "coloured"),
    [
        ((), {}, False),
        (("--color", "always"), {}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {}, False),
    ],
)
def test_colour(monkeypatch, run, world, words, env, coloured):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    world.cases = [wrong()]
    assert ("\x1b[" in run(*words).out) == coloured


def test_progress_goes_to_stderr_and_q_is_quiet(run, world):
    assert "frontend" in run("-v").err
    assert run("-q", "-v").err == ""
    assert "read " not in run("--json").out
