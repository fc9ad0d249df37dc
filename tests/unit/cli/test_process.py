"""The program as a process: terminals, pipes, signals, imports."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from unit.cli.driver import LONG_PATH

TESTS = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "driver.py"


@pytest.fixture
def env(tmp_path):
    (tmp_path / "seamless.reconcile.yaml").write_text("version: 1\n")
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(TESTS),
        "HOME": str(tmp_path),
        "SEAMLESS_RECONCILE_STATE_DIR": str(tmp_path / "state"),
        "TERM": "xterm",
    }


@pytest.fixture
def start(env, tmp_path):
    """Start the program over the fake session; ends what is left of it."""
    started = []

    def call(script, *args, **options):
        merged = {**env, **options.pop("env", {})}
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), script, *args], cwd=tmp_path, env=merged, **{**streams, **options}
        )
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def until(stream, text):
    """Read a stream of bytes until a text has come; gives what was read."""
    read = b""
    while text not in read:
        part = os.read(stream.fileno(), 4096)
        assert part, read
        read += part
    return read


# --- signals -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_what_is_in_hand(start, number):
    process = start("slow", "apply", "--yes")
    until(process.stderr, b"IN HAND")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"finishing the action in hand" in err
    assert b"FINISHED" in err
    assert b"Apply interrupted: 1 done, 3 not started." in out
    assert b"Traceback" not in err


def test_the_second_signal_ends_as_cleanly_as_the_first(start):
    process = start("slow", "apply", "--yes")
    until(process.stderr, b"IN HAND")
    process.send_signal(signal.SIGINT)
    said = until(process.stderr, b"finishing")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert (said + err).count(b"finishing") == 1
    assert b"FINISHED" in err
    assert b"Apply interrupted" in out


@pytest.mark.parametrize("command", [("apply", "--yes"), ("plan",)])
def test_a_signal_before_any_action_ends_at_once(start, command):
    process = start("reading", *command)
    until(process.stderr, b"READING")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 10
    assert b"interrupted: no action was begun" in err
    assert out == b""


def test_a_signal_that_comes_too_late_changes_nothing(start):
    process = start("itself", "apply", "--yes")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0  # the fake session had finished all of it
    assert b"Apply complete" in out


# --- terminals -----------------------------------------------------------------------------


class Terminal:
    """A pseudo-terminal; a thread collects what is written to it."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.text = b""
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while True:
            try:
                part = os.read(self.master, 4096)
            except OSError:
                return
            if not part:
                return
            self.text += part

    def wait_for(self, text, seconds=30):
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, self.text
            time.sleep(0.01)

    def close(self):
        os.close(self.slave)
        self._thread.join(timeout=10)
        os.close(self.master)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 5)])
def test_on_a_terminal_it_asks(start, terminal, answer, code):
    process = start("quick", "apply", stdin=terminal.slave, stderr=terminal.slave, stdout=terminal.slave)
    terminal.wait_for(b"Apply these 4 actions? [y/N] ")
    os.write(terminal.master, answer)
    process.wait(timeout=30)
    assert process.returncode == code
    if code == 0:
        terminal.wait_for(b"Apply complete: 4 actions, in sync.")
        assert b"launch service.hashserver" in terminal.text
    else:
        terminal.wait_for(b"not approved: nothing was changed")


def test_end_of_input_at_the_question_is_no(start, terminal):
    process = start("quick", "apply", stdin=terminal.slave, stderr=terminal.slave)
    terminal.wait_for(b"[y/N] ")
    os.write(terminal.master, b"\x04")
    process.wait(timeout=30)
    assert process.returncode == 5


def test_ctrl_c_at_the_question_is_130(start, terminal):
    process = start("quick", "apply", stdin=terminal.slave, stderr=terminal.slave)
    terminal.wait_for(b"[y/N] ")
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert process.returncode == 130
    terminal.wait_for(b"interrupted: no action was begun")


def test_where_the_question_would_not_be_seen_nobody_is_asked(start, terminal):
    process = start("quick", "apply", stdin=terminal.slave)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 5
    assert b"nobody to ask" in err


STYLES = re.compile(rb"\x1b\[[0-9;]*m")


def test_a_pipe_gets_whole_lines_and_a_terminal_wrapped_ones(start, terminal):
    out, _ = start("long", "plan").communicate(timeout=30)
    assert any(LONG_PATH in line for line in out.decode().splitlines())
    start("long", "plan", stdout=terminal.slave).communicate(timeout=30)
    terminal.wait_for(b"Plan: ")
    assert LONG_PATH.encode() in re.sub(rb"\r\n *", b"", terminal.text)
    assert LONG_PATH.encode() not in terminal.text


