"""`pytest --seamless-cold` with real services and a real computation, its tests in another process."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("cold-run")]

TESTS = """
import subprocess

def test_counts(seamless_cold):
    caches = seamless_cold.certificate["caches"]
    assert [cache["before"]["state"] for cache in caches] == ["empty", "pristine"]
    done = subprocess.run(["seamless-run", "wc", "-c", "words.txt"], capture_output=True, text=True)
    assert done.stdout == "14 words.txt\\n", done.stderr

def test_knows_too(seamless_cold):
    assert seamless_cold.manifests[0].endswith("/seamless.reconcile.yaml")
"""


def test_a_session_of_two_processes_is_proven_once(prover):
    user = prover.user
    user.write(TESTS, "test_it.py")
    options = ("--seamless-cold", "seamless.reconcile.yaml", "--seamless-cold-restore")
    done = user.run(
        "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", *options, "--seamless-certificate", "c.json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "proof: genuine: cache.hashserver, cache.database cold before, written by the tests" in done.stdout
    told = prover.certificate
    assert (told["holds"], told["exit_code"], told["restored"]) == (True, 0, True)
    assert json.dumps(told["command"]).startswith('["pytest", "-q", "-n", "1"')
    assert not list(user.site.server.glob("*.json"))
