"""What is resolved here is what the installed Seamless runtime resolves: key, host, paths, command line."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from seamless_reconcile.desired import ServiceSpec
from unit.resolver.conftest import Place

REFERENCE = Path(__file__).with_name("reference.py")
META = ("service", "cluster", "mode", "project", "subproject", "stage", "substage", "queue")
KINDS = ("hashserver", "database", "jobserver", "daskserver", "pure-daskserver")
STAGES = ((None, None), ("s1", None), ("s1", "t.2"))


def _ask(place: Place, requests: list[dict[str, object]]) -> list[dict[str, object]]:
    run = subprocess.run(
        [sys.executable, str(REFERENCE)],
        input=json.dumps(requests),
        env=place.environ(),
        cwd=place.home,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert run.returncode == 0, run.stderr
    answers: list[dict[str, object]] = json.loads(run.stdout)
    return answers


def _argv(options: dict[str, str | None]) -> list[str]:
    return [word for name, value in options.items() if value for word in (f"--{name}", value)]


def _manifest(options: dict[str, str | None]) -> str:
    names = {"frontend-name": "frontend", "service": "type", "workdir": ""}
    fields = {names.get(name, name): value for name, value in options.items() if value}
    return (
        "services: {x: {" + ", ".join(f"{name}: {value}" for name, value in fields.items() if name) + "}}\n"
    )


def _launch(spec: ServiceSpec) -> dict[str, object]:
    assert spec.handshake is not None
    return {
        "key": spec.key,
        "workdir": spec.workdir,
        "argv": list(spec.argv),
        "hostname": spec.hostname,
        "host": spec.host,
        "tunnel": spec.tunnelled,
        "conda": spec.conda_env,
        "interface": spec.network_interface,
        "parameters": spec.parameters,
        "handshake": [spec.handshake.path, spec.handshake.port_name],
    }


def _same(spec: ServiceSpec, real: dict[str, object]) -> None:
    assert "error" not in real, real
    argv = shlex.split(str(real["command"]))
    ours = _launch(spec)
    assert ours == {name: argv if name == "argv" else real[name] for name in ours}
    if "service" in real:
        assert {**spec.meta} == {name: real[name] for name in META}
        # The command prints what the cluster file says; the launcher falls back to `hostname`.
        assert real["ssh_hostname"] == (None if spec.host in ("local", spec.hostname) else spec.host)


def _matrix() -> list[dict[str, str | None]]:
    cases = []
    for kind, cluster, mode in itertools.product(KINDS, ("here", "direct", "far"), ("rw", "ro")):
        for (stage, substage), subproject in itertools.product(STAGES, (None, "a/b")):
            queues = ("q1", "q2") if "dask" in kind else (None, "q2")
            for queue in queues:
                identity = {"project": "p.1", "subproject": subproject, "stage": stage, "substage": substage}
                cases.append({"service": kind, "cluster": cluster, "mode": mode, **identity, "queue": queue})
    for kind, cluster in itertools.product(("daskserver", "pure-daskserver"), ("here", "direct", "oars")):
        cases.append({"service": kind, "cluster": cluster, "project": "p", "mode": None})
    cases.extend(
        {"service": kind, "cluster": "far", "project": "p", "frontend-name": frontend}
        for kind, frontend in (("hashserver", "node1"), ("hashserver", "node2"), ("database", "node2"))
    )
    return cases


def test_the_whole_matrix(place):
    cases = _matrix()
    assert len(cases) > 300
    answers = _ask(place, [{"argv": _argv(case)} for case in cases])
    for case, real in zip(cases, answers, strict=True):
        _same(place.one(_manifest(case)), real)


COMMANDS = """\
- inherit_from_parent
- clusters:
    mine: {type: local, workers: 1, frontends: [{hostname: m1, hashserver: {bufferdir: /m}}]}
