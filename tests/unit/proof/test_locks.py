"""Locks between the runs of one user: who waits for whom, and who does not."""

from __future__ import annotations

import os
import threading
import time

import pytest

from seamless_reconcile.locks import Locked, claims, host_locks

ONE, OTHER = ("frontend", "hashserver-c-rw-p"), ("frontend", "hashserver-c-rw-p--STAGE-ci")


@pytest.mark.parametrize(
    "lock", [lambda f, **k: host_locks(f, ["frontend"], **k), lambda f, **k: claims(f, [ONE], **k)]
)
def test_one_at_a_time(tmp_path, lock):
    with lock(tmp_path):
        with pytest.raises(Locked) as told, lock(tmp_path):
            pytest.fail("two at once")
        assert str(told.value).startswith("frontend: another apply")
        assert f"process {os.getpid()}" in str(told.value)
        assert told.value.host == "frontend"
    with lock(tmp_path):
        pass


def test_a_claim_names_the_service(tmp_path):
    with claims(tmp_path, [ONE]), pytest.raises(Locked) as told, claims(tmp_path, [OTHER, ONE]):
        pytest.fail("two at once")
    assert "another apply, or a proof, holds hashserver-c-rw-p (" in str(told.value)


def test_different_services_on_one_host_do_not_meet(tmp_path):
    with claims(tmp_path, [ONE]), claims(tmp_path, [OTHER]), host_locks(tmp_path, ["frontend"]):
        pass


def test_the_same_key_on_another_host_is_another_service(tmp_path):
    with claims(tmp_path, [ONE]), claims(tmp_path, [("local", ONE[1])]):
        pass


def test_whoever_fails_holds_nothing(tmp_path):
    with claims(tmp_path, [ONE]):
        with pytest.raises(Locked), claims(tmp_path, [OTHER, ONE]):
            pytest.fail("two at once")
        with claims(tmp_path, [OTHER]):
            pass


@pytest.mark.parametrize("names", [["a b", "a_b"], ["x" * 300, "x" * 300 + "y"]], ids=["alike", "long"])
def test_names_that_make_one_file_name_do_not_lock_each_other_out(tmp_path, names):
    with host_locks(tmp_path, names), claims(tmp_path, [("h", name) for name in names]):
        pass
    for one in names:
        other = next(name for name in names if name != one)
        with claims(tmp_path, [("h", one)]), claims(tmp_path, [("h", other)]):
            pass


def held_for(folder, seconds):
    """Hold a claim in another thread; gives what waits for its end."""
    held = threading.Event()

    def hold():
        with claims(folder, [ONE]):
            held.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    return thread


def test_waits_as_long_as_it_is_told(tmp_path):
    thread = held_for(tmp_path, 0.3)
    with pytest.raises(Locked), claims(tmp_path, [ONE], wait=0.05):
        pytest.fail("not waited for")
    with claims(tmp_path, [ONE], wait=30):
        pass
    thread.join()
