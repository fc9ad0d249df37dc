"""S6: an audit changes nothing, whatever it finds, and looks at everything all the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
import stamina

from seamless_reconcile.audit import find, untold
from simulated.bench import spec_of
from simulated.undecidable import undecidable
from unit.audit.scenes import JOBS, RESULTS, STORE, look, there
from world import build, every_case
from world.cases import FRONTEND
from world.transport import MUTATING
from world.world import LOCAL

# Strides that share no factor with the size of any dimension.
STRIDE = {FRONTEND: 97, LOCAL: 41}


@pytest.fixture(autouse=True, scope="module")
def no_real_waiting() -> Iterator[None]:
    with stamina.set_testing(testing=True, attempts=2):
        yield


def footprint(world):
    """Give everything that an audit could change by acting."""
    client = dict(world.local.client_files), [f.local_port for f in world.client.forwards()]
    machines = {
        name: (dict(host.state), sorted(host.processes), sorted(host.ports), repr(host.tree))
        for name, host in world.hosts.items()
    }
    return client, machines


@pytest.mark.parametrize("placed", [STORE, RESULTS], ids=lambda placed: placed.type)
@pytest.mark.parametrize("host", [FRONTEND, LOCAL])
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "undeclared"])
def test_an_audit_of_any_state_changes_nothing(host, placed, declared):
    found, looked = set(), 0
    for case in itertools.islice(every_case(local=host == LOCAL), 0, None, STRIDE[host]):
        if undecidable(case, host, "running"):
            continue
        world = build(case, placed, host=host)
        build(replace(case, tunnel="none", client="absent", cache="absent"), JOBS, host=host, world=world)
        before = footprint(world)
        specs = (spec_of(placed, host=host, cache="cold"),) if declared else ()
        hosts = there() if host == FRONTEND else (replace(there()[0], host=LOCAL, hostname=None),)
        scene = look(world, *specs, hosts=hosts)
        findings = find(scene)
        assert footprint(world) == before, case
        assert world.violations == [], case
        assert not [step for step in world.trace if step.argv and step.argv[0] in MUTATING], case
        # What could not be told is always said.
        assert not untold(scene, findings) or any(one.rule.untold for one in findings), case
        found |= {one.rule.id for one in findings}
        looked += 1
    assert looked > 30
    assert {"R102", "R103", "R104"} <= found
