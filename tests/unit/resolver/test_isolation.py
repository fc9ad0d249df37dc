"""One resolution leaves nothing behind, in seamless-config, the environment or sys.modules."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
import types

import pytest
import seamless_config
from seamless_config import cluster, config_files, select

from seamless_reconcile.declared import Entry, Identity, ManifestError
from seamless_reconcile.manifest import load
from seamless_reconcile.resolver import resolve
from seamless_reconcile.resolver.isolation import SELECTION_DEFAULTS, isolated
from unit.resolver.conftest import Place

HASHSERVER = "services: {hashserver: running}\n"


def test_we_know_all_that_is_selected():
    names = {name for name, value in vars(select).items() if name.startswith("_") and not callable(value)}
    assert {name for name in names if not name.startswith("__")} == set(SELECTION_DEFAULTS)


def test_the_defaults_are_those_of_a_fresh_process():
    program = "import json, sys; from seamless_config import select; "
    program += "json.dump({name: getattr(select, name) for name in json.load(sys.stdin)}, sys.stdout)"
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(list(SELECTION_DEFAULTS)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == dict(SELECTION_DEFAULTS)


def _globals():
    return [
        {name: getattr(select, name) for name in SELECTION_DEFAULTS},
        (dict(cluster._clusters), cluster._local_cluster),
        dict(config_files._clusters),
        (seamless_config._workdir, seamless_config._set_workdir_called),
        dict(os.environ),
        {name for name in sys.modules if name.startswith(("seamless_transformer", "seamless_remote"))},
        sys.modules.get("seamless_transformer", "absent"),
    ]


@pytest.fixture
def hosts_selection(monkeypatch):
    """The program that uses us has selected something itself."""
    for name, value in {
        "_current_cluster": "theirs",
        "_current_project": "theirs",
        "_current_queue": "q",
    }.items():
        monkeypatch.setattr(select, name, value)
    monkeypatch.setattr(cluster, "_clusters", {"theirs": object()})
    monkeypatch.setattr(cluster, "_local_cluster", "theirs")
    monkeypatch.setattr(config_files, "_clusters", {"theirs": {}})
    monkeypatch.setenv("SEAMLESS_CACHE", "/theirs")


@pytest.mark.parametrize(
    "text", [HASHSERVER, "services: {hashserver: {cluster: none}}\n"], ids=["good", "bad"]
)
def test_nothing_is_left_behind(place, hosts_selection, text):
    place.commands("- project: p\n- cluster: far\n- queue: q1\n- record: true\n- node: n1\n")
    before = _globals()
    try:
        spec = place.one(text)
    except ManifestError:
        assert "none" in text
    else:
        assert spec.key == "hashserver-far-rw-p"
    assert _globals() == before


def test_a_second_manifest_does_not_see_the_first(place):
    place.commands("- project: p\n- cluster: far\n- subproject: s\n- queue: q2\n- record: true\n")
    assert place.one("services: {jobserver: running}\n").key == "jobserver-far-rw-p--s"
    (place.folder / "seamless.yaml").unlink()
    assert [problem.partition(": no ")[2][:7] for problem in place.problems(HASHSERVER)] == [
        "cluster",
        "project",
    ]
    spec = place.service("type: jobserver, cluster: far, project: p")
    assert (spec.key, spec.parameters) == (
        "jobserver-far-rw-p",
        {"database": [], "buffer": [], "record": False},
    )
    place.clusters("far: {frontends: [{hostname: new, hashserver: {bufferdir: /n}}]}\n")
    assert place.service("type: hashserver, cluster: far, project: p").host == "new"
    assert (
        "unknown cluster `here`" in place.problems("services: {hashserver: {cluster: here, project: p}}\n")[0]
    )


def test_threads_take_turns(place, tmp_path):
    places = []
    for index in range(4):
        root = tmp_path / str(index)
        root.mkdir()
        one = Place(root)
        one.commands(f"- project: p{index}\n- cluster: far\n")
        places.append(one)
    failures = []

    def work(index):
        try:
            for _ in range(10):
                key = places[index].one(HASHSERVER).key
                if key != f"hashserver-far-rw-p{index}":
                    failures.append(key)
        except Exception as exc:  # noqa: BLE001 - any error fails the test
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_environment_is_put_back_when_it_was_unset(monkeypatch, tmp_path):
    monkeypatch.delenv("SEAMLESS_CACHE", raising=False)
    with isolated(str(tmp_path), {"HOME": "/h", "SEAMLESS_CACHE": "/c"}):
        assert (os.environ["HOME"], os.environ["SEAMLESS_CACHE"]) == ("/h", "/c")
        assert sys.modules["seamless_transformer"] is None
    assert "SEAMLESS_CACHE" not in os.environ
    assert os.environ["HOME"] != "/h"


def test_a_runtime_that_is_there_is_put_back(monkeypatch, tmp_path):
    theirs = types.ModuleType("seamless_transformer")
    monkeypatch.setitem(sys.modules, "seamless_transformer", theirs)
    with isolated(str(tmp_path), {"HOME": "/h"}):
        assert sys.modules["seamless_transformer"] is None
    assert sys.modules["seamless_transformer"] is theirs


IMPORTS = """\
import sys
from seamless_reconcile.manifest import load
from seamless_reconcile.resolver import resolve
light = {"seamless_config", "remote_http_launcher", "networkx"} & set(sys.modules)
resolve(load(sys.argv[1:], {}))
heavy = {"seamless", "seamless_transformer", "seamless_remote", "networkx"}
print(sorted(light), sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_what_is_not_imported(place):
    place.commands("- record: true\n- node: n1\n- project: p\n- cluster: far\n")
    path = place.manifest("services: {hashserver: running, jobserver: running, daskserver: {queue: q1}}\n")
    run = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(path)],
        env=place.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[] []"