@pytest.mark.parametrize(
    ("args", "more", "coloured"),
    [
        ((), {}, True),
        (("--color", "never"), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"NO_COLOR": ""}, True),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        ((), {"TERM": "dumb"}, False),
    ],
)
def test_colour_on_a_terminal(start, terminal, args, more, coloured):
    process = start("quick", "plan", *args, stdout=terminal.slave, env=more)
    process.communicate(timeout=30)
    terminal.wait_for(b"Plan: ")
    assert bool(STYLES.search(terminal.text)) is coloured


@pytest.mark.parametrize(("args", "coloured"), [((), False), (("--color", "always"), True)])
def test_colour_in_a_pipe(start, args, coloured):
    out, _ = start("quick", "plan", *args).communicate(timeout=30)
    assert bool(STYLES.search(out)) is coloured


def test_live_progress_leaves_only_what_ended(start, terminal):
    process = start("quick", "apply", "--yes", stderr=terminal.slave)
    out, _ = process.communicate(timeout=30)
    terminal.wait_for(b"done      launch service.hashserver on frontend  0.1 s")
    terminal.wait_for(b"\x1b[?25h")  # the cursor is shown again
    assert b"Apply complete" in out
    assert b"\x1b" not in out


def test_a_dumb_terminal_gets_plain_lines(start, terminal):
    process = start("quick", "apply", "--yes", stderr=terminal.slave, env={"TERM": "dumb"})
    process.communicate(timeout=30)
    terminal.wait_for(b"started   launch service.hashserver")
    assert b"\x1b" not in terminal.text


# --- pipes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [("plan",), ("plan", "--json"), ("apply", "--yes")])
def test_a_reader_that_goes_away_is_no_error(start, args):
    process = start("quick", *args)
    process.stdout.close()
    process.stdout = None
    err = process.stderr.read()
    assert process.wait(timeout=30) == 0
    assert b"Broken" not in err
    assert b"Traceback" not in err
    assert b"Exception" not in err


def test_a_reader_of_progress_that_goes_away_is_no_error_either(start):
    process = start("quick", "apply", "--yes")
    process.stderr.close()
    process.stderr = None
    out = process.stdout.read()
    assert process.wait(timeout=30) == 0
    assert b"Apply complete" in out


def test_a_result_that_cannot_be_written_is_an_error(start):
    with Path("/dev/full").open("wb") as full:
        process = start("quick", "plan", stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"No space left on device" in err
    assert b"Traceback" not in err


def test_without_any_stdout_it_still_ends_well(start, tmp_path, env):
    line = f'exec "{sys.executable}" "{DRIVER}" quick plan >&-'
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=env, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_where_only_ascii_can_be_said_ascii_is_said(start):
    out, _ = start("quick", "plan", env={"PYTHONIOENCODING": "ascii"}).communicate(timeout=30)
    assert out.isascii()
    assert b"`-service.hashserver" in out
    assert b"absent -> running" in out


# --- imports -------------------------------------------------------------------------------

HEAVY = {
    "deepdiff", "logging", "networkx", "paramiko", "psutil", "pydantic", "rich", "seamless_config", "yaml",
}  # fmt: skip

LOADED = """
import sys
bare = set(sys.modules)
sys.argv = ["seamless-reconcile", *sys.argv[1:]]
from seamless_reconcile.cli.main import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print(len(set(sys.modules) - bare), *sorted(set(sys.modules) - bare), file=sys.stderr)
"""


def loaded(env, tmp_path, *args):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    count, *names = done.stderr.splitlines()[-1].split()
    return int(count), set(names)


def test_help_imports_next_to_nothing(env, tmp_path):
    count, names = loaded(env, tmp_path, "--help")
    assert not names & HEAVY
    ours = {name for name in names if name.startswith(("seamless_reconcile.", "rhl_helpers."))}
    assert ours <= {
        "seamless_reconcile.cli", "seamless_reconcile.cli.failures", "seamless_reconcile.cli.lazy",
        "seamless_reconcile.cli.main", "seamless_reconcile.cli.output", "seamless_reconcile.declared",
        "seamless_reconcile.exits", "seamless_reconcile.outcomes", "seamless_reconcile.plan",
        "rhl_helpers.errors", "rhl_helpers.secrets",
    }  # fmt: skip
    assert count < 130


@pytest.mark.parametrize("command", ["plan", "apply", "validate", "graph", "show", "schema", "demo"])
def test_the_help_of_a_command_imports_no_library(env, tmp_path, command):
    assert not loaded(env, tmp_path, command, "--help")[1] & (HEAVY - {"logging"})


def test_schema_imports_only_what_makes_it(env, tmp_path):
    assert not loaded(env, tmp_path, "schema")[1] & {"paramiko", "networkx", "rich", "psutil", "deepdiff"}


def test_python_m_is_the_same_program(env, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "seamless_reconcile", "--version"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("seamless-reconcile, version ")
