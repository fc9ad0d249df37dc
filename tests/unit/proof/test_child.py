"""A command run in somebody's place: its streams, its signals and its exit code are its own."""

from __future__ import annotations

import os
import pty
import signal
import stat
import subprocess
import sys

import pytest

from seamless_reconcile.proof.child import CannotStart, check_command, run_command

IN_PLACE = (
    "import sys; from seamless_reconcile.proof.child import run_command; sys.exit(run_command(sys.argv[1:]))"
)
BYTES = bytes(range(256)) * 300

TELLS = """
import os, signal, sys, time
def told(number, frame):
    os.write(1, b"GOT %d\\n" % number)
    if number != signal.SIGHUP:
        raise SystemExit(40)
for number in sys.argv[1:]:
    signal.signal(int(number), told)
os.write(1, b"READY\\n")
time.sleep(30)
"""


def python(code):
    return sys.executable, "-c", code


@pytest.fixture
def start():
    """Start a process that runs a command in its place; ends what is left of it."""
    started = []

    def call(*words, **options):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([*python(IN_PLACE), *words], **{**streams, **options})
        started.append(process)
        return process

    yield call
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(stream, text):
    read = b""
    while text not in read:
        part = os.read(stream.fileno(), 4096)
        assert part, read
        read += part
    return read


def test_its_streams_are_its_own(start):
    copy = "from sys import *; d = stdin.buffer.read(); stdout.buffer.write(d); stderr.buffer.write(d[::-1])"
    process = start(*python(copy))
    assert process.communicate(BYTES, timeout=30) == (BYTES, BYTES[::-1])
    assert process.returncode == 0


@pytest.mark.parametrize("code", [0, 3, 255])
def test_its_exit_code_is_kept(code):
    assert run_command(["sh", "-c", f"exit {code}"]) == code


@pytest.mark.parametrize("name", ["KILL", "SEGV", "TERM", "INT"])
def test_ended_by_a_signal_as_in_a_shell(name):
    assert run_command(["sh", "-c", f"kill -{name} $$"]) == 128 + getattr(signal, f"SIG{name}")


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    run_command(["true"])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


# --- what cannot run -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "code", "why"),
    [
        ("no-such-program", 127, "no-such-program: command not found"),
        ("./missing", 127, "./missing: command not found"),
        ("./plain", 126, "./plain: it is not executable"),
        ("./", 126, "./: it is a directory"),
        ("", 127, "'': no command"),
    ],
)
def test_what_cannot_run_is_known_before(tmp_path, monkeypatch, word, code, why):
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotStart) as told:
        check_command([word])
    assert (str(told.value), told.value.exit_code) == (why, code)


def test_what_can_run_passes():
    check_command(["sh", "-c", "true"])
    check_command([sys.executable])


@pytest.mark.parametrize(
    ("first_line", "code", "why"),
    [("#!/no/such/interpreter", 127, "No such file or directory"), ("", 126, "Exec format error")],
)
def test_what_turns_out_not_to_run(tmp_path, first_line, code, why):
    script = tmp_path / "script"
    script.write_text(first_line)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    check_command([str(script)])
    with pytest.raises(CannotStart) as told:
        run_command([str(script)])
    assert (str(told.value), told.value.exit_code) == (f"{script}: {why}", code)


# --- signals -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGQUIT"])
def test_signals_are_handed_on(start, name):
    number = getattr(signal, name)
    process = start(*python(TELLS), str(int(number)), start_new_session=True)
    until(process.stdout, b"READY\n")
    process.send_signal(number)
    assert process.communicate(timeout=30)[0] == b"GOT %d\n" % number
    assert process.returncode == 40


def test_a_hangup_ends_only_what_it_ends_there(start):
    process = start(*python(TELLS), str(int(signal.SIGHUP)), str(int(signal.SIGTERM)))
    until(process.stdout, b"READY\n")
    process.send_signal(signal.SIGHUP)
    until(process.stdout, b"GOT %d\n" % signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 40


def test_what_was_ignored_stays_ignored(start):
    show = "from signal import *; print(getsignal(SIGHUP) == SIG_IGN, getsignal(SIGTERM) == SIG_DFL)"
    process = start(*python(show), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert process.communicate(timeout=30)[0].split() == [b"True", b"True"]


def test_on_a_terminal_ctrl_c_reaches_it_once():
    count = """
import signal, time
hits = []
signal.signal(signal.SIGINT, lambda *a: hits.append(1))
print("READY", flush=True)
end = time.monotonic() + 20
while not hits and time.monotonic() < end: time.sleep(.01)
time.sleep(.3)
print("HITS", len(hits), "END", flush=True)
raise SystemExit(41)
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*python(IN_PLACE), *python(count)])  # noqa: S606 - in a child on a terminal
    seen = b""
    try:
        while b"READY" not in seen:
            seen += os.read(terminal, 4096)
        os.write(terminal, b"\x03")
        while b"END" not in seen:
            seen += os.read(terminal, 4096)
    finally:
        status = os.waitpid(pid, 0)[1]
        os.close(terminal)
    assert b"HITS 1 END" in seen
    assert os.waitstatus_to_exitcode(status) == 41