- subproject: sub
- queue: q2
- record: true
"""
PARENT = """\
- project: parents
- cluster: far
- execution: remote
"""


def test_identity_from_command_files(place):
    place.commands(COMMANDS)
    place.commands("- project: mine\n- remote: jobserver\n- node: n7\n", "seamless.profile.yaml")
    (place.folder.parent / "seamless.yaml").write_text(PARENT)
    cases: list[dict[str, str | None]] = [
        {"service": kind, "workdir": str(place.folder), **more}
        for kind in KINDS
        for more in ({}, {"stage": "s"}, {"project": "other", "cluster": "direct", "queue": "q1"})
    ]
    cases.append({"service": "hashserver", "workdir": str(place.folder), "cluster": "mine"})
    refused = 0
    for case, real in zip(cases, _ask(place, [{"argv": _argv(case)} for case in cases]), strict=True):
        if "error" not in real:
            _same(place.one(_manifest(case)), real)
            continue
        refused += 1
        (problem,) = place.problems(_manifest(case))
        assert str(real["error"]).partition(": ")[2] in problem
    assert refused == 2, "no node can be chosen on a cluster of type local"
    assert place.service("type: jobserver").parameters == {"database": [], "buffer": [], "record": True}


BLOCKS = """\
- project: p
- cluster: here
- stage a:
    - cluster: far
    - queue: q2
- stage b:
    - project: q
    - clusters:
        here: {type: local, frontends: [{hashserver: {bufferdir: /elsewhere}}]}
"""


def test_stage_blocks_apply_to_their_stage(place):
    place.commands(BLOCKS)
    asked = [
        ("hashserver", "a"),
        ("hashserver", "b"),
        ("hashserver", "c"),
        ("daskserver", "a"),
        ("daskserver", "c"),
    ]
    answers = _ask(
        place, [{"kind": kind, "stage": stage, "folder": str(place.folder)} for kind, stage in asked]
    )
    entries = "".join(f"  {kind}-{stage}: {{type: {kind}, stage: {stage}}}\n" for kind, stage in asked)
    found = place.resolve(f"services:\n{entries}").services
    for (kind, stage), real in zip(asked, answers, strict=True):
        _same(found[f"{kind}-{stage}"], real)
    assert found["hashserver-b"].workdir == "/elsewhere/q/STAGE-b"
    assert (found["daskserver-a"].host, found["daskserver-a"].conda_env) == ("front2", "other")


@pytest.mark.parametrize(
    "case",
    [
        {"service": "hashserver", "cluster": "far", "project": "p", "stage": "s", "mode": "ro"},
        {"service": "jobserver", "cluster": "here", "project": "p", "stage": "s", "substage": "t"},
    ],
    ids=lambda case: case["service"],
)
def test_the_installed_command_itself(place, case):
    command = Path(sys.executable).with_name("seamless-service-resolve")
    run = subprocess.run(
        [str(command), *_argv(case)],
        env=place.environ(),
        cwd=place.home,
        capture_output=True,
        text=True,
        check=True,
    )
    real = json.loads(run.stdout)
    spec = place.one(_manifest(case))
    assert (spec.key, spec.workdir, dict(spec.meta)) == (
        real["key"],
        real["workdir"],
        {name: real[name] for name in META},
    )


def test_seamless_cache(place):
    environ = place.environ(SEAMLESS_CACHE=f"{place.home}/cache")
    command = Path(sys.executable).with_name("seamless-service-resolve")
    for kind in ("hashserver", "database"):
        run = subprocess.run(
            [str(command), "--service", kind, "--project", "SEAMLESS_CACHE"],
            env=environ,
            cwd=place.home,
            capture_output=True,
            text=True,
            check=True,
        )
        real = json.loads(run.stdout)
        spec = place.service(f"type: {kind}", environ)
        assert (spec.key, spec.workdir, spec.host) == (real["key"], real["workdir"], "local")
        assert dict(spec.meta) == {name: real[name] for name in META}
