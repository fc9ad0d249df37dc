from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from seamless_reconcile.declared import (
    CacheDeclaration,
    CacheState,
    Identity,
    Location,
    ServiceState,
    TunnelState,
)
from seamless_reconcile.manifest import load

CONTRACT = """\
version: 1
defaults:                       # any identity field
  cluster: mycluster
  project: myproject
services:
  hashserver: {state: running, cache: cold}
  database:   {state: running, cache: cold}
  jobserver:  running
  old-buffers:
    type: hashserver
    stage: old
    state: stopped
    protect: true
  anything-http:
    type: launcher
    launcher: {workdir: /data/x, key: my-x, command: "x --status-file {status_file}", handshake: healthcheck}
    state: running
    cache: {state: cold, path: /data/x/cache, marker: .rhl-clearable}
    depends_on: [database]
clusters: {}
"""
OURS = Identity(cluster="mycluster", project="myproject")


def test_the_example_of_the_contract(written):
    manifest = written.load(CONTRACT)
    hashserver, database, jobserver, old, other = manifest.entries
    assert (hashserver.name, hashserver.type, hashserver.identity) == ("hashserver", "hashserver", OURS)
    assert hashserver.cache == CacheDeclaration(CacheState.COLD, explicit=True)
    assert (hashserver.state, hashserver.tunnel) == (ServiceState.RUNNING, TunnelState.AUTO)
    assert (database.type, database.protect, database.depends_on) == ("database", False, ())
    assert (jobserver.state, jobserver.cache) == (ServiceState.RUNNING, CacheDeclaration())
    assert (old.type, old.identity) == ("hashserver", dataclasses.replace(OURS, stage="old"))
    assert (old.state, old.protect) == (ServiceState.STOPPED, True)
    assert other.type == "launcher"
    assert other.launcher == {
        "workdir": "/data/x",
        "key": "my-x",
        "command": "x --status-file {status_file}",
        "handshake": {"path": "healthcheck"},
        "tunnel": False,
    }
    assert other.cache == CacheDeclaration(
        CacheState.COLD, None, "/data/x/cache", ".rhl-clearable", explicit=True
    )
    assert other.depends_on == ("database",)
    assert manifest.clusters == {}
    assert manifest.files == (str(written.folder / "m.yaml"),)
    assert manifest.folder == str(written.folder)


def test_places_are_exact(written):
    *_, old, other = written.load(CONTRACT).entries
    assert old.at == Location("m.yaml", 9, 3)
    assert {name: (at.line, at.column) for name, at in old.places.items()} == {
        "cluster": (3, 12),
        "project": (4, 12),
        "type": (10, 11),
        "stage": (11, 12),
        "state": (12, 12),
        "protect": (13, 14),
    }
    assert (other.places["cache.path"].line, other.places["cache.path"].column) == (18, 32)
    assert (other.places["launcher.command"].line, other.places["launcher.command"].column) == (16, 54)
    assert (other.places["depends_on[0]"].line, other.places["depends_on[0]"].column) == (19, 18)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ("running", "running"),
        ("stopped", "stopped"),
        ("absent", "absent"),
        ("'absent'", "absent"),
        ("{state: absent}", "absent"),
        ("{}", "running"),
        ("${S}", "stopped"),
        ("{state: '${S:-running}'}", "stopped"),
    ],
)
def test_states_in_both_forms(written, fields, state):
    assert written.entry(fields, {"S": "stopped"}).state.value == state


