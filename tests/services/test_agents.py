"""docs/agents.md, from its first command to its last, on real services of this machine."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from seamless_reconcile.cli.main import cli

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "agents.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in SHELL for line in block.splitlines()]
# What each gives, in the order of the page: a dead database, mended, proven, used, and agreed upon again.
CODES = {
    "diagnose --json --client-error error.txt": (2,),
    "doctor --json": (0, 2, 3),  # of this machine; what it has is its own affair
    "audit --json --fail-on error": (2,),
    "diagnose --json --tail 200 database": (2,),
    "plan --json --detailed-exitcode --replace service.hashserver --out repair.plan": (2,),
    "apply repair.plan --yes --json --no-input": (0,),
    "run --yes --no-input --certificate proof.json -- seamless-run wc -w text.txt": (0,),
    "plan --json --detailed-exitcode --out agreed.plan": (2,),
    "show agreed.plan": (0,),
    "apply --json --no-input": (5,),
    "apply --yes --json --no-input": (0,),
    "import --json": (0,),
    "import --output found.yaml --force": (0,),
    "plan -f found.yaml --json --detailed-exitcode": (0,),
}
ERROR = """\
Traceback (most recent call last):
  File "/home/me/tests/test_words.py", line 12, in test_words
    result = transformation.run()
  File "/env/lib/python3.11/site-packages/seamless_remote/database_client.py", line 131, in get
    raise ClientConnectionError("Connection refused")
aiohttp.client_exceptions.ClientConnectionError: Cannot connect to host localhost:50123
"""


@pytest.fixture(scope="module")
def broken(user):
    """A deployment with cold caches whose database was killed."""
    user.clusters({"local_cluster": "here", "here": user.local()})
    user.project("agents", "here", execution="process")
    pair = ("hashserver", "database")
    user.manifest(
        {name: {"state": "running", "cache": "cold"} for name in pair}, cluster="here", project="agents"
    )
    seen = user.converge().seen
    user.site.kill(seen.key("database"))
    user.write(ERROR, "error.txt")
    user.write("three plain words\n", "text.txt")


@pytest.mark.services
def test_every_command_does_what_the_page_says(user, broken):
    said = []
    for line in COMMANDS:
        name, *words = shlex.split(line)
        assert name == "seamless-reconcile"
        done = user.sr(*words, code=None)
        assert done.returncode in CODES[" ".join(words)], (line, done.stdout, done.stderr)
        said.append(" ".join(words))
        if "--json" in words:
            told = json.loads(done.stdout)
            assert told["format_version"] == 1
            # Where a host's words may stand is marked, one way or the other.
            assert "untrusted" in told or words[0] == "diagnose"
    assert said == list(CODES)
    assert json.loads((user.folder / "proof.json").read_text())["holds"] is True


def options(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")} - {"--"}


def test_every_command_that_the_page_names_is_one():
    context = cli.make_context("seamless-reconcile", [], resilient_parsing=True)
    names = cli.list_commands(context)
    named = re.findall(r"`([a-z]+)((?: [^`]*)?)`", PAGE)
    used = [(name, rest) for name, rest in named if name in names]
    assert {"plan", "apply", "audit", "diagnose", "doctor", "import", "run"} <= {name for name, _ in used}
    for name, rest in used:
        command = cli.get_command(context, name)
        known = {option for parameter in command.params for option in parameter.opts}
        assert options(shlex.split(rest.partition(" -- ")[0])) <= known, (name, rest)


def test_the_page_tells_all_commands_that_only_look():
    told = PAGE.partition("## What may be run without asking")[2].partition("## ")[0]
    context = cli.make_context("seamless-reconcile", [], resilient_parsing=True)
    looking, acting = told.split("\n\n")[1], told.split("\n\n")[2]
    names = set(cli.list_commands(context))
    assert names - set(re.findall(r"`([a-z]+)`", looking)) - {"completion"} == {"apply", "run", "demo"}
    assert {"apply", "run", "demo"} <= set(re.findall(r"`([a-z]+)`", acting))
