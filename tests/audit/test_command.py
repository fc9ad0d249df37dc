"""`audit` on real services on this machine: what it finds, what it prints, and that it changes nothing."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from lab.user import User

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("services-audit")]


@pytest.fixture
def declared(user: User):
    """A manifest of a hashserver and a database."""
    user.clusters({"local_cluster": "here", "here": user.local()})
    user.manifest({"hashserver": "running", "database": "running"}, cluster="here", project="demo")


@pytest.fixture
def up(user: User, declared):
    """Both running, as declared."""
    return user.converge().seen


def ids(done):
    return [finding["id"] for finding in json.loads(done.stdout)["findings"]]


def everything(home):
    """Give every file below a home, byte for byte, and its time of change."""
    return {
        str(path.relative_to(home)): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
        )
        for path in home.rglob("*")
    }


def test_a_healthy_deployment_has_no_findings(user, up):
    done = user.sr("audit", "--fail-on", "info")
    assert done.stdout == "No findings: 2 services on 1 host.\n"
    assert done.stderr == ""


def test_without_a_manifest_the_same_services_are_found(user, up):
    (user.folder / "seamless.reconcile.yaml").rename(user.folder / "away.yaml")
    for words in (("--host", "local"), ("--cluster", "here"), ("--cluster", "here", "--host", "local")):
        done = user.sr("audit", *words, "--json", "--fail-on", "info")
        assert ids(done) == []
        services = [r for r in json.loads(done.stdout)["resources"] if r["kind"] == "service"]
        assert {service["key"] for service in services} == {up.key("hashserver"), up.key("database")}
        assert {service["observed"]["state"] for service in services} == {"running"}
        assert not any(service["declared"] for service in services)
    # Without any of these there is nothing to look at.
    assert "there is no manifest in this folder (name one with -f" in user.sr("audit", code=65).stderr


def test_a_manifest_and_a_host_together(user, up):
    user.manifest({"hashserver": "running"}, cluster="here", project="demo")
    done = user.sr("audit", "--host", "local", "--json")
    assert ids(done) == ["R110"]
    assert json.loads(done.stdout)["findings"][0]["resource"] == f"key.{up.key('database')}"


def test_a_killed_service_is_found_and_what_follows_is_not(user, up):
    pid = user.site.kill(up.key("database"))
    done = user.sr("audit", "--json", "--fail-on", "error", code=2)
    assert ids(done) == ["R102"]
    (found,) = json.loads(done.stdout)["findings"]
    assert found["resource"] == "service.database"
    assert found["evidence"]["pid"] == pid
    assert found["remedy"] == "seamless-reconcile apply --target service.database"
    # Without --fail-on everything was looked at, and that is all that is asked.
    assert "R102 error" in user.sr("audit").stdout


def test_the_remedy_helps(user, up):
    user.site.kill(up.key("database"))
    (found,) = json.loads(user.sr("audit", "--json").stdout)["findings"]
    user.sr(*found["remedy"].split()[1:], "--yes")
    assert ids(user.sr("audit", "--json", "--fail-on", "info")) in ([], ["R101"])


@pytest.mark.parametrize("words", [(), ("--host", "local"), ("--json",), ("--format", "html")])
def test_nothing_is_changed_byte_for_byte(user, up, words):
    # A handshake is written into the service's log: that is its use, not ours.
    before = everything(user.home)
    user.sr("audit", "--passive", *words)
    assert everything(user.home) == before
    user.sr("audit", *words)
    after = everything(user.home)
    assert {path for path in after if after[path] != before.get(path)} <= {
        f".remote-http-launcher/server/{up.key(name)}.log" for name in ("hashserver", "database")
    }
    assert set(after) == set(before)


def test_every_format_can_be_written_to_a_file(user, up):
    user.site.kill(up.key("hashserver"))
    for form in ("text", "json", "ndjson", "junit", "markdown", "html"):
        told = user.sr("audit", "--passive", "--format", form).stdout
        done = user.sr("audit", "--passive", "--format", form, "--output", f"report.{form}")
        assert done.stdout == ""
        # The page says when it was made.
        made = r"\d\d:\d\d:\d\d UTC"
        assert re.sub(made, "", (user.folder / f"report.{form}").read_text()) == re.sub(made, "", told)
        assert "R102" in told


def test_a_host_that_cannot_be_asked_is_3_and_fail_on_goes_before(user, up):
    words = ("audit", "--host", "nowhere.invalid", "--timeout", "5", "--json")
    done = user.sr(*words, code=3)
    assert ids(done) == ["R401"]
    (host,) = (one for one in json.loads(done.stdout)["hosts"] if one["name"] == "nowhere.invalid")
    assert not host["answered"]
    assert host["problem"].startswith("unreachable")
    user.sr(*words, "--fail-on", "error", code=2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--host", "-oProxyCommand=x"), 64, "no host name"),
        (("--host", "a b"), 64, "no host name"),
        (("--cluster", "hear"), 65, "did you mean"),
        (("--format", "pdf"), 64, "pdf"),
        (("--fail-on", "bug"), 64, "bug"),
        (("--output", "no/such/folder.html", "--format", "html"), 1, "no/such"),
        (("--watch", "0"), 64, "--watch"),
        (("--watch", "5", "--json"), 64, "--watch is for people"),
        (("--watch", "5", "--format", "html"), 64, "--watch is for people"),
        (("--watch", "5", "--output", "x.txt"), 64, "--watch is for people"),
        (("--events", "no/such/events"), 64, "--events"),
    ],
)
def test_misuse_is_said(user, declared, words, code, said):
    assert said in user.sr("audit", *words, code=code).stderr


def test_programs_hear_what_is_read_and_found(user, up):
    user.site.kill(up.key("database"))
    user.sr("audit", "--passive", "--events", "events.ndjson", "-q")
    told = [json.loads(line) for line in (user.folder / "events.ndjson").read_text().splitlines()]
    (user.folder / "events.ndjson").unlink()
    assert [one["event"] for one in told] == ["reading", "host_read", "found", "looked"]
    assert told[0]["hosts"] == ["local"]
    assert told[2]["finding"]["id"] == "R102"
    assert (told[3]["looks"], told[3]["findings"]) == (1, 1)


def test_a_pipe_gets_a_line_a_host_with_v_and_none_without(user, up):
    assert user.sr("audit", "--passive").stderr == ""
    assert user.sr("audit", "--passive", "-v").stderr.startswith("reading   local\nread      local")


def test_remedies_name_the_manifest_that_was_named(user, up):
    user.site.kill(up.key("database"))
    (user.folder / "seamless.reconcile.yaml").rename(user.folder / "other.yaml")
    (found,) = json.loads(user.sr("audit", "-f", "other.yaml", "--json").stdout)["findings"]
    assert found["commands"] == ["seamless-reconcile apply -f other.yaml --target service.database"]
    done = user.run("bash", "-c", f"{found['commands'][0]} --yes")
    assert done.returncode == 0, done


def test_a_watch_on_a_terminal_is_drawn_in_place_and_leaves_its_last_picture(user, up):
    user.site.kill(up.key("database"))
    typed = {"LAB_PROMPT": "Ctrl-C ends it"}
    done = user.terminal("audit", "--watch", "1", "--color", "never", answer="^C", env=typed)
    assert done.returncode == 0, done
    screen, drawn, left = re.split(r"\x1b\[\?1049[hl]", done.stdout)
    assert screen == ""
    assert "R102 error" in drawn
    assert "R102 error   service.database on local: stale state" in left
    assert "in all" in left
