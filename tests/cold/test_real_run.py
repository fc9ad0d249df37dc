"""`run -- CMD` with real services and real computations."""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("cold-run")]

COMPUTE = "seamless-run wc -c words.txt"


def states(user, *words):
    seen = user.plan(*words, code=None)
    return {address: state for address, state in seen.states.items() if address.startswith("service.")}


def test_a_genuine_run_keeps_its_exit_code_and_leaves_things_as_they_were(prover):
    done = prover.run("sh", "-c", f"{COMPUTE}; exit 3", code=3, options=("--restore", "--junit", "j.xml"))
    assert done.stdout == "14 words.txt\n"
    told = prover.certificate
    assert (told["finding"], told["exit_code"], told["restored"]) == ("genuine", 3, True)
    assert [service["lived"] for service in told["services"]] == [True, True]
    assert {c["address"]: (c["before"]["state"], c["after"]["state"]) for c in told["caches"]} == {
        "cache.hashserver": ("empty", "populated"),
        "cache.database": ("pristine", "populated"),
    }
    assert told["caches"][1]["before"]["modified"] < told["caches"][1]["after"]["modified"]
    assert 'name="seamless.finding" value="genuine"' in (prover.user.folder / "j.xml").read_text()
    # They were not there, and are not there; what was computed stays.
    assert set(states(prover.user).values()) == {"absent"}
    assert (prover.user.home / "data" / "database" / "demo" / "seamless.db").exists()


def test_nobody_touches_the_services_of_a_proof_and_who_kills_one_is_found_out(prover):
    database = prover.user.site.state_file("database-here-rw-demo")
    kill = f"import json, os; os.kill(json.load(open({str(database)!r}))['pid'], 9)"
    script = f'seamless-reconcile apply --yes --json; echo $?; {COMPUTE}; python -c "{kill}"'
    done = prover.run("sh", "-c", script, code=6)
    refused, locked, computed = done.stdout.rpartition("75\n")
    assert (locked, computed) == ("75\n", "14 words.txt\n")
    message = json.loads(refused)["error"]["message"]
    assert message.startswith("locked: local: another apply, or a proof, holds ")
    assert prover.certificate["finding"] == "the services changed under it"
    assert prover.certificate["reasons"] == ["service.database: it is stale after the command"]


def test_what_is_warm_within_its_epoch_proves_nothing(prover):
    cold = {"state": "cold", "epoch": "17"}
    services = {name: {"state": "running", "cache": cold} for name in ("hashserver", "database")}
    prover.user.manifest(services, cluster="here", project="demo")
    prover.run("sh", "-c", COMPUTE, code=0)
    done = prover.run("touch", "ran", code=6)
    assert prover.certificate["finding"] == "already warm"
    assert "it was made cold for epoch 17, and used since" in done.stderr
    assert "the command was not run" in done.stderr
    assert not (prover.user.folder / "ran").exists()
