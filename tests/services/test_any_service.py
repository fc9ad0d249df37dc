"""Services that are not Seamless's own, and chains of them: `type: launcher`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import contract.obedient

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", autouse=True)
def _program(user):
    """A program of the user's own that keeps an index, and that the host lets be launched."""
    programs = user.home / "bin"
    programs.mkdir()
    script = programs / "catalogue"
    obedient = Path(contract.obedient.__file__)
    script.write_text(
        "#!/bin/sh\nmkdir -p index && touch index/.rhl-clearable\n"
        f'exec {sys.executable} -S -E {obedient} "$@"\n'
    )
    script.chmod(0o755)
    tools = user.home / "tools.yaml"
    tools.write_text(json.dumps({"catalogue": {"command_template": "catalogue {x}"}}))
    user.variables = {"RHL_TOOLS_YAML": str(tools), "PATH": f"{programs}:{user.env['PATH']}"}


def service(user, name, *, words="", **more):
    folder = user.home / "srv" / name
    folder.mkdir(parents=True, exist_ok=True)
    command = f"catalogue --status-file {{status_file}} --host {{network_interface}} {words}".strip()
    launcher = {"key": name, "workdir": str(folder), "command": command, "handshake": "healthcheck"}
    return {"type": "launcher", "launcher": launcher, **more}


def test_a_chain_goes_up_in_order_and_down_in_reverse(user):
    names = ("one", "two", "three")
    services = {
        name: service(user, name, depends_on=list(names[:place][-1:])) for place, name in enumerate(names)
    }
    user.manifest(services)
    user.converge("--events", "chain.ndjson")
    pids = {name: user.site.pid(name) for name in names}
    assert user.plan("--detailed-exitcode").in_sync

    def began(verb, file):
        told = [json.loads(line) for line in (user.folder / file).read_text().splitlines()]
        started = [event["action"] for event in told if event["event"] == "started"]
        return [action["resource"] for action in started if action["verb"] == verb]

    assert began("launch", "chain.ndjson") == [f"service.{name}" for name in names]
    # One in the middle is healed by itself: nothing says that the others would mind.
    user.site.kill("two")
    user.converge()
    assert user.site.pid("two") != pids["two"]
    user.manifest({name: {**entry, "state": "absent"} for name, entry in services.items()})
    user.converge("--events", "down.ndjson")
    assert began("stop", "down.ndjson") == [f"service.{name}" for name in reversed(names)]
    assert list(user.site.processes()) == []


def test_an_explicit_cache_is_cleared_by_its_own_marker(user):
    index = user.home / "srv" / "kept" / "index"
    wish = {"state": "cold", "path": str(index), "marker": ".rhl-clearable"}
    user.manifest({"kept": service(user, "kept", cache=wish)})
    user.converge()
    (index / "page").write_text("something found")
    seen = user.plan("--detailed-exitcode", code=2)
    assert seen.observed("cache.kept")["path"] == str(index)
    assert ("clear", "cache.kept") in seen.verbs
    user.converge()
    assert [path.name for path in index.iterdir()] == [".rhl-clearable"]
    assert user.plan("--detailed-exitcode").in_sync


def test_one_that_fails_to_start_says_why_and_stops_its_dependents_only(user):
    services = {
        "well": service(user, "well"),
        "ill": service(user, "ill", words="--fate failed"),
        "above": service(user, "above", depends_on="ill"),
    }
    user.manifest(services)
    applied = user.apply(code=1)
    assert applied.results["launch", "service.well"] == "done"
    assert applied.results["launch", "service.ill"] == "failed"
    assert "RuntimeError: it would not start" in applied.details["launch", "service.ill"]
    assert applied.results["launch", "service.above"] == "skipped"
    assert applied.seen.verdicts["service.well"] == "in_sync"
    assert applied.seen.states["service.ill"] in ("failed", "stale")
    # Mended, it comes up as if nothing had been; its first log is kept.
    user.manifest({**services, "ill": service(user, "ill")})
    user.converge()
    logs = [path.read_text() for path in (user.records()[-1] / "logs").iterdir()]
    assert any("it would not start" in log for log in logs)


def test_one_that_dies_while_starting_is_noticed_at_once(user):
    user.manifest({"brief": service(user, "brief", words="--fate dies")})
    applied = user.apply(code=1)
    (seconds,) = (o["seconds"] for o in applied.raw["outcomes"] if o["verb"] == "launch")
    assert "died while starting" in applied.details["launch", "service.brief"]
    assert seconds < 10
    assert user.plan().states["service.brief"] == "stale"


def test_a_program_that_the_host_does_not_list_is_refused_by_the_host(user):
    entry = service(user, "unlisted")
    entry["launcher"]["command"] = "sh -c id --status-file {status_file}"
    user.manifest({"unlisted": entry})
    applied = user.apply(code=1)
    assert "not whitelisted" in applied.details["launch", "service.unlisted"]
    assert user.plan().states["service.unlisted"] == "absent"