def test_a_launcher_alone_needs_no_seamless(place):
    program = IMPORTS.replace("heavy = {", 'heavy = {"seamless_config", "remote_http_launcher", ')
    path = place.manifest(
        "services: {x: {type: launcher, launcher: "
        "{workdir: /x, key: k, command: 'x {status_file}', handshake: h}}}\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=place.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[] []"


HOSTILE = [
    "{__import__('os').system('touch pwned')}",
    "",
    ".",
    "a/../b",
    "a--b",
    "STAGE-x",
    "a b",
    "__TOPLEVEL__",
]


FIELDS = ("cluster", "project", "subproject", "stage", "substage", "queue", "frontend")
# The manifest's explicit null.
HARMLESS = {("subproject", ""), ("stage", ""), ("substage", "")}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field in FIELDS for value in HOSTILE if (field, value) not in HARMLESS],
)
def test_entries_made_by_programs_are_checked_too(place, field, value, monkeypatch):
    """Validation does not rely on where a manifest comes from: nothing unsafe reaches a template."""
    monkeypatch.chdir(place.folder)
    manifest = load([place.manifest("services: {hashserver: {cluster: far, project: p}}\n")], {})
    (entry,) = manifest.entries
    identity = dataclasses.replace(Identity(cluster="far", project="p"), **{field: value})
    hostile = dataclasses.replace(entry, identity=identity)
    assert isinstance(hostile, Entry)
    with pytest.raises(ManifestError):
        resolve(dataclasses.replace(manifest, entries=(hostile,)), environ=place.environ())
    assert not list(place.folder.glob("pwned"))


def test_five_services_take_no_time(place):
    text = "defaults: {cluster: here, project: p}\nservices: {hashserver: running, database: running, "
    text += "jobserver: running, daskserver: running, pure-daskserver: running}\n"
    place.resolve(text)
    started = time.perf_counter()
    assert len(place.resolve(text).services) == 5
    assert time.perf_counter() - started < 1


def test_ten_thousand_services_take_little(place):
    entries = "".join(f"  h{index}: {{type: hashserver, stage: s{index}}}\n" for index in range(10_000))
    manifest = load([place.manifest(f"defaults: {{cluster: far, project: p}}\nservices:\n{entries}")], {})
    started = time.perf_counter()
    assert len(resolve(manifest, environ=place.environ()).services) == 10_000
    assert time.perf_counter() - started < 10
