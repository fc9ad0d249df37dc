"""The user's own files: what they supply, what wins, and what is wrong with them."""

# ruff: noqa: E501, ISC004 - tables: one row a line

from __future__ import annotations

import pytest

from seamless_reconcile.declared import ManifestError
from seamless_reconcile.resolver import resolve_files

HASHSERVER = "services: {hashserver: running}\n"


def test_the_manifest_wins_over_the_command_files(place):
    place.commands("- project: files\n- cluster: far\n- subproject: s\n")
    assert place.one(HASHSERVER).key == "hashserver-far-rw-files--s"
    assert place.service("type: hashserver, project: p, cluster: direct").key == "hashserver-direct-rw-p--s"
    assert place.service("type: hashserver, subproject: null").key == "hashserver-far-rw-files"
    assert place.service("type: hashserver, subproject: t").meta["subproject"] == "t"


def test_the_profile_wins_over_seamless_yaml(place):
    place.commands("- project: one\n- cluster: far\n")
    place.commands("- project: two\n", "seamless.profile.yaml")
    assert place.one(HASHSERVER).key == "hashserver-far-rw-two"


def test_a_queue_belongs_to_its_cluster(place):
    place.commands("- project: p\n- cluster: far\n- queue: q2\n")
    assert place.service("type: daskserver").conda_env == "other"
    assert place.service("type: daskserver, cluster: direct").conda_env == "base"
    assert place.service("type: daskserver, cluster: direct, queue: q2").conda_env == "other"


def test_entries_do_not_see_each_other(place):
    place.commands("- project: p\n- cluster: far\n- queue: q1\n")
    services = place.resolve(
        "services:\n"
        "  a: {type: daskserver, cluster: direct, project: x, subproject: y, stage: s, substage: t, queue: q2}\n"
        "  daskserver: running\n"
    ).services
    assert services["daskserver"].key == "daskserver-far-rw-p"
    assert services["daskserver"].conda_env == "base"


def test_the_manifests_clusters_win(place):
    place.commands(
        "- clusters:\n    far: {frontends: [{hostname: f, hashserver: {bufferdir: /f}}]}\n- project: p\n"
    )
    assert place.service("type: hashserver, cluster: far").workdir == "/f/p"
    inline = "clusters: {far: {frontends: [{hostname: i, hashserver: {bufferdir: /i}}]}}\n"
    spec = place.one(f"services: {{hashserver: {{cluster: far}}}}\n{inline}")
    assert (spec.workdir, spec.host) == ("/i/p", "i")


def test_which_cluster_is_this_machine(place):
    inline = (
        "clusters: {local_cluster: mine, mine: {type: local, frontends: [{hashserver: {bufferdir: /i}}]}}\n"
    )
    services = "services: {a: {type: hashserver, cluster: mine}, b: {type: hashserver, cluster: here}}\n"
    found = place.resolve(f"defaults: {{project: p}}\n{services}{inline}").services
    assert (found["a"].host, found["a"].hostname) == ("local", None)
    assert (found["b"].host, found["b"].hostname) == ("localhost", "localhost")


def test_each_stage_has_its_own_clusters(place):
    place.clusters("c: {type: local, frontends: [{hashserver: {bufferdir: /home-file}}]}\n")
    place.commands(
        "- project: p\n- cluster: c\n- stage a:\n    - clusters: {local_cluster: c}\n- stage b:\n"
        "    - clusters:\n        c: {frontends: [{hostname: h, hashserver: {bufferdir: /block}}]}\n"
    )
    order = [("a", "rw"), ("b", "rw"), ("z", "rw"), ("a", "ro"), ("b", "ro"), ("z", "ro")]
    entries = "".join(
        f"  {stage}-{mode}: {{type: hashserver, stage: {stage}, mode: {mode}}}\n" for stage, mode in order
    )
    services = place.resolve(f"services:\n{entries}").services
    assert {name: (spec.host, spec.workdir) for name, spec in services.items()} == {
        f"{stage}-{mode}": {
            "a": ("local", "/home-file/p/STAGE-a"),
            "b": ("h", "/block/p/STAGE-b"),
            "z": ("localhost", "/home-file/p/STAGE-z"),
        }[stage]
        for stage, mode in order
    }