@pytest.mark.parametrize(
    ("fields", "cache"),
    [
        ("{}", CacheDeclaration()),
        ("{cache: keep}", CacheDeclaration(explicit=True)),
        ("{cache: cold}", CacheDeclaration(CacheState.COLD, explicit=True)),
        ("{cache: warm}", CacheDeclaration(CacheState.WARM, explicit=True)),
        ("{cache: {}}", CacheDeclaration(explicit=True)),
        (
            "{cache: {state: cold, epoch: 2026-11-23}}",
            CacheDeclaration(CacheState.COLD, "2026-11-23", explicit=True),
        ),
        ("{cache: {state: cold, epoch: '7'}}", CacheDeclaration(CacheState.COLD, "7", explicit=True)),
        ("{cache: {state: cold, epoch: '${RUN}'}}", CacheDeclaration(CacheState.COLD, "123", explicit=True)),
        (
            "{cache: {path: ~/x, marker: .m}}",
            CacheDeclaration(CacheState.KEEP, None, "~/x", ".m", explicit=True),
        ),
    ],
)
def test_caches_in_both_forms(written, fields, cache):
    assert written.entry(fields, {"RUN": "123"}).cache == cache


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("600", 600.0),
        ("1.5", 1.5),
        ("10m", 600.0),
        ("1h", 3600.0),
        ("'90'", 90.0),
        ("45s", 45.0),
        ("'${T}'", 120.0),
    ],
)
def test_idle_timeouts(written, value, seconds):
    assert written.entry(f"{{idle_timeout: {value}}}", {"T": "2m"}).idle_timeout == seconds


@pytest.mark.parametrize("tunnel", ["auto", "open", "closed"])
def test_tunnels(written, tunnel):
    assert written.entry(f"{{tunnel: {tunnel}}}").tunnel.value == tunnel


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ("{}", {}),
        ("{cluster: d}", {"cluster": "d"}),
        ("{stage: s, substage: t, subproject: a/b}", {"stage": "s", "substage": "t", "subproject": "a/b"}),
        ("{mode: ro, queue: q, frontend: node1.x}", {"mode": "ro", "queue": "q", "frontend": "node1.x"}),
        ("{stage: null}", {"stage": ""}),
        ("{subproject: ~, substage: ~}", {"subproject": "", "substage": ""}),
        ("{mode: null, queue: null}", {}),
    ],
)
def test_identity_over_defaults(written, fields, changed):
    assert written.entry(fields).identity == dataclasses.replace(
        Identity(cluster="c", project="p"), **changed
    )


def test_null_takes_a_default_away(written):
    text = "version: 1\ndefaults: {project: p, stage: s, queue: q}\nservices:\n"
    text += "  a: {type: hashserver, stage: null, project: null, queue: null}\n"
    (entry,) = written.load(text).entries
    assert entry.identity == Identity(stage="")


def test_every_type(written):
    kinds = ["hashserver", "database", "jobserver", "daskserver", "pure_daskserver"]
    text = "version: 1\nservices:\n" + "".join(
        f"  {kind}: running\n  x-{kind}: {{type: {kind}}}\n" for kind in kinds
    )
    text += "  pure-daskserver: running\n  y: {type: pure-daskserver}\n"
    entries = written.load(text).entries
    assert [entry.type for entry in entries] == [kind for kind in kinds for _ in "ab"] + [
        "pure_daskserver"
    ] * 2


@pytest.mark.parametrize(
    ("needs", "found"), [("x", ("x",)), ("[x]", ("x",)), ("[x, database]", ("x", "database")), ("[]", ())]
)
def test_dependencies_in_both_forms(written, needs, found):
    text = "version: 1\nservices:\n  x: {type: hashserver}\n  database: running\n"
    text += f"  jobserver: {{depends_on: {needs}}}\n"
    assert written.load(text).entries[-1].depends_on == found


def test_a_launcher_in_full(written):
    text = """\
version: 1
services:
  launcher:
    idle_timeout: 10m
    launcher:
      workdir: ~/x
      key: k
      command: x {status_file} --timeout {timeout}
      handshake: {path: health, port_name: dashboard_port}
      hostname: node1
      ssh_hostname: front
      tunnel: true
      conda: base
      network_interface: 10.0.0.1
      file_parameters: {a: [1, 2.5, null, true, "x"], b: {c: 2026-11-23}}
"""
    (entry,) = written.load(text).entries
    assert (entry.type, entry.idle_timeout) == ("launcher", 600.0)
    assert entry.launcher == {
        "workdir": "~/x",
        "key": "k",
        "command": "x {status_file} --timeout {timeout}",
        "handshake": {"path": "health", "port_name": "dashboard_port"},
        "hostname": "node1",
        "ssh_hostname": "front",
        "tunnel": True,
        "conda": "base",
        "network_interface": "10.0.0.1",
        "file_parameters": {"a": [1, 2.5, None, True, "x"], "b": {"c": "2026-11-23"}},
    }


