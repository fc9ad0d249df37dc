"""Cold caches behind guards: stages inside projects, epochs that other clients see."""

from __future__ import annotations

import json

import pytest

from lab.user import Site, User

pytestmark = [pytest.mark.ssh, pytest.mark.services]

GUARDS = ("plain", "rooted", "marked")


@pytest.fixture(scope="module", autouse=True)
def _clusters(lab, user):
    user.clusters({name: lab.cluster(name) for name in GUARDS})
    yield
    for name in GUARDS:
        Site(lab.host(name).home).wipe()


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def compute(user, project, cluster, text, stage=None):
    user.project(project, cluster, execution="process")
    if stage:
        user.write(f"- project: {project}\n- stage: {stage}\n", "seamless.yaml")
    user.write(text, "text.txt")
    done = user.run("seamless-run", "wc", "-c", "text.txt")
    assert (done.returncode, done.stdout) == (0, f"{len(text)} text.txt\n"), done.stderr


def plant(folder, *names):
    """Put a cache there as a hashserver would have left it, with buffers as deep as they get."""
    for name in (".HASHSERVER_PREFIX", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("" if name.startswith(".") else "a buffer")


@pytest.mark.parametrize("name", GUARDS)
def test_a_stage_inside_is_not_taken_along_unless_it_is_to_be_cold_too(lab, user, name):
    folder = lab.host(name).data / "buffers" / "nested"
    # The marker policy lets nobody clear what lies deeper than a hashserver's own buffers.
    deep = ("ab/0123",) if name == "marked" else ("ab/cd/ef/0123",)
    plant(folder, "0123", *deep)
    plant(folder / "STAGE-inner", "4567", *deep)
    top = {"type": "hashserver", "state": "absent", "cache": "cold"}
    user.manifest({"top": top}, cluster=name, project="nested")
    before = files(folder)
    seen = user.plan(code=5)
    assert seen.verdicts["cache.top"] == "blocked"
    assert "STAGE-inner" in seen.blocked["cache.top"]
    assert user.apply(code=5).done == []
    assert files(folder) == before

    # Only the inner one: the outer keeps all.
    inner = {**top, "stage": "inner"}
    user.manifest({"inner": inner, "top": {**top, "cache": "keep"}}, cluster=name, project="nested")
    user.converge()
    assert files(folder / "STAGE-inner") == []
    assert set(deep) < set(files(folder))

    # Both: the leaves first, then the root; nothing is left.
    plant(folder / "STAGE-inner", "4567", *deep)
    user.manifest({"top": top, "inner": inner}, cluster=name, project="nested")
    applied = user.converge()
    assert applied.done == [("clear", "cache.inner"), ("clear", "cache.top")]
    assert files(folder) == []
    assert user.plan("--detailed-exitcode").in_sync


def test_what_a_guard_would_clear_by_halves_is_not_begun(lab, user):
    """Under the marker policy the first pass takes the marker along, and the second is refused."""
    folder = lab.host("marked").data / "buffers" / "halves"
    plant(folder, "0123", "ab/cd/ef/0123")
    before = files(folder)
    user.manifest({"hashserver": {"state": "absent", "cache": "cold"}}, cluster="marked", project="halves")
    applied = user.apply(code=None)
    assert not applied.converged
    assert files(folder) == before


def test_a_foreign_directory_behind_a_guard_is_neither_cleared_nor_served(lab, user):
    folder = lab.host("rooted").data / "buffers" / "foreign"
    folder.mkdir(parents=True)
    (folder / "chapter1.tex").write_text("my only copy")
    user.manifest({"hashserver": {"state": "running", "cache": "cold"}}, cluster="rooted", project="foreign")
    seen = user.plan(code=5)
    assert seen.states["cache.hashserver"] == "foreign"
    assert user.apply(code=5).done == []
    assert files(folder) == ["chapter1.tex"]


def test_an_epoch_is_seen_by_another_client(lab, user):
    def wish(epoch):
        cold = {"state": "running", "cache": {"state": "cold", "epoch": epoch}}
        return dict.fromkeys(("hashserver", "database"), cold)

    other = User(lab, "cold-other")
    for each in (user, other):
        each.clusters({"plain": lab.cluster("plain")})
        each.manifest(wish("monday"), cluster="plain", project="epochs")
    keys = [user.converge().seen.key(name) for name in ("hashserver", "database")]
    compute(user, "epochs", "plain", "warmed within the epoch\n")
    site = Site(lab.host("plain").home)
    footprint, forwards = site.footprint(*keys), user.forwards()

    # Nothing but its own tunnels is missing to the other, who remembers nothing.
    seen = other.plan()
    assert seen.states["cache.database"] == "populated"
    assert {seen.verdicts["cache.database"], seen.verdicts["service.database"]} == {"in_sync"}
    assert {verb for verb, _ in seen.verbs} == {"open_tunnel"}
    other.converge()
    assert site.footprint(*keys) == footprint
    assert len(other.forwards()) == 2
    assert user.forwards() == forwards

    # Without an epoch it cannot tell whose data that is.
    other.manifest({name: {"state": "running", "cache": "cold"} for name in ("hashserver", "database")},
                   cluster="plain", project="epochs")  # fmt: skip
    assert other.plan().verdicts["cache.database"] == "drift"
    # And a later epoch is drift to both.
    user.manifest(wish("tuesday"), cluster="plain", project="epochs")
    assert user.plan().verdicts["cache.database"] == "drift"
    user.clusters({name: lab.cluster(name) for name in GUARDS})


def test_two_cold_restarts_behind_tunnels_go_side_by_side(lab, user):
    pair = {name: {"state": "running", "cache": "cold"} for name in ("hashserver", "database")}
    user.manifest(pair, cluster="plain", project="quick")
    user.converge()
    compute(user, "quick", "plain", "something to clear\n")
    applied = user.converge("--events", "restart.ndjson")
    assert len(applied.done) == 14
    events = [json.loads(line) for line in (user.folder / "restart.ndjson").read_text().splitlines()]
    spans = {}
    for event in events:
        if event["event"] in ("started", "ended"):
            resource = (event.get("action") or event.get("outcome"))["resource"]
            spans.setdefault(resource.partition(".")[2], []).append(event["time"])
    one, other = spans["hashserver"], spans["database"]
    assert min(one) < max(other)
    assert min(other) < max(one)
