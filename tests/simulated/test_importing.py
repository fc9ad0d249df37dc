"""Whatever runs, in whatever state: what `import` writes plans as in sync; what it leaves out is named."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulated.undecidable import undecidable
from unit.importing.worlds import GONE, HEALTHY, Place, Site, entry
from world import Case
from world.cases import CACHES, CLIENTS, PORTS, PROCESSES, STATES, TUNNELS
from world.transport import MUTATING, Fault
from world.world import LOCAL

EXHAUSTIVE = bool(os.environ.get("SEAMLESS_RECONCILE_EXHAUSTIVE"))


@pytest.fixture(autouse=True, scope="module")
def no_real_waiting() -> Iterator[None]:
    with stamina.set_testing(testing=True, attempts=2):
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("importing"))


# --- any world -----------------------------------------------------------------------------

cases = st.one_of(
    st.just(HEALTHY),
    st.sampled_from([GONE, replace(HEALTHY, tunnel="none", client="absent"), replace(GONE, client="good")]),
    st.builds(
        Case,
        *(st.sampled_from(each) for each in (STATES, PROCESSES, PORTS, TUNNELS, CACHES, CLIENTS)),
        age=st.sampled_from([0.0, 3600.0]),
        finishes=st.booleans(),
    ),
)
names = st.sampled_from(["p", "q.2", "x-p", "no", "017", "Z_z"])
KINDS = ("hashserver", "database", "jobserver", "daskserver", "pure_daskserver")
METAS = ("own", "none", "lies", "hostile")
WORDS = ("own", "timeout", "more")


@st.composite
def services(draw: st.DrawFn) -> dict:
    kind = draw(st.sampled_from(KINDS))
    cluster = draw(st.sampled_from(["here", "far"]))
    identity: dict = {"cluster": cluster}
    if kind == "pure_daskserver":
        identity["queue"] = draw(st.sampled_from(["q1", "q2"]))
    else:
        identity["project"] = draw(names)
        identity["subproject"] = draw(st.sampled_from([None, None, "s", "s/t"]))
        identity["stage"] = draw(st.sampled_from([None, None, "a", "null"]))
    if kind in ("jobserver", "daskserver") and identity["stage"]:
        identity["substage"] = draw(st.sampled_from([None, "er"]))
    if kind == "daskserver":
        identity["queue"] = draw(st.sampled_from(["q1", "q2"]))
    if kind in ("hashserver", "database"):
        identity["mode"] = draw(st.sampled_from(["rw", "rw", "ro"]))
    if kind == "hashserver" and cluster == "far":
        identity["frontend"] = draw(st.sampled_from([None, "front2"]))
    return {
        "kind": kind,
        "identity": {name: value for name, value in identity.items() if value is not None},
        "case": draw(cases),
        "meta": draw(st.sampled_from(METAS)),
        "words": draw(st.sampled_from(WORDS)),
    }


def put(site: Site, drawn: dict) -> tuple[str, str] | None:
    """Put a service there; None where its key, or its kind of state, is one that nobody can tell."""
    idle = 4567.0 if drawn["words"] == "timeout" else None
    spec = site.place.spec(drawn["kind"], idle_timeout=idle, **drawn["identity"])
    taken = {(host, key) for host in site.world.hosts for key in site.world.hosts[host].state}
    if (spec.host, spec.key) in taken or undecidable(drawn["case"], spec.host, "running"):
        return None
    meta = {
        "own": None,
        "none": {},
        "lies": {**spec.meta, "project": "other", "cluster": "far"},
        "hostile": {**spec.meta, "project": "{__import__('os').system('id')}", "stage": "\n- x: ${HOME}"},
    }[drawn["meta"]]
    argv = (*spec.argv, "--more", "${HOME}") if drawn["words"] == "more" else spec.argv
    wired = {"database": [], "buffer": []} if spec.type == "jobserver" else None
    site.add(spec, drawn["case"], meta=meta, argv=argv, parameters=wired)
    return spec.host, spec.key


def footprint(site: Site) -> object:
    """Give everything that could be changed by acting."""
    world = site.world
    machines = {
        name: (dict(host.state), sorted(host.processes), sorted(host.ports), repr(host.tree))
        for name, host in world.hosts.items()
    }
    return dict(world.local.client_files), [f.local_port for f in world.client.forwards()], machines


@settings(
    max_examples=1500 if EXHAUSTIVE else 120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(drawn=st.lists(services(), min_size=1, max_size=6), every=st.booleans())
def test_any_world_is_imported_so_that_it_plans_as_in_sync(
    home: Place, drawn: list[dict], every: bool
) -> None:
    site = Site(home)
    there = {where for one in drawn if (where := put(site, one)) is not None}
    before = footprint(site)
    result = site.proven("here", "far", everything=every, place={"project": "p"} if every else {})
    assert not [step for step in site.world.trace if step.argv and step.argv[0] in MUTATING]
    if not any(case["case"].finishes for case in drawn):
        assert footprint(site) == before
    listed = {(item.found.host, item.found.key) for item in result.items}
    unreadable = {host.name for host in result.hosts if host.reason}
    assert {where for where in there if where[0] not in unreadable and _has_file(site, where)} <= listed
    for item in result.items:
        assert item.active or item.reason, item
        assert item.found.key in result.text
    # Nothing from a host is ever filled in, or anything but a comment.
    entries = re.sub(r"^ *#.*$", "", result.text, flags=re.MULTILINE)
    assert "${" not in entries.replace("$${", "")
    assert "__import__" not in entries


def _has_file(site: Site, where: tuple[str, str]) -> bool:
    return where[1] in site.world.hosts[where[0]].state


# --- one by one ----------------------------------------------------------------------------


def test_all_kinds_by_their_meta(home: Place) -> None:
    site = Site(home)
    for kind in KINDS[:2]:
        site.launch(kind, cluster="far", project="p")
    site.launch("daskserver", cluster="far", project="p", queue="q2")
    site.launch("pure_daskserver", cluster="far", queue="q1")
    result = site.proven("far")
    assert result.complete
    assert {item.name for item in result.items} == {"hashserver", "database", "daskserver", "pure_daskserver"}
    assert "queue: q2" in result.text


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("cluster", ["here", "far"])
def test_without_meta_the_key_tells_what_to_try(home: Place, kind: str, cluster: str) -> None:
    site = Site(home)
    spec = home.spec(kind, cluster=cluster, project="p", subproject="s/t", stage="a", mode="ro")
    site.add(spec, meta={})
    (item,) = site.proven(cluster).items
    assert dict(item.variant.fields) == {
        "cluster": cluster, "project": "p", "subproject": "s/t", "stage": "a", "mode": "ro",
    }  # fmt: skip


def test_a_jobserver_and_what_it_is_wired_to(home: Place) -> None:
    site = Site(home)
    ports = {}
    for kind in KINDS[:2]:
        placed = site.launch(kind, cluster="here", project="p")
        ports[kind] = _port(site, LOCAL, placed.key)
    wires = {
        "buffer": [{"remote_url": f"http://localhost:{ports['hashserver']}"}],
        "database": [{"remote_url": f"http://localhost:{ports['database']}"}],
    }
    site.add(home.spec("jobserver", cluster="here", project="p"), parameters=wires)
    assert site.proven("here").complete
    # Wired to where nothing is, it would be replaced: that is said, and left to the reader.
    wires["buffer"] = [{"remote_url": "http://localhost:1"}]
    site = Site(home)
    for kind in KINDS[:2]:
        site.launch(kind, cluster="here", project="p")
    jobs = site.add(home.spec("jobserver", cluster="here", project="p"), parameters=wires)
    result = site.proven("here")
    assert entry(result, jobs.key).reason.startswith("it is miswired: it is wired to port")
    assert sum(item.active for item in result.items) == 2


def _port(site: Site, host: str, key: str) -> int:
    return int(json.loads(site.world.hosts[host].state[key].raw)["port"])


def test_a_host_that_is_down_is_said_and_stops_nothing(home: Place) -> None:
    site = Site(home)
    site.launch("hashserver", cluster="far", project="p")
    site.world.hosts["front2"].up = False
    result = site.proven("far")
    assert [item.active for item in result.items] == [True]
    assert [host.answered for host in result.hosts] == [True, False]
    assert result.unknown
    assert "front2 could not be asked" in result.text


def test_with_all_what_could_be_on_a_dead_host_is_a_comment(home: Place) -> None:
    site = Site(home)
    site.world.hosts["front2"].up = False
    result = site.proven("far", everything=True, place={"project": "p"})
    told = {item.name: (item.active, item.unknown) for item in result.items}
    assert told["hashserver"] == (True, False)
    assert told["jobserver"] == (False, True)


def test_a_listing_that_fails_is_asked_key_by_key(home: Place) -> None:
    site = Site(home)
    site.launch("hashserver", cluster="far", project="p")
    site.launch("hashserver", replace(HEALTHY, state="malformed"), cluster="far", project="q")
    result = site.proven("far")
    assert result.unknown
    assert "could not be read in full" in result.text
    # Its connection file leads here, so its key is known.
    assert entry(result, "hashserver-far-rw-p").active
    assert not entry(result, "hashserver-far-rw-q").active


def test_a_tunnel_that_was_never_opened_stays_closed(home: Place) -> None:
    site = Site(home)
    site.launch("hashserver", replace(HEALTHY, tunnel="none", client="absent"), cluster="far", project="p")
    result = site.proven("far")
    assert "tunnel: closed" in result.text
    assert result.complete


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (replace(HEALTHY, tunnel="misrouted"), "its tunnel is misrouted"),
        (replace(HEALTHY, tunnel="none"), "its tunnel is broken"),
        (replace(GONE, client="good"), "its tunnel is "),
        (replace(HEALTHY, port="closed", tunnel="none", client="absent"), "it is unhealthy"),
        (Case("starting", "ours", age=0.0), "it is starting"),
    ],
)
def test_what_nothing_can_say_is_commented_out_with_its_reason(home: Place, case: Case, reason: str) -> None:
    site = Site(home)
    site.launch("hashserver", case, cluster="far", project="p")
    (item,) = site.proven("far").items
    assert item.reason.startswith(reason)


@pytest.mark.parametrize("state", ["failed", "stale", "running", "dry-run"])
def test_what_is_down_is_stopped(home: Place, state: str) -> None:
    site = Site(home)
    site.launch("database", replace(GONE, state=state), cluster="far", project="p")
    (item,) = site.proven("far").items
    assert (item.state, item.active) == ("stopped", True)


def test_the_same_key_on_two_hosts_is_one_entry(home: Place) -> None:
    site = Site(home)
    site.launch("hashserver", GONE, cluster="far", project="p")
    site.launch("hashserver", cluster="far", project="p", frontend="front2")
    result = site.proven("far")
    assert entry(result, "hashserver-far-rw-p", "front2").active
    assert "front2 has a service of the same key" in entry(result, "hashserver-far-rw-p", "front").reason


def test_an_unreadable_cache_is_unknown(home: Place) -> None:
    site = Site(home)
    site.launch("hashserver", cluster="far", project="p")
    site.world.faults.append(Fault("timeout", "rhl-ps-persistent", times=None))
    result = site.proven("far")
    assert result.unknown
    assert "cache.hashserver is unknown" in result.items[0].reason


def test_services_of_nobodys_cluster_are_launchers(home: Place) -> None:
    site = Site(home)
    site.world.add_host("alone")
    spec = home.spec("hashserver", cluster="far", project="p")
    site.add(spec, host="alone", key="alone-1", meta={})
    site.add(spec, host="alone", key="hashserver-x-rw-p", meta={**spec.meta, "cluster": "x"})
    result = site.proven(hosts=("alone",))
    assert result.complete
    assert {item.name for item in result.items} == {"alone-1", "hashserver-x-rw-p"}
    assert "its cluster x is not known here" in result.text


def test_a_project_that_this_folder_selects_is_not_taken_for_another(tmp_path) -> None:
    place = Place(tmp_path)
    site = Site(place)
    site.launch("hashserver", cluster="far", project="p")
    place.commands("- project: q\n- subproject: late\n")
    place.commands("- cluster: far\n", "seamless.profile.yaml")
    # Nothing said: the cluster that this folder selects. Its subproject is not the service's.
    result = site.proven()
    assert result.complete
    assert "subproject: null" in result.text


def test_rows_that_say_nothing_are_told_of(home: Place) -> None:
    site = Site(home)
    site.launch("hashserver", cluster="far", project="p")
    site.world.faults.append(
        Fault("reply", "rhl-ps", host="front2", times=None, reply=(0, b'{"pid": 3}\n', b""))
    )
    result = site.proven("far")
    assert [host.reason for host in result.hosts] == ["", "a row without a key"]
    assert result.unknown
