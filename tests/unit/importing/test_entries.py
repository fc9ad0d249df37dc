"""How services are written: as identity where that resolves to them, else as a launcher, and their names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rhl_helpers.rows import ServerRow
from seamless_reconcile.declared import ManifestError
from seamless_reconcile.events import Reading
from seamless_reconcile.importing.launchers import command_of, launchers
from seamless_reconcile.importing.names import named
from seamless_reconcile.importing.report import exit_of, import_to_dict, lines
from seamless_reconcile.importing.values import Form, Found, Item, Variant
from seamless_reconcile.resolver.frontends import Frontend
from unit.importing.worlds import GONE, HEALTHY, HOSTS, Place, Site, entry
from world import Fault

COMMAND = "serve --status-file /home/svc/.remote-http-launcher/server/x.json --port 1"


def row(**fields: Any) -> ServerRow:
    told = {"key": "x", "status": "running", "workdir": "/data/x", "command": COMMAND, "port": 1, **fields}
    return ServerRow.model_validate(told)


# --- launchers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (COMMAND, "serve --status-file '{status_file}' --port 1"),
        ("serve --status-file=/x.json", "serve '--status-file={status_file}'"),
        ("serve --status-file /x.json 'a b' '{y}' \"it's\"",
         "serve --status-file '{status_file}' 'a b' '{{y}}' 'it'\"'\"'s'"),
    ],
)  # fmt: skip
def test_a_command_line_is_a_template(command: str, written: str) -> None:
    assert command_of(row(command=command)) == (written, "")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"command": None}, "not recorded"),
        ({"command": "a 'b"}, "not recorded, or cannot be split"),
        ({"command": "serve --port 1"}, "does not show how it is given its state file"),
        ({"command": "{x} --status-file /x"}, "must begin with the program's name"),
        ({"command": "serve --status-file /x \x1b[31m"}, "printable"),
        ({"key": "a--b"}, "its key must not contain '--'"),
        ({"workdir": "/x/../y"}, "its workdir"),
        ({"workdir": None}, "its workdir is not recorded"),
        ({"network_interface": "a b"}, "its network interface"),
        ({"meta": {"reconcile": {"launch_id": "1", "conda": "a; id"}}}, "its conda environment"),
        ({"meta": {"reconcile": {"launch_id": "1", "conda": ["a"]}}}, "its conda environment"),
    ],
)
def test_what_no_manifest_can_hold_is_said(fields: dict[str, Any], wrong: str) -> None:
    told = row(**fields)
    variants, why = launchers(Found(Frontend("local"), told.key, told))
    assert variants == ()
    assert wrong in why


def test_a_host_that_is_no_name_is_said() -> None:
    variants, why = launchers(Found(Frontend("me@there"), "x", row()))
    assert variants == ()
    assert "its host must be a host name" in why


def test_parameters_and_conda_are_kept_where_they_can_be() -> None:
    meta = {"reconcile": {"launch_id": "1", "conda": "seamless"}}
    found = Found(
        Frontend("front", "node", tunnelled=True), "x", row(meta=meta, parameters={"a": [1]}), tunnelled=True
    )
    variants, _ = launchers(found)
    assert variants[0].fields["launcher"] == {
        "key": "x", "workdir": "/data/x", "command": "serve --status-file '{status_file}' --port 1",
        "hostname": "node", "ssh_hostname": "front", "tunnel": True, "conda": "seamless",
        "file_parameters": {"a": [1]}, "handshake": "healthcheck",
    }  # fmt: skip
    hostile = row(parameters={"a": "\x00"})
    variants, _ = launchers(replace(found, row=hostile))
    assert "file_parameters" not in variants[0].fields["launcher"]
    assert any("its parameters cannot be written" in note for note in variants[0].notes)


def test_another_handshake_is_found_by_asking(site: Site) -> None:
    # Only a Dask server of the simulated world answers on a port of its own.
    site.add(site.place.spec("daskserver", cluster="here", project="p"), key="odd-1", meta={}, argv=(
        "odd", "--port-range", "7000", "7100", "--status-file", "~/.remote-http-launcher/server/odd-1.json",
    ))  # fmt: skip
    (item,) = site.proven("here").items
    assert item.active
    assert item.variant is not None
    assert item.variant.fields["launcher"]["handshake"] == {"path": "health", "port_name": "dashboard_port"}


# --- identities ----------------------------------------------------------------------------


def test_an_identity_is_proven_by_key_and_host(site: Site) -> None:
    spec = site.place.spec("hashserver", cluster="far", project="p")
    # Its meta is another service's; its key is right, and that is what counts.
    site.add(spec, meta={**spec.meta, "project": "other"})
    (item,) = site.proven("far").items
    assert item.variant is not None
    assert item.variant.fields["project"] == "p"


def test_a_host_that_its_cluster_does_not_name(site: Site) -> None:
    site.world.add_host("alone")
    spec = site.place.spec("hashserver", cluster="far", project="p", stage="a")
    site.add(spec, host="alone")
    (item,) = site.proven(hosts=("alone",)).items
    assert item.variant is None
    assert "cluster far does not name alone" in item.reason
    assert "must not contain '--'" in item.reason


def test_names_that_run_together_are_said(site: Site) -> None:
    spec = site.place.spec("jobserver", cluster="far", project="x-rw-p")
    assert spec.key == site.place.spec("jobserver", cluster="far-rw-x", project="p").key
    site.add(spec, GONE, meta={})
    (item,) = site.proven("far").items
    assert item.variant is not None
    assert "could as well be cluster far-rw-x, project p: their keys run together" in item.variant.notes
    # Its meta settles which it is.
    site.state("front2", spec.key, meta=dict(spec.meta))
    (item,) = site.proven("far").items
    assert item.variant is not None
    assert item.variant.fields["project"] == "x-rw-p"


def test_an_idle_time_of_its_own_is_no_drift(site: Site) -> None:
    site.launch("database", cluster="far", project="p", idle_timeout=10800)
    result = site.proven("far")
    assert "idle_timeout: 10800" in result.text
    assert result.complete


def test_a_hostile_meta_is_never_resolved(site: Site) -> None:
    spec = site.place.spec("hashserver", cluster="far", project="p")
    site.add(spec, meta={**spec.meta, "project": "{().__class__}", "stage": "x\n  evil: {state: absent}"})
    result = site.proven("far")
    assert entry(result, spec.key).active
    assert "evil" not in result.text


def test_another_command_line_is_said(site: Site) -> None:
    spec = site.place.spec("hashserver", cluster="far", project="p")
    site.add(spec, argv=(*spec.argv[:-1], "--debug"))
    (item,) = site.proven("far").items
    assert item.reason.endswith("it had --debug, today's has --writable")


def test_a_service_whose_key_another_entry_takes_is_said(site: Site) -> None:
    site.world.add_host("alone")
    spec = site.place.spec("hashserver", cluster="far", project="p")
    site.add(spec, host="alone")
    jobs = site.launch("jobserver", GONE, cluster="far", project="p")
    result = site.proven("far", hosts=("alone",))
    assert entry(result, spec.key).active
    assert "takes for itself" in entry(result, jobs.key).reason


# --- names ---------------------------------------------------------------------------------


def item(kind: str, key: str = "k", host: str = "front", **fields: str) -> Item:
    form = Form.LAUNCHER if kind == "launcher" else Form.IDENTITY
    return Item(Found(Frontend(host), key), (Variant(form, kind, fields),))


@pytest.mark.parametrize(
    ("items", "names"),
    [
        ([item("hashserver", project="p"), item("database", project="p")], ["hashserver", "database"]),
        ([item("hashserver"), item("hashserver", stage="a")], ["hashserver", "hashserver-a"]),
        ([item("database", project="p"), item("database", project="q")], ["database-p", "database-q"]),
        ([item("hashserver", subproject="s/t"), item("hashserver")], ["hashserver-s-t", "hashserver"]),
        ([item("database", mode="ro"), item("database")], ["database-ro", "database"]),
        ([item("launcher", key) for key in ("a--b", "STAGE-", "_-")], ["a-b", "service", "service-2"]),
        ([item("launcher", "x", "one"), item("launcher", "x", "two")], ["x-one", "x-two"]),
        ([item("launcher", "hashserver"), item("hashserver")], ["hashserver-front", "hashserver-front-2"]),
        ([item("launcher", "k" * 200), item("launcher", "k" * 200)], ["k" * 100, "k" * 92 + "-2"]),
    ],
)  # fmt: skip
def test_names_are_short_and_each_is_there_once(items: list[Item], names: list[str]) -> None:
    assert named(items) == names


# --- what is told --------------------------------------------------------------------------


def test_the_object_for_programs(site: Site) -> None:
    site.launch("hashserver", cluster="far", project="p")
    site.launch("database", replace(HEALTHY, tunnel="misrouted"), cluster="far", project="p")
    result = site.imports("far")
    told = import_to_dict(result, None)
    assert (told["in_sync"], told["complete"], told["exit_code"]) == (True, False, 2)
    written, out = told["entries"]
    assert (written["written"], written["as"], written["sources"]["project"]) == (
        "entry", "identity", "its state file's meta",
    )  # fmt: skip
    assert out["written"] == "comment"
    assert out["reason"].startswith("its tunnel is misrouted")
    assert any(line.startswith("not in the manifest: database-far-rw-p on front") for line in lines(result))


def test_exit_codes(site: Site) -> None:
    site.launch("hashserver", cluster="far", project="p")
    assert exit_of(site.imports("far")) == 0
    site.launch("hashserver", replace(GONE, client="good"), cluster="far", project="q")
    assert exit_of(site.imports("far")) == 2
    site.world.hosts["front2"].up = False
    assert exit_of(site.imports("far")) == 3


def test_nothing_at_all_is_a_manifest_too(site: Site) -> None:
    result = site.imports("far")
    assert site.place.read(result.text).services == {}
    assert exit_of(result) == 0


@pytest.mark.parametrize(
    ("clusters", "more", "said"),
    [
        ((), {}, "seamless.yaml and seamless.profile.yaml name none"),
        (("fra",), {}, "there is no cluster fra (did you mean `far`"),
        (("far",), {"everything": True}, ""),
        (("odd",), {}, "clusters.odd.frontends[0].jobserver"),
        (("empty",), {"everything": True}, "nothing tells which services could be there"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_for_is_said(place: Place, clusters: Any, more: Any, said: str) -> None:
    path = place.home / ".seamless" / "clusters.yaml"
    path.write_text(
        path.read_text()
        + "empty: {frontends: [{hostname: e}]}\nodd: {frontends: [{hostname: e, jobserver: 3}]}\n"
    )
    site = Site(place)
    if not said:
        # Without a project there are still the services that need none.
        assert {i.variant.type for i in site.proven(*clusters, **more).items} == {"pure_daskserver"}  # type: ignore[union-attr]
        return
    with pytest.raises(ManifestError) as caught:
        site.imports(*clusters, **more)
    assert said in str(caught.value)


# --- where SEAMLESS_CACHE stands in for all files ------------------------------------------


@pytest.mark.parametrize("kept", [True, False], ids=["meta", "key alone"])
def test_a_cache_folder_of_the_environment_is_taken_as_it_is_set(site: Site, kept: bool) -> None:
    place = site.place
    place.environ["SEAMLESS_CACHE"] = str(place.home / "cache")
    for kind in ("hashserver", "database"):
        spec = place.spec(kind)
        meta = {**spec.meta, "cluster": "__SEAMLESS_CACHE__", "project": "__TOPLEVEL__"}
        site.add(spec, meta=meta if kept else {})
    # The runtime's own names for it cannot be written; saying nothing means the same.
    result = site.proven()
    assert result.complete
    assert "__" not in "".join(line for line in result.text.splitlines() if not line.lstrip().startswith("#"))
    assert result.text.count("needs SEAMLESS_CACHE to be set as it is here") == 2


def test_of_each_host_is_told_when_it_was_read_or_why_not(site: Site) -> None:
    site.world.faults.append(Fault("unreachable", host="front2", times=None))
    site.imports("far")
    reading, *read = site.told.events
    assert isinstance(reading, Reading)
    assert set(reading.hosts) == set(HOSTS)
    problems = {event.host: event.problem for event in read}
    assert problems.keys() == set(HOSTS)
    assert problems["front"] == ""
    assert "unreachable" in problems["front2"]
