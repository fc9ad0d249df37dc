"""What holds between services."""

# ruff: noqa: E501, ISC004 - tables: one row a line

from __future__ import annotations

import pytest

DEFAULTS = "defaults: {cluster: far, project: p}\nservices:\n"


def test_job_execution_requires_the_storage_of_its_deployment(place):
    services = place.resolve(
        DEFAULTS
        + "  jobserver: running\n"
        + "  daskserver: {queue: q1}\n"
        + "  pure-daskserver: {queue: q1, depends_on: other}\n"
        + "  hashserver: running\n"
        + "  database: running\n"
        + "  buffers-ro: {type: hashserver, mode: ro}\n"
        + "  staged: {type: hashserver, stage: s}\n"
        + "  staged-jobs: {type: jobserver, stage: s, substage: t, depends_on: [staged, other]}\n"
        + "  sub: {type: database, subproject: q}\n"
        + "  other: {type: database, project: o}\n"
    ).services
    storage = ("hashserver", "database", "buffers-ro")
    assert {name: spec.dependencies for name, spec in services.items() if spec.dependencies} == {
        "jobserver": storage,
        "daskserver": storage,
        "pure-daskserver": (*storage, "other"),
        "staged-jobs": ("staged", "other"),
    }


def test_upstreams_that_are_declared_are_named_and_say_where_they_are(place):
    services = place.resolve(
        DEFAULTS + "  jobserver: running\n  buffers: {type: hashserver, frontend: node2}\n"
        "  ro: {type: database, mode: ro}\n"
    ).services
    database, buffers = services["jobserver"].upstream
    assert (database.name, database.host) == (None, "front2")
    assert (buffers.name, buffers.host, buffers.hostname) == ("buffers", "front2", "node2")
    assert buffers.workdir == "/other/b/p"


@pytest.mark.parametrize(
    ("entries", "key", "why"),
    [
        (
            "  a: {type: hashserver}\n  b: {type: hashserver}\n",
            "hashserver-far-rw-p",
            "they are the same service",
        ),
        (
            "  a: {type: hashserver}\n  b: {type: hashserver, frontend: node2}\n",
            "hashserver-far-rw-p",
            "their names run together",
        ),
        (
            "  a: {type: jobserver, mode: rw}\n  b: {type: jobserver, mode: ro}\n",
            "jobserver-far-rw-p",
            "their names run together",
        ),
    ],
)
def test_two_entries_with_one_key(place, entries, key, why):
    assert place.problems(DEFAULTS + entries) == [
        f"m.yaml:5:3: services.b: has the key `{key}`, as has services.a (m.yaml:4:3) "
        f"({why}; a key names one state file and one connection)"
    ]


def test_names_that_run_together(place):
    queues = "queues: {c: &q {conda: e, walltime: x, memory: y, cores: 1, unknown_task_duration: 1m, "
    queues += "target_duration: 1m, maximum_jobs: 1}, b-c: *q}"
    others = queues.replace("&q", "&r").replace("*q", "*r")
    dask = "{network_interface: h, port_start: 1, port_end: 2}"
    place.clusters(
        f"a-b: {{type: slurm, frontends: [{{hostname: h1, daskserver: {dask}}}], {queues}}}\n"
        f"a: {{type: slurm, frontends: [{{hostname: h2, daskserver: {dask}}}], {others}}}\n"
        "x-rw: {frontends: [{hostname: h3, hashserver: {bufferdir: /b}}]}\n"
        "x: {frontends: [{hostname: h4, hashserver: {bufferdir: /b}}]}\n"
    )
    problems = place.problems(
        "services:\n"
        "  one: {type: pure-daskserver, cluster: a-b, queue: c}\n"
        "  two: {type: pure-daskserver, cluster: a, queue: b-c}\n"
        "  three: {type: hashserver, cluster: x-rw, project: p}\n"
        "  four: {type: hashserver, cluster: x, project: rw-p}\n"
        "  five: {type: launcher, launcher: {workdir: /x, key: pure-daskserver-a-b-c, "
        "command: 'x {status_file}', handshake: h}}\n"
    )
    assert [problem.partition(" (")[0] for problem in problems] == [
        "m.yaml:4:3: services.two: has the key `pure-daskserver-a-b-c`, as has services.one",
        "m.yaml:6:3: services.four: has the key `hashserver-x-rw-rw-p`, as has services.three",
        "m.yaml:7:3: services.five: has the key `pure-daskserver-a-b-c`, as has services.one",
    ]
    assert all("their names run together" in problem for problem in problems)


def test_an_upstream_that_is_another_service(place):
    place.clusters(
        "x: {workers: 1, frontends: [{hostname: h, hashserver: {bufferdir: /b}, database: {database_dir: /d}, "
        "jobserver: {conda: e, network_interface: h, port_start: 1, port_end: 2}}]}\n"
        "x-rw: {frontends: [{hostname: h3, hashserver: {bufferdir: /b}}]}\n"
    )
    (problem,) = place.problems(
        "services:\n  jobserver: {cluster: x, project: rw-p}\n  other: {type: hashserver, cluster: x-rw, project: p}\n"
    )
    assert problem == (
        "m.yaml:3:3: services.jobserver: needs the hashserver with the key `hashserver-x-rw-rw-p`, "
        "which services.other takes for itself"
    )


