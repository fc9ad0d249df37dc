"""Every command of every remedy exists, and takes what it is given."""

from __future__ import annotations

import importlib
import itertools
import re
import shlex
from dataclasses import replace

import pytest

from rhl_helpers.transport.output import PATH_PREFIX
from seamless_reconcile.audit import CATALOGUE, find
from seamless_reconcile.audit.scene import finding
from seamless_reconcile.cli.main import cli
from simulated.bench import spec_of
from unit.audit.scenes import GONE, SCENES, STORE, look
from world import build

VALUES = {"key": "hashserver-c-rw-p", "path": "~/buffers/p", "pids": [41, 42], "hint": "kill 41"}
FINDINGS = [
    finding(id_, resource, host, "", **VALUES)
    for id_ in CATALOGUE
    for resource in ("service.database", "key.hashserver-c-rw-p")
    for host in ("frontend", "local")
]


def the_command(words):
    """Strip the way to a host; what is left must be a command of its own."""
    if words[0] == "ssh":
        assert words[1:3] == ["frontend", PATH_PREFIX]
        words = words[3:]
    return words


def check_own(words):
    context = cli.make_context("seamless-reconcile", [], resilient_parsing=True)
    command = cli.get_command(context, words[0])
    assert command is not None, words
    # With its parent: click remembers, for the whole process, which names --help goes by.
    command.make_context(words[0], list(words[1:]), parent=context)


def check_helper(words):
    usage = importlib.import_module(f"ssh_guard.helpers.{words[0][4:].replace('-', '_')}").USAGE
    flags = [word for word in words[1:] if word.startswith("-")]
    assert set(flags) <= set(re.findall(r"--[a-z-]+", usage)), (words, usage)
    takes = set(re.findall(r"(--[a-z-]+) [A-Z]", usage))
    places = [
        word for before, word in itertools.pairwise(words) if not word.startswith("-") and before not in takes
    ]
    wanted = re.findall(r"(?<![\[|])<[a-z]+>", usage.partition("[")[0])
    assert len(places) == len(wanted), (words, usage)


@pytest.mark.parametrize("one", FINDINGS, ids=lambda one: f"{one.rule.id}-{one.resource[:3]}-{one.host}")
def test_every_command_parses(one):
    assert "{" not in one.remedy
    assert len(one.commands) == sum(step.startswith("$") for step in one.steps)
    for command in one.commands:
        words = the_command(shlex.split(command))
        if words[0] == "seamless-reconcile":
            check_own(words[1:])
        elif words[0].startswith("rhl-"):
            check_helper(words)
        else:
            assert words[0] in ("kill", "ls"), command


def test_the_checks_notice_what_does_not_exist():
    with pytest.raises(AssertionError):
        check_helper(["rhl-rm", "key", "--all"])
    with pytest.raises(AssertionError):
        check_helper(["rhl-stop"])
    with pytest.raises(ModuleNotFoundError):
        check_helper(["rhl-restart", "key"])


@pytest.mark.parametrize("id_", SCENES)
def test_what_is_found_names_real_things(id_):
    for one in find(SCENES[id_]()):
        assert one.whole, one.remedy
        assert not re.search(r"\b(NAME|KEY|PATH|PIDS|HINT)\b(?!=)", one.remedy.replace(PATH_PREFIX, ""))


def test_a_name_that_is_not_plain_leaves_no_command():
    one = finding("R204", "key.x; reboot", "local", "", key="x; reboot")
    assert one.commands == ()
    assert one.remedy == "rhl-rm KEY --client"


def test_the_tilde_of_another_host_is_for_its_own_shell():
    there = finding("R308", "cache.x", "frontend", "", path="~/b")
    assert there.commands[0].endswith("rhl-ps-persistent '~/b'")
    assert finding("R308", "cache.x", "local", "", path="~/b").commands == ("rhl-ps-persistent ~/b",)


def test_remedies_name_the_manifests_that_were_named():
    scene = look(build(GONE, STORE), spec_of(STORE))
    (one,) = find(replace(scene, manifests=("a b.yaml", "c.yaml")))
    assert one.commands == ("seamless-reconcile apply -f 'a b.yaml' -f c.yaml --target service.hashserver",)