def test_no_local_cluster_at_all(place):
    place.clusters("c: {type: local, frontends: [{hashserver: {bufferdir: /b}}]}\n")
    assert place.service("type: hashserver, cluster: c, project: p").host == "localhost"


def test_clusters_in_a_folder_of_files(place):
    place.clusters(
        "extra: {frontends: [{hostname: e, hashserver: {bufferdir: /e}}]}\n", "clusters/extra.yaml"
    )
    assert place.service("type: hashserver, cluster: extra, project: p").host == "e"


def test_no_files_at_all(place):
    place.clusters("{}\n")
    (place.home / ".seamless" / "clusters.yaml").unlink()
    inline = "clusters: {c: {frontends: [{hostname: i, hashserver: {bufferdir: /i}}]}}\n"
    assert place.one(f"services: {{hashserver: {{cluster: c, project: p}}}}\n{inline}").host == "i"


FAULTS = {
    "clusters not yaml": (
        {"clusters.yaml": "a: [\n"},
        "~/.seamless/clusters.yaml:2:1: did not find expected node content",
    ),
    "clusters a list": (
        {"clusters.yaml": "- a\n"},
        "~/.seamless/clusters.yaml:1:1: must be a mapping of cluster definitions",
    ),
    "clusters empty": (
        {"clusters.yaml": ""},
        "~/.seamless/clusters.yaml:1:1: must be a mapping of cluster definitions",
    ),
    "one of several": (
        {"clusters/b.yaml": "x: y: 1\n"},
        "~/.seamless/clusters/b.yaml:1:5: mapping values are not allowed in this context",
    ),
    "clusters not text": ({"clusters.yaml": "\udcff"}, "~/.seamless/clusters.yaml:1:1: cannot be read: "),
    "commands not yaml": (
        {"seamless.yaml": "- a: [\n"},
        "seamless.yaml:2:1: did not find expected node content",
    ),
    "commands a mapping": (
        {"seamless.yaml": "project: p\n"},
        "seamless.yaml:1:1: must be a list of commands, as in `- project: myproject`",
    ),
    "profile empty": (
        {"seamless.profile.yaml": ""},
        "seamless.profile.yaml:1:1: must be a list of commands, as in `- project: myproject`",
    ),
    "unknown command": ({"seamless.yaml": "- projet: p\n"}, "seamless.yaml:1:1: unknown command 'projet'"),
    "wrong argument": (
        {"seamless.yaml": "- project: 3\n"},
        "seamless.yaml:1:1: `project`: 'project' command expects a string value",
    ),
    "queue before cluster": (
        {"seamless.yaml": "- queue: q1\n"},
        "seamless.yaml:1:1: `queue`: Cannot select a queue without selecting a cluster first",
    ),
    "stage without a name": (
        {"seamless.yaml": "- stage: test\n"},
        "seamless.yaml:1:1: `stage`: has no name (it is a block of commands, `- stage NAME: [...]`",
    ),
    "local cluster": (
        {"clusters.yaml": "far: {frontends: []}\nlocal_cluster: fa\n"},
        "~/.seamless/clusters.yaml:2:1: clusters.local_cluster: no cluster is named `fa` (did you mean `far`?)",
    ),
    "aliases that explode": (
        {
            "seamless.yaml": "- clusters: {a0: &a0 [x, x, x, x, x, x, x, x, x]}\n"
            + "".join(f"- clusters: {{a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9))
        },
        "seamless.yaml:1:1: a command stands for too many values",
    ),
    "a command of itself": (
        {"seamless.yaml": "- &a\n  stage x: [*a]\n"},
        "seamless.yaml:1:1: a command stands for too many values",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_told_with_their_file(place, case):
    files, expected = FAULTS[case]
    for name, text in files.items():
        path = place.folder / name if name.startswith("seamless") else place.home / ".seamless" / name
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    problems = place.problems("services: {hashserver: {cluster: far, project: p}}\n")
    assert problems[0].startswith(expected), problems


def test_faults_above_the_folder(place):
    place.commands("- inherit_from_parent\n")
    (place.folder.parent / "seamless.yaml").write_text("- [\n")
    (problem,) = place.problems(HASHSERVER)
    assert problem.endswith("seamless.yaml:2:1: did not find expected node content")
    assert problem.startswith(str(place.folder.parent / "seamless.yaml"))


CLUSTER = "far:\n  tunnel: true\n  frontends:\n    - hostname: {hostname}\n      hashserver: {{bufferdir: {bufferdir}}}\n"
GOOD = {"hostname": "h", "bufferdir": "/b"}


@pytest.mark.parametrize(
    ("changed", "place_", "message"),
    [
        (
            {"bufferdir": "\"/b{__import__('os').system('x')}\""},
            "5:20",
            "clusters.far.frontends[0].hashserver.bufferdir: `/b{__import__('os').system('x')}` may hold only",
        ),
        (
            {"bufferdir": "relative"},
            "5:20",
            "clusters.far.frontends[0].hashserver.bufferdir: `relative` must be absolute",
        ),
        (
            {"bufferdir": "/b, conda: 'a b'"},
            "5:35",
            "clusters.far.frontends[0].hashserver.conda: `a b` must be the name",
        ),
        (
            {"bufferdir": "/b, buffdir: x"},
            "5:35",
            "clusters.far.frontends[0].hashserver.buffdir: unknown field",
        ),
        (
            {"hostname": "-oProxyCommand=x"},
            "4:7",
            "clusters.far.frontends[0].hostname: `-oProxyCommand=x` must be a host",
        ),
        ({"hostname": "3"}, "4:7", "clusters.far.frontends[0].hostname: must be text, not the number 3"),
    ],
)
@pytest.mark.parametrize("where", ["home", "folder"])
def test_what_reaches_templates_and_command_lines_is_checked(place, where, changed, place_, message):
    text = CLUSTER.format(**{**GOOD, **changed})
    line, column = (int(number) for number in place_.split(":"))
    if where == "home":
        place.clusters(text)
        expected = f"~/.seamless/clusters.yaml:{line}:{column}: "
    else:
        place.commands("- clusters:\n" + "".join(f"    {row}\n" for row in text.splitlines()))
        expected = f"seamless.yaml:{line + 1}:{column + 4}: "
    (problem,) = place.problems("services: {hashserver: {cluster: far, project: p}}\n")
    assert problem.startswith(expected + message)


def test_faults_in_a_stage_block_are_found_there(place):
    place.commands(
        "- project: p\n- stage s:\n    - record: true\n    - clusters:\n        new: {frontends: [{hostname: a b}]}\n"
        "- stage t: []\n"
    )
    (place.folder.parent / "seamless.yaml").write_text("[\n")  # not inherited, so nobody reads it
    (problem,) = place.problems("services: {hashserver: {cluster: new, stage: s}}\n")
    assert problem.startswith("seamless.yaml:5:28: clusters.new.frontends[0].hostname: `a b` must be")


def test_what_seamless_config_itself_refuses(place):
    place.clusters("far: {type: slurm, frontends: [], queues: {q: {conda: e}}}\n")
    (problem,) = place.problems("services: {hashserver: {cluster: far, project: p}}\n")
    assert problem.startswith("~/.seamless/clusters.yaml:1:1: clusters.far: seamless-config refuses it: ")
    inline = "clusters:\n  far: {type: slurm, frontends: [], queues: {q: {TEMPLATE: r}}}\n"
    (problem,) = place.problems(f"services: {{hashserver: {{cluster: far, project: p}}}}\n{inline}")
    assert problem == (
        "m.yaml:4:3: clusters.far: seamless-config refuses it: Cannot use unknown queue 'r' as template"
    )


def test_a_cluster_that_nobody_uses_may_be_faulty(place):
    place.clusters("bad: 3\n'{x}': {}\ngood: {frontends: [{hostname: h, hashserver: {bufferdir: /b}}]}\n")
    assert place.service("type: hashserver, cluster: good, project: p").host == "h"


def test_aliases_in_cluster_files_that_explode(place):
    levels = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    levels += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    place.clusters(levels + "far: {frontends: [], queues: {q: {extra_dask_config: {a: *a8}}}}\n")
    (problem,) = place.problems("services: {hashserver: {cluster: far, project: p}}\n")
    assert problem == "~/.seamless/clusters.yaml:10:1: clusters.far: stands for too many values"


IDENTITIES = {
    "no cluster": (
        "- project: p\n",
        "",
        "services.hashserver.cluster: no cluster: neither the manifest nor seamless.yaml names one",
    ),
    "no project": (
        "- cluster: far\n",
        "",
        "services.hashserver.project: no project: neither the manifest nor seamless.yaml names one",
    ),
    "unknown cluster": (
        "- project: p\n",
        "cluster: fra",
        "services.hashserver.cluster: unknown cluster `fra` (did you mean `far`?)",
    ),
    "hostile project": (
        "- cluster: far\n- project: \"{__import__('os').system('touch pwned')}\"\n",
        "",
        "services.hashserver.project: `{__import__('os').system('touch pwned')}` may hold only letters, digits, '.', '_' "
        "and '-', and must begin with a letter or digit (it comes from seamless.yaml or seamless.profile.yaml)",
    ),
    "empty project": (
        "- cluster: far\n- project: ''\n",
        "",
        "services.hashserver.project: `` must not be empty (it comes from seamless.yaml or seamless.profile.yaml)",
    ),
    "project of a dot": (
        "- cluster: far\n- project: .\n",
        "",
        "services.hashserver.project: `.` may hold only letters, digits, '.', '_' and '-', and must begin with a letter "
        "or digit (it comes from seamless.yaml or seamless.profile.yaml)",
    ),
    "subproject that climbs": (
        "- cluster: far\n- project: p\n- subproject: a/../../b\n",
        "",
        "services.hashserver.subproject: `a/../../b` may hold only letters, digits, '.', '_' and '-', and must begin with "
        "a letter or digit (in each part between '/') (it comes from seamless.yaml or seamless.profile.yaml)",
    ),
    "unknown frontend": (
        "- project: p\n- cluster: far\n",
        "frontend: node3",
        "services.hashserver.frontend: cluster `far` has no frontend `node3` (did you mean `node2`?)",
    ),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_identities_that_cannot_be(place, case):
    commands, fields, message = IDENTITIES[case]
    place.commands(commands)
    (problem,) = place.problems(f"services:\n  hashserver: {{{fields}}}\n")
    column = 16 + fields.index(":") + 2 if fields else 3
    assert problem == f"m.yaml:3:{column}: {message}"
    assert not list(place.folder.glob("pwned"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            "type: database, cluster: far, frontend: node1",
            "frontend: frontend `node1` cannot run a database (these can: node2)",
        ),
        ("type: database, cluster: oars", "cluster: no frontend of cluster `oars` can run a database"),
        (
            "type: jobserver, cluster: bare",
            "cluster: cluster `bare` has no `workers`, which a jobserver needs",
        ),
        (
            "type: daskserver, cluster: far",
            "queue: no queue is named, and cluster `far` has no default queue (its queues: q1, q2)",
        ),
        (
            "type: daskserver, cluster: far, queue: q3",
            "queue: cluster `far` has no queue `q3` (its queues: q1, q2)",
        ),
        (
            "type: pure-daskserver, cluster: far, queue: zzz",
            "queue: cluster `far` has no queue `zzz` (its queues: q1, q2)",
        ),
    ],
)
def test_what_a_cluster_cannot_do(place, fields, message):
    (problem,) = place.problems(f"services:\n  x: {{project: p, {fields}}}\n")
    assert problem.endswith(f": services.x.{message}")


def test_a_dask_server_without_type_or_queue(place):
    problems = place.problems("services:\n  daskserver: {project: p, cluster: bare}\n")
    assert [problem.partition(": ")[2] for problem in problems] == [
        "services.daskserver.queue: no queue is named, and cluster `bare` has no default queue",
        "services.daskserver.cluster: cluster `bare` has no `type`, which a Dask server needs (local, slurm or oar)",
    ]


@pytest.mark.parametrize("node", ["n1\\nrm -rf ~", "a b", "$(x)", "-x"])
def test_a_hostile_node(place, node):
    place.commands(f'- project: p\n- cluster: far\n- queue: q1\n- node: "{node}"\n')
    (problem,) = place.problems("services: {daskserver: running}\n")
    assert "that is selected is no node's name" in problem
    assert problem.isprintable()


def test_a_node(place):
    place.commands("- project: p\n- cluster: far\n- queue: q1\n- node: node[01-04]\n")
    parameters = place.one("services: {daskserver: running}\n").parameters
    assert parameters is not None
    assert parameters["job_extra_directives"] == ["--nodelist=node[01-04]"]


def test_problems_of_manifest_and_files_at_once(place):
    problems = place.problems(
        "defaults: {cluster: far, project: p}\n"
        "services:\n"
        "  hashserver: {cluster: fra}\n"
        "  database: {stat: running}\n"
        "  jobserver: {depends_on: nobody}\n"
        "  daskserver: {queue: q9}\n"
    )
    assert [problem.partition(": ")[0] for problem in problems] == [
        "m.yaml:5:14",
        "m.yaml:6:27",
        "m.yaml:4:25",
        "m.yaml:7:23",
    ]


def test_broken_defaults_do_not_make_more_problems(place):
    problems = place.problems("defaults: {clustr: far}\nservices: {hashserver: {project: p}}\n")
    assert problems == ["m.yaml:2:12: defaults.clustr: unknown field (did you mean `cluster`?)"]


class TestSeamlessCache:
    def test_it_stands_in_for_everything(self, place):
        place.commands("- broken")
        place.clusters("- broken")
        environ = place.environ(SEAMLESS_CACHE="~/cache")
        services = place.resolve(
            "services: {hashserver: {cache: cold}, database: {cache: cold}}\n", environ
        ).services
        assert {name: (spec.key, spec.workdir, spec.host) for name, spec in services.items()} == {
            name: (f"{name}-__SEAMLESS_CACHE__-rw-__TOPLEVEL__", f"{place.home}/cache/__TOPLEVEL__", "local")
            for name in ("hashserver", "database")
        }

    @pytest.mark.parametrize("project", ["SEAMLESS_CACHE", None])
    def test_its_project_has_an_alias(self, place, project):
        fields = "type: hashserver" + (f", project: {project}" if project else "")
        spec = place.service(fields, place.environ(SEAMLESS_CACHE="/c"))
        assert spec.key == "hashserver-__SEAMLESS_CACHE__-rw-__TOPLEVEL__"

    def test_a_project_and_a_stage_of_ones_own(self, place):
        spec = place.service("type: database, project: p, stage: s", place.environ(SEAMLESS_CACHE="/c"))
        assert (spec.workdir, spec.meta["project"]) == ("/c/p/STAGE-s", "p")

    def test_other_clusters_are_not_there(self, place):
        with pytest.raises(ManifestError, match="SEAMLESS_CACHE is set: its own cluster is the only one"):
            place.service("type: hashserver, cluster: far, project: p", place.environ(SEAMLESS_CACHE="/c"))

    def test_job_execution_is_not_its_business(self, place):
        with pytest.raises(
            ManifestError, match="no frontend of cluster `__SEAMLESS_CACHE__` can run a jobserver"
        ):
            place.service("type: jobserver", place.environ(SEAMLESS_CACHE="/c"))

    @pytest.mark.parametrize("folder", ["/a b", "/a{x}", "/a'b"])
    def test_its_folder_is_checked(self, place, folder):
        with pytest.raises(ManifestError, match="the folder that SEAMLESS_CACHE names"):
            place.service("type: hashserver", place.environ(SEAMLESS_CACHE=folder))

    def test_blank_is_not_set(self, place):
        spec = place.service("type: hashserver, cluster: far, project: p", place.environ(SEAMLESS_CACHE="  "))
        assert spec.key == "hashserver-far-rw-p"

    def test_its_names_are_nobody_elses(self, place):
        with pytest.raises(ManifestError, match="must begin with a letter or digit"):
            place.service("type: hashserver, cluster: far, project: __TOPLEVEL__")


def test_files_are_read_from_the_first_manifests_folder(place, tmp_path):
    place.commands("- project: p\n- cluster: far\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "n.yaml").write_text("version: 1\nservices: {database: running}\n")
    _, desired = resolve_files([place.manifest(HASHSERVER), other / "n.yaml"], environ=place.environ())
    assert [spec.key for spec in desired.services.values()] == ["hashserver-far-rw-p", "database-far-rw-p"]