def test_a_circle_that_an_implied_edge_closes(place):
    (problem,) = place.problems(DEFAULTS + "  hashserver: {depends_on: jobserver}\n  jobserver: running\n")
    assert problem == (
        "m.yaml:4:28: services.hashserver.depends_on: its dependencies, implied ones included, go in a circle: "
        "hashserver → jobserver → hashserver"
    )


def test_a_declared_circle_is_told_once(place):
    problems = place.problems(
        DEFAULTS + "  hashserver: {depends_on: database}\n  database: {depends_on: hashserver}\n"
    )
    assert [problem.partition(": ")[0] for problem in problems] == ["m.yaml:4:28"]


@pytest.mark.parametrize(
    ("one", "two", "problem"),
    [
        ("cold", "cold", None),
        ("cold", None, None),
        (None, "warm", None),
        ("keep", "keep", None),
        ("{state: cold, epoch: e}", "{state: cold, epoch: e}", None),
        ("cold", "warm", "wants its cache warm, but services.a wants it cold"),
        ("keep", "cold", "wants its cache cold, but services.a wants it keep"),
        (
            "{state: cold, epoch: e}",
            "{state: cold, epoch: f}",
            "wants its cache cold since epoch f, but services.a wants it cold since epoch e",
        ),
    ],
)
def test_one_directory_one_wish(place, one, two, problem):
    text = DEFAULTS
    for name, mode, cache in (("a", "rw", one), ("b", "ro", two)):
        wish = f", cache: {cache}" if cache else ""
        text += f"  {name}: {{type: hashserver, mode: {mode}{wish}}}\n"
    if problem is None:
        assert place.resolve(text).services["b"].cache.path == "~/b/p"
    else:
        (found,) = place.problems(text)
        assert found == f"m.yaml:5:42: services.b.cache: {problem} (both use ~/b/p)"


HALF = "a cached result can still give a false pass"


@pytest.mark.parametrize(
    ("entries", "warnings"),
    [
        ("  hashserver: {cache: cold}\n  database: {cache: cold}\n", []),
        ("  hashserver: running\n  database: {cache: keep}\n", []),
        (
            "  hashserver: {cache: cold}\n  database: {cache: keep}\n",
            [("cache.hashserver", f"cold, but its database (database) is not: {HALF}")],
        ),
        (
            "  hashserver: running\n  d: {type: database, cache: cold}\n",
            [("cache.d", f"cold, but its hashserver (hashserver) is not: {HALF}")],
        ),
        (
            "  database: {cache: cold}\n",
            [("cache.database", f"cold, but its hashserver is not in the manifest: {HALF}")],
        ),
        ("  hashserver: {cache: cold}\n  ro: {type: hashserver, mode: ro}\n  database: {cache: cold}\n", []),
        (
            "  hashserver: {cache: cold}\n  database: {cache: cold, stage: s}\n",
            [
                ("cache.hashserver", f"cold, but its database is not in the manifest: {HALF}"),
                ("cache.database", f"cold, but its hashserver is not in the manifest: {HALF}"),
            ],
        ),
    ],
)
def test_half_cold_is_a_warning(place, entries, warnings):
    assert list(place.resolve(DEFAULTS + entries).warnings) == warnings


@pytest.mark.parametrize(
    ("entries", "warnings"),
    [
        ("  jobserver: running\n", []),
        ("  jobserver: running\n  hashserver: running\n  database: running\n", []),
        ("  jobserver: stopped\n  hashserver: stopped\n", []),
        (
            "  jobserver: running\n  hashserver: stopped\n  database: absent\n",
            [
                ("service.jobserver", "should run, but its hashserver (hashserver) should be stopped"),
                ("service.jobserver", "should run, but its database (database) should be absent"),
            ],
        ),
        (
            "  jobserver: running\n  hashserver: running\n  ro: {type: hashserver, mode: ro, state: stopped}\n",
            [],
        ),
    ],
)
def test_running_without_its_storage_is_a_warning(place, entries, warnings):
    assert list(place.resolve(DEFAULTS + entries).warnings) == warnings


def test_a_jobserver_whose_cluster_has_no_storage(place):
    place.clusters(
        "c: {workers: 1, frontends: [{hostname: h, jobserver: {conda: e, network_interface: h, port_start: 1, port_end: 2}}]}\n"
    )
    desired = place.resolve("services: {jobserver: {cluster: c, project: p}}\n")
    assert desired.services["jobserver"].upstream == ()
    assert list(desired.warnings) == [
        ("service.jobserver", "its cluster offers no usable database: it will compute without one"),
        ("service.jobserver", "its cluster offers no usable hashserver: it will compute without one"),
    ]


def test_hashserver_and_database_in_one_directory(place):
    place.clusters(
        "c: {frontends: [{hostname: h, hashserver: {bufferdir: /d}, database: {database_dir: /d}}]}\n"
    )
    desired = place.resolve(
        "defaults: {cluster: c, project: p}\nservices: {hashserver: {cache: cold}, database: running}\n"
    )
    assert ("cache.database", "is cleared with cache.hashserver: both use /d/p") in desired.warnings
