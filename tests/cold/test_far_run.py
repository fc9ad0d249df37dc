"""`run -- CMD` through ssh and tunnels, on a host whose guard hides directories without a marker."""

from __future__ import annotations

import pytest

from lab.user import Site

pytestmark = [pytest.mark.services, pytest.mark.ssh, pytest.mark.xdist_group("cold-far")]


def test_a_proof_behind_a_guard(prover, lab):
    user, host = prover.user, lab.host("marked")
    user.clusters({"far": lab.cluster("marked")})
    user.project("far", "far", execution="process")
    cold = {"state": "running", "cache": "cold"}
    user.manifest({"hashserver": cold, "database": cold}, cluster="far", project="far")
    try:
        done = prover.run("seamless-run", "wc", "-c", "words.txt", code=0, options=("--restore",))
        assert done.stdout == "14 words.txt\n"
        told = prover.certificate
        assert (told["finding"], told["restored"]) == ("genuine", True)
        assert {cache["host"] for cache in told["caches"]} == {"marked"}
        # They were not there, and are not there; nor are their tunnels.
        assert list(Site(host.home).server.glob("*.json")) == []
        assert list(user.client_files.glob("*.json")) == []
        assert user.forwards() == {}
    finally:
        Site(host.home).wipe()
