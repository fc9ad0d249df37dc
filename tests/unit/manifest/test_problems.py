"""Every mistake: where it stands, what it is, and what to try."""

# ruff: noqa: E501, ISC004 - a table: one row a line

from __future__ import annotations

import pytest

from seamless_reconcile.declared import ManifestError
from seamless_reconcile.manifest import load

LAUNCHER = "{workdir: /x, key: k, command: 'x {status_file}', handshake: h}"

CASES = {
    "empty": ("", "1:1: the manifest is empty (it begins with `version: 1`)"),
    "empty document": ("---\n", "2:1: the manifest is empty (it begins with `version: 1`)"),
    "a list": ("- a\n", "1:1: a manifest is a mapping (it begins with `version: 1`)"),
    "a word": ("hashserver\n", "1:1: a manifest is a mapping (it begins with `version: 1`)"),
    "null": ("null\n", "1:1: a manifest is a mapping (it begins with `version: 1`)"),
    "no version": ("services: {}\n", "1:1: version: is required"),
    "another version": ("version: 2\nservices: {}\n", "1:10: version: must be 1, not the number 2"),
    "version as text": ("version: '1'\nservices: {}\n", "1:10: version: must be 1, not `1` (without quotes)"),
    "version true": ("version: true\nservices: {}\n", "1:10: version: must be 1, not `true`"),
    "version 1.0": ("version: 1.0\nservices: {}\n", "1:10: version: must be 1, not `1.0`"),
    "no services": ("version: 1\n", "1:1: `services` is required"),
    "unknown section": (
        "version: 1\nservice: {}\nservices: {}\n",
        "2:1: service: unknown field (did you mean `services`?)",
    ),
    "services a list": ("version: 1\nservices: [a]\n", "2:11: services: must be a mapping, not a list"),
    "services a word": ("version: 1\nservices: a\n", "2:11: services: must be a mapping, not the text `a`"),
    "state": (
        "version: 1\nservices:\n  database: {state: runing}\n",
        "3:21: services.database.state: must be running, stopped or absent, not `runing` (did you mean `running`?)",
    ),
    "short state": (
        "version: 1\nservices:\n  database: stoped\n",
        "3:13: services.database.state: must be running, stopped or absent, not `stoped` (did you mean `stopped`?)",
    ),
    "no state": (
        "version: 1\nservices:\n  database:\n",
        "3:12: services.database: must not be empty (for a service that should run: `database: running`)",
    ),
    "state true": (
        "version: 1\nservices:\n  database: true\n",
        "3:13: services.database: must be a mapping, not true",
    ),
    "unknown field": (
        "version: 1\nservices:\n  database:\n    stat: running\n",
        "4:5: services.database.stat: unknown field (did you mean `state`?)",
    ),
    "unknown far field": (
        "version: 1\nservices:\n  database: {xyz: 1}\n",
        "3:14: services.database.xyz: unknown field",
    ),
    "unknown default": (
        "version: 1\ndefaults: {clustr: a}\nservices: {}\n",
        "2:12: defaults.clustr: unknown field (did you mean `cluster`?)",
    ),
    "state in defaults": (
        "version: 1\ndefaults: {state: running}\nservices: {}\n",
        "2:12: defaults.state: unknown field (did you mean `stage`?)",
    ),
    "cache": (
        "version: 1\nservices:\n  database: {cache: clod}\n",
        "3:21: services.database.cache.state: must be keep, cold or warm, not `clod` (did you mean `cold`?)",
    ),
    "cache field": (
        "version: 1\nservices:\n  database: {cache: {epock: x}}\n",
        "3:22: services.database.cache.epock: unknown field (did you mean `epoch`?)",
    ),
    "cache null in it": (
        "version: 1\nservices:\n  database: {cache: {state: null}}\n",
        "3:29: services.database.cache.state: must be keep, cold or warm, not empty",
    ),
    "epoch a number": (
        "version: 1\nservices:\n  database: {cache: {state: cold, epoch: 17}}\n",
        "3:42: services.database.cache.epoch: must be text, not the number 17 (quote it to make it text)",
    ),
    "epoch without cold": (
        "version: 1\nservices:\n  database: {cache: {epoch: a}}\n",
        "3:29: services.database.cache.epoch: goes with `state: cold` only",
    ),
    "cache path": (
        "version: 1\nservices:\n  database: {cache: {path: data}}\n",
        "3:28: services.database.cache.path: `data` must be absolute, or begin with '~/'",
    ),
    "cold jobserver": (
        "version: 1\nservices:\n  jobserver: {cache: cold}\n",
        "3:22: services.jobserver.cache: a jobserver has no cache of its own (give `path`, and `marker` if need be)",
    ),
    "warm daskserver": (
        "version: 1\nservices:\n  daskserver: {cache: {state: warm}}\n",
        "3:23: services.daskserver.cache: a daskserver has no cache of its own (give `path`, and `marker` if need be)",
    ),
    "marker without path": (
        "version: 1\nservices:\n  jobserver: {cache: {marker: m}}\n",
        "3:31: services.jobserver.cache.marker: goes with a `path`",
    ),
    "open to nothing": (
        "version: 1\nservices:\n  database: {state: stopped, tunnel: open}\n",
        "3:38: services.database.tunnel: cannot be open to a service that should be stopped",
    ),
    "no type": (
        "version: 1\nservices:\n  buffers: running\n",
        "3:3: services.buffers: `type` is required, since the name is not one "
        "(one of hashserver, database, jobserver, daskserver, pure_daskserver, launcher)",
    ),
    "nearly a type": (
        "version: 1\nservices:\n  hash-server: running\n",
        "3:3: services.hash-server: `type` is required, since the name is not one (did you mean `hashserver`?)",
    ),
    "wrong type": (
        "version: 1\nservices:\n  a: {type: databse}\n",
        "3:13: services.a.type: must be hashserver, database, jobserver, daskserver, pure_daskserver, pure-daskserver "
        "or launcher, not `databse` (did you mean `database`?)",
    ),
    "mode": (
        "version: 1\ndefaults: {mode: wr}\nservices: {}\n",
        "2:18: defaults.mode: must be rw or ro, not `wr`",
    ),
    "protect": (
        "version: 1\nservices:\n  database: {protect: 1}\n",
        "3:23: services.database.protect: must be true or false, not the number 1",
    ),
    "protect as text": (
        "version: 1\nservices:\n  database: {protect: 'true'}\n",
        "3:23: services.database.protect: must be true or false, not the text `true`",
    ),
    "no": (
        "version: 1\nservices:\n  database: {protect: no}\n",
        "3:23: services.database.protect: YAML readers do not agree on what no is "
        '(for text, quote it: "no"; else write true, false or a decimal number)',
    ),
    "22:22": (
        "version: 1\nservices:\n  database: {stage: 22:22}\n",
        "3:21: services.database.stage: YAML readers do not agree on what 22:22 is "
        '(for text, quote it: "22:22"; else write true, false or a decimal number)',
    ),
    "key on": (
        "version: 1\nservices:\n  on: running\n",
        '3:3: services.on: the key on is not text (quote it: "on")',
    ),
    "number as name": (
        "version: 1\nservices:\n  12: running\n",
        '3:3: services.12: the key 12 is not text (quote it: "12")',
    ),
    "project a number": (
        "version: 1\ndefaults:\n  project: 1.10\nservices: {}\n",
        "3:12: defaults.project: must be text, not the number 1.1 (quote it to make it text)",
    ),
    "too large": (
        "version: 1\nservices:\n  database: {idle_timeout: 1e999}\n",
        "3:28: services.database.idle_timeout: the number is too large "
        '(for text, quote it: "1e999"; else write true, false or a decimal number)',
    ),
    "idle 0": (
        "version: 1\nservices:\n  database: {idle_timeout: 0}\n",
        "3:28: services.database.idle_timeout: must be more than 0 and at most a year",
    ),
    "idle -5": (
        "version: 1\nservices:\n  database: {idle_timeout: -5}\n",
        "3:28: services.database.idle_timeout: must be more than 0 and at most a year",
    ),
    "idle for ever": (
        "version: 1\nservices:\n  database: {idle_timeout: 9999h}\n",
        "3:28: services.database.idle_timeout: must be more than 0 and at most a year",
    ),
    "idle ten": (
        "version: 1\nservices:\n  database: {idle_timeout: ten}\n",
        "3:28: services.database.idle_timeout: must be seconds, or a time such as '90s', '10m', '1h30m'",
    ),
    "idle true": (
        "version: 1\nservices:\n  database: {idle_timeout: true}\n",
        "3:28: services.database.idle_timeout: must be seconds, or a time such as '90s', '10m', '1h30m'",
    ),
    "name": (
        "version: 1\nservices:\n  a b: {type: database}\n",
        "3:3: services.a b: the name may hold only letters, digits, '.', '_' and '-', and must begin with a letter or digit",
    ),
    "name from the environment": (
        "version: 1\nservices:\n  ${A}: {type: database}\n",
        "3:3: services.${A}: the name may hold only letters, digits, '.', '_' and '-', and must begin with a letter or digit",
    ),
    "unset": (
        "version: 1\nservices:\n  database: {stage: '${NONE}'}\n",
        "3:21: services.database.stage: the environment variable NONE is not set "
        "(set it, or give a default: ${NAME:-default})",
    ),
    "control character": (
        'version: 1\nservices:\n  database: {stage: "a\\0b"}\n',
        "3:21: services.database.stage: holds a control character",
    ),
    "tag": (
        "version: 1\nservices:\n  database: !!str running\n",
        "3:13: the tag tag:yaml.org,2002:str is not allowed",
    ),
    "twice": (
        "version: 1\nservices:\n  database: running\n  database: absent\n",
        "4:3: `database` is here twice (the first is in line 3)",
    ),
    "unknown dependency": (
        "version: 1\nservices:\n  database: running\n  jobserver: {depends_on: [databse]}\n",
        "4:28: services.jobserver.depends_on: no service is named `databse` (did you mean `database`?)",
    ),
    "depends on itself": (
        "version: 1\nservices:\n  database: {depends_on: database}\n",
        "3:26: services.database.depends_on: a service cannot depend on itself",
    ),
    "depends on a number": (
        "version: 1\nservices:\n  database: {depends_on: [1]}\n",
        "3:27: services.database.depends_on[0]: must be text, not the number 1 (quote it to make it text)",
    ),
    "depends on a mapping": (
        "version: 1\nservices:\n  database: {depends_on: {a: b}}\n",
        "3:26: services.database.depends_on: must be a list, not a mapping",
    ),
    "launcher without configuration": (
        "version: 1\nservices:\n  a: {type: launcher}\n",
        "3:3: services.a.launcher: is required with `type: launcher`",
    ),
    "configuration without launcher": (
        f"version: 1\nservices:\n  database: {{launcher: {LAUNCHER}}}\n",
        "3:24: services.database.launcher: goes with `type: launcher` only",
    ),
    "launcher with an identity": (
        f"version: 1\nservices:\n  a: {{type: launcher, stage: s, launcher: {LAUNCHER}}}\n",
        "3:30: services.a.stage: means nothing to a `type: launcher` (its machine and key are in `launcher`)",
    ),
    "launcher incomplete": (
        "version: 1\nservices:\n  a: {type: launcher, launcher: {workdir: /x, key: k, handshake: h}}\n",
        "3:23: services.a.launcher.command: is required",
    ),
    "launcher with a tunnel to nowhere": (
        "version: 1\nservices:\n  a: {type: launcher, launcher: {tunnel: true, workdir: /x, key: k, "
        "command: 'x {status_file}', handshake: h}}\n",
        "3:42: services.a.launcher.tunnel: goes with a `hostname`",
    ),
    "launcher with an ssh host only": (
        "version: 1\nservices:\n  a: {type: launcher, launcher: {ssh_hostname: h, workdir: /x, key: k, "
        "command: 'x {status_file}', handshake: h}}\n",
        "3:48: services.a.launcher.ssh_hostname: goes with a `hostname`",
    ),
    "launcher that evaluates": (
        "version: 1\nservices:\n  a: {type: launcher, launcher: {workdir: /x, key: k, handshake: h, "
        "command: 'x {status_file} {1+1}'}}\n",
        "3:78: services.a.launcher.command: has {1+1}, which is none of {status_file}, {workdir}, {key}, {hostname}, "
        "{network_interface}, {timeout} (write {{ and }} for braces)",
    ),
    "launcher that never idles": (
        f"version: 1\nservices:\n  a: {{type: launcher, idle_timeout: 1m, launcher: {LAUNCHER}}}\n",
        "3:82: services.a.launcher.command: does not use {timeout}, so `idle_timeout` would have no effect",
    ),
    "launcher cold without path": (
        f"version: 1\nservices:\n  a: {{type: launcher, cache: cold, launcher: {LAUNCHER}}}\n",
        "3:30: services.a.cache: a launcher has no cache of its own (give `path`, and `marker` if need be)",
    ),
    "handshake field": (
        "version: 1\nservices:\n  a: {type: launcher, launcher: {workdir: /x, key: k, command: 'x {status_file}', "
        "handshake: {port: x}}}\n",
        "3:95: services.a.launcher.handshake.port: unknown field (did you mean `port_name`?)",
    ),
    "cluster field": (
        "version: 1\nservices: {}\nclusters:\n  c: {frontends: [{hostname: n, databse: {}}]}\n",
        "4:33: clusters.c.frontends[0].databse: unknown field (did you mean `database`?)",
    ),
    "cluster name": (
        "version: 1\nservices: {}\nclusters: {c--d: {frontends: []}}\n",
        "3:12: clusters.c--d: the name must not contain '--'",
    ),
    "cluster without frontends": (
        "version: 1\nservices: {}\nclusters:\n  c: {}\n",
        "4:3: clusters.c.frontends: is required",
    ),
    "half a port range": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [{database: {database_dir: /d, port_start: 1}}]}}\n",
        "3:39: clusters.c.frontends[0].database: port_start and port_end must both be set or both be left out",
    ),
    "ports the wrong way round": (
        "version: 1\nservices: {}\n"
        "clusters: {c: {frontends: [{database: {database_dir: /d, port_start: 9, port_end: 8}}]}}\n",
        "3:39: clusters.c.frontends[0].database: port_start is larger than port_end",
    ),
    "port of text": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [{daskserver: {network_interface: h, port_start: '1; x', "
        "port_end: 2}}]}}\n",
        "3:76: clusters.c.frontends[0].daskserver.port_start: must be a whole number, not the text `1; x`",
    ),
    "hostile buffer directory": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [{hashserver: {bufferdir: '/b {x}'}}]}}\n",
        "3:53: clusters.c.frontends[0].hashserver.bufferdir: `/b {x}` may hold only letters, digits and @ % _ + = : , . ~ -",
    ),
    "hostile ssh name": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [{hostname: n, ssh_hostname: -oProxyCommand=x}]}}\n",
        "3:56: clusters.c.frontends[0].ssh_hostname: `-oProxyCommand=x` must be a host name or an IP address",
    ),
    "hostile conda environment": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [{hashserver: {bufferdir: /b, conda: 'x; y'}}]}}\n",
        "3:64: clusters.c.frontends[0].hashserver.conda: "
        "`x; y` must be the name or path of a conda environment, without spaces or quotes",
    ),
    "queue field": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [], queues: {q: {memry: 1}}}}\n",
        "3:44: clusters.c.queues.q.memry: unknown field (did you mean `memory`?)",
    ),
    "queue a number": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [], queues: {q: 3}}}\n",
        "3:43: clusters.c.queues.q: must be a mapping, not the number 3",
    ),
    "hostile queue name": (
        "version: 1\nservices: {}\nclusters: {c: {frontends: [], queues: {'{x}': {}}}}\n",
        "3:40: clusters.c.queues.{x}: `{x}` may hold only letters, digits, '.', '_' and '-', "
        "and must begin with a letter or digit",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_mistake_one_problem(one_problem, case):
    text, problem = CASES[case]
    assert one_problem(text) == f"m.yaml:{problem}"


HOSTILE = [
    "{__import__('os').system('x')}",
    "",
    ".",
    "..",
    "a/b",
    "a--b",
    "STAGE-x",
    "-x",
    "a b",
    "{config}",
    "x" * 101,
]


@pytest.mark.parametrize("field", ["cluster", "project", "stage", "substage", "queue"])
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_identities(one_problem, field, value):
    quoted = value.replace("'", "''")
    for text, column in (
        (f"version: 1\ndefaults:\n  {field}: '{quoted}'\nservices: {{}}\n", 5),
        (f"version: 1\nservices: {{}}\ndefaults:\n  {field}: '{quoted}'\n", 5),
    ):
        assert one_problem(text).startswith(
            f"m.yaml:{3 if 'services' in text[-20:] else 4}:{len(field) + column}: "
        )


def test_all_problems_at_once_in_the_order_of_the_file(written):
    text = """\
version: 3
defaults: {projet: a, cluster: x--y}
services:
  hashserver: {state: runing, cache: clod}
  database: {depends_on: [hashservr]}
  jobserver: {depends_on: database, tunnel: ajar}
  foo: running
extra: 1
"""
    assert [problem.split(" ")[0:2] for problem in written.problems(text)] == [
        ["m.yaml:1:10:", "version:"],
        ["m.yaml:2:12:", "defaults.projet:"],
        ["m.yaml:2:32:", "defaults.cluster:"],
        ["m.yaml:4:23:", "services.hashserver.state:"],
        ["m.yaml:4:38:", "services.hashserver.cache.state:"],
        ["m.yaml:5:27:", "services.database.depends_on:"],
        ["m.yaml:6:45:", "services.jobserver.tunnel:"],
        ["m.yaml:7:3:", "services.foo:"],
        ["m.yaml:8:1:", "extra:"],
    ]


def test_problems_of_all_files(written):
    problems = written.problems(
        "version: 1\nservices: {a: {}}\n", "- x", "version: 1\nservices: {database: off}\n"
    )
    assert [problem.split(" ")[0] for problem in problems] == [
        "m.yaml:2:12:",
        "m1.yaml:1:1:",
        "m2.yaml:2:22:",
    ]


def test_a_name_in_two_files_names_both_places(one_problem):
    text = "version: 1\nservices:\n  database: running\n"
    assert one_problem(text, "version: 1\n\n" + text.partition("\n")[2]) == (
        "m1.yaml:4:3: services.database: is in two files (the other place is m.yaml:3:3)"
    )


def test_a_cluster_in_two_files_names_both_places(one_problem):
    text = "version: 1\nservices: {}\nclusters: {c: {frontends: []}}\n"
    assert (
        one_problem(text, text)
        == "m1.yaml:3:12: clusters.c: is in two files (the other place is m.yaml:3:12)"
    )


def test_a_service_in_another_file_can_be_depended_on(written):
    one = "version: 1\nservices: {jobserver: {depends_on: database}}\n"
    assert len(written.load(one, "version: 1\nservices: {database: running}\n").entries) == 2


def test_a_broken_service_still_counts_as_a_name(written):
    problems = written.problems(
        "version: 1\nservices:\n  database: {x: 1}\n  jobserver: {depends_on: database}\n"
    )
    assert problems == ["m.yaml:3:14: services.database.x: unknown field"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("none.yaml", "none.yaml:1:1: cannot be read: No such file or directory"),
        (".", ".:1:1: cannot be read: Is a directory"),
        ("/dev/zero", "/dev/zero:1:1: the file is larger than 4 MiB"),
        ("a\0b", "a\0b:1:1: cannot be read: embedded null byte"),
        ("", ":1:1: cannot be read: Is a directory"),
    ],
    ids=["missing", "directory", "endless", "impossible", "no name"],
)
def test_files_that_cannot_be_read(path, problem):
    with pytest.raises(ManifestError) as caught:
        load([path], {})
    assert [str(found) for found in caught.value.problems] == [problem]


def test_no_file_at_all():
    with pytest.raises(ManifestError, match="no manifest was named"):
        load([], {})


def test_nothing_from_the_file_reaches_the_terminal_raw(written):
    text = (
        'version: 1\nservices:\n  "\\e[31m\\u202e": running\n  database: {"\\e]0;x\\a": 1, stage: "\\e[1m"}\n'
    )
    problems = written.problems(text, environ={})
    assert len(problems) == 3
    assert all(problem.isprintable() for problem in problems)


def test_a_missing_file_does_not_hide_the_others(written, tmp_path):
    (tmp_path / "m.yaml").write_text("version: 1\nservices: {database: 1}\n")
    with pytest.raises(ManifestError) as caught:
        load(["none.yaml", "m.yaml"], {})
    assert [str(problem).split(" ")[0] for problem in caught.value.problems] == [
        "none.yaml:1:1:",
        "m.yaml:2:22:",
    ]