def test_environment_values_stay_text_of_their_own(written):
    entry = written.entry("{stage: '${S}', cache: {path: '${D}/x', marker: m}}", {"S": "b7", "D": "/d"})
    assert (entry.identity.stage, entry.cache.path) == ("b7", "/d/x")


def test_what_the_environment_puts_in_is_checked(written):
    text = "version: 1\nservices:\n  hashserver: {project: '${P}'}\n"
    (problem,) = written.problems(text, environ={"P": "x: {y}\nz"})
    assert problem.startswith("m.yaml:3:25: services.hashserver.project: ")
    assert "\n" not in problem


INLINE = """\
version: 1
services: {}
clusters:
  local_cluster: here
  here: {type: local, frontends: [{hashserver: {bufferdir: ~/b}}]}
  far:
    tunnel: true
    type: slurm
    frontends:
      - hostname: n
        ssh_hostname: f
        jobserver: {conda: null, network_interface: 10.0.0.1, port_start: 1, port_end: 2}
    queues:
      q: {walltime: "01:00:00", job-cores: 2, job_extra_directives: [-p x]}
"""


def test_inline_clusters_are_kept_as_they_are(written):
    manifest = written.load(INLINE)
    assert manifest.clusters["here"] == {"type": "local", "frontends": [{"hashserver": {"bufferdir": "~/b"}}]}
    assert manifest.clusters["local_cluster"] == "here"
    assert manifest.clusters["far"]["queues"] == {
        "q": {"walltime": "01:00:00", "job-cores": 2, "job_extra_directives": ["-p x"]}
    }
    assert manifest.cluster_places["far"] == Location("m.yaml", 6, 3)


def test_several_files_are_a_union_with_defaults_of_their_own(written):
    one = "version: 1\ndefaults: {project: a}\nservices: {hashserver: running}\n"
    two = "version: 1\ndefaults: {stage: s}\nservices: {database: {depends_on: hashserver}}\n"
    one += "clusters: {x: {frontends: []}}\n"
    two += "clusters: {y: {frontends: []}}\n"
    manifest = written.load(one, two, "version: 1\n")
    assert [(entry.name, entry.identity) for entry in manifest.entries] == [
        ("hashserver", Identity(project="a")),
        ("database", Identity(stage="s")),
    ]
    assert sorted(manifest.clusters) == ["x", "y"]
    assert [Path(file).name for file in manifest.files] == ["m.yaml", "m1.yaml", "m2.yaml"]


def test_a_file_named_twice_is_read_once(written, tmp_path):
    (tmp_path / "m.yaml").write_text("version: 1\nservices: {hashserver: running}\n")
    assert len(load(["m.yaml", "m.yaml"], {}).entries) == 1


def test_the_folder_is_that_of_the_first_file(written, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "m.yaml").write_text("version: 1\nservices: {}\n")
    assert load(["sub/m.yaml"], {}).folder == str(tmp_path / "sub")


@pytest.mark.parametrize("section", ["defaults", "clusters", "services"])
def test_empty_sections_are_empty(written, section):
    text = "version: 1\n" + "".join(f"{name}:\n" for name in dict.fromkeys([section, "services"]))
    assert written.load(text).entries == ()


class TestDigest:
    TEXT = "version: 1\nservices: {hashserver: '${S:-running}'}\n"

    def test_same_contents_same_digest(self, written):
        assert written.load(self.TEXT).digest == written.load(self.TEXT).digest

    def test_contents_count(self, written):
        assert written.load(self.TEXT).digest != written.load(self.TEXT + "# x\n").digest

    def test_environment_values_count(self, written):
        base = written.load(self.TEXT).digest
        assert written.load(self.TEXT, environ={"S": "stopped"}).digest != base
        assert written.load(self.TEXT, environ={"OTHER": "x"}).digest == base

    def test_where_one_file_ends_counts(self, written):
        one, two = "version: 1\nservices: {}\n", "version: 1\n# x\n"
        assert written.load(one, two).digest != written.load(one + "# x\n", "version: 1\n").digest
