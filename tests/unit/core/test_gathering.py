"""Reads run at once, as many as wanted, and nobody waits for threads that are left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import seamless_reconcile
from seamless_reconcile.gathering import gather_by


def test_results_come_in_order_whatever_ends_first():
    first = threading.Event()

    def slow():
        assert first.wait(30)
        return "slow"

    def quick():
        first.set()
        return "quick"

    assert gather_by(2)([slow, quick]) == ["slow", "quick"]
    assert gather_by(8)([]) == []


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_no_more_run_at_once_than_wanted(at_once):
    lock, now, most = threading.Lock(), [0], [0]
    full = threading.Barrier(at_once)

    def read():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        full.wait(30)
        with lock:
            now[0] -= 1

    gather_by(at_once)([read] * (at_once * 3))
    assert most[0] == at_once


def test_the_first_failure_is_raised_once_all_have_ended():
    ended = []

    def fail(number):
        def thunk():
            raise ValueError(number)

        return thunk

    with pytest.raises(ValueError, match="1"):
        gather_by(2)([lambda: ended.append(0), fail(1), fail(2), lambda: ended.append(3)])
    assert ended == [0, 3]


def test_its_threads_do_not_keep_the_program():
    daemons = gather_by(2)([lambda: threading.current_thread().daemon] * 2)
    assert daemons == [True, True]


def test_gathers_within_gathers_do_not_wait_for_each_other():
    gather = gather_by(2)
    assert gather([lambda: gather([lambda: 1, lambda: 2]), lambda: gather([lambda: 3, lambda: 4])]) == [
        [1, 2],
        [3, 4],
    ]


# Its second read never ends, as that of a host which froze.
FROZEN = """
import threading
from pathlib import Path
from seamless_reconcile.reaching import real_reach
never = threading.Event()
reach = real_reach(None, None, changing=False)
reach.gather([lambda: print("reading", flush=True), never.wait])
"""


def test_an_interrupt_of_any_command_that_reads_waits_for_no_host():
    argv = [sys.executable, "-c", FROZEN]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "reading\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(30) != 0
        finally:
            process.kill()


def test_only_what_acts_uses_threads_that_the_end_of_the_program_waits_for():
    # Python joins the threads of every pool at its end: Ctrl-C would wait for a host that is silent.
    root = Path(seamless_reconcile.__file__).parent
    pools = [path for path in root.rglob("*.py") if "ThreadPoolExecutor" in path.read_text()]
    assert [path.relative_to(root).as_posix() for path in pools] == ["apply/schedule.py"]
