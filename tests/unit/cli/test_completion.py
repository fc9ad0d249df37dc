"""Completion: what a shell offers, from which files, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from seamless_reconcile.cli import names
from seamless_reconcile.cli.main import _COMMANDS, cli

MANIFEST = """version: 1
defaults: {cluster: mine}
services:
  hashserver: {state: running, cache: {state: cold}}
  database: running
  a-list: {depends_on: [database, {services: nested}]}
clusters:
  inline: {services: {not-a-service: 1}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A home that is the working folder too, with a manifest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "seamless.reconcile.yaml").write_text(MANIFEST)
    return tmp_path


def offered(*words):
    """Give what is offered for the last of the words."""
    *before, incomplete = words
    shell = ShellComplete(cli, {}, "seamless-reconcile", "_X")
    return [item.value for item in shell.get_completions(before, incomplete)]


def test_commands_are_offered_by_name():
    assert offered("") == list(_COMMANDS)
    assert offered("pl") == ["plan"]
    assert "--version" in offered("--")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_addresses_come_from_the_manifest(here, command):
    every = [
        f"{kind}.{n}" for kind in ("service", "cache", "tunnel") for n in ("hashserver", "database", "a-list")
    ]
    assert offered(command, "--target", "") == every
    assert offered(command, "--target", "cache.d") == ["cache.database"]
    assert offered(command, "--replace", "") == [one for one in every if not one.startswith("cache")]


def test_the_manifests_named_so_far_are_read(here):
    (here / "one.yaml").write_text("services: {one: running}")
    (here / "two.yaml").write_text("services: {two: running}")
    assert offered("plan", "-f", "one.yaml", "--file", "two.yaml", "--target", "s") == [
        "service.one",
        "service.two",
    ]
    assert offered("plan", "-f", "absent.yaml", "--target", "") == []


def test_clusters_come_from_the_manifest_and_the_home(here):
    folder = here / ".seamless" / "clusters"
    folder.mkdir(parents=True)
    (here / ".seamless" / "clusters.yaml").write_text("local_cluster: laptop\nlaptop: {type: local}\n")
    (folder / "more.yaml").write_text("hpc: {type: slurm}\n")
    assert offered("audit", "--cluster", "") == ["inline", "laptop", "hpc"]


def test_hosts_come_from_the_ssh_config_and_what_it_includes(here):
    ssh = here / ".ssh"
    (ssh / "conf.d").mkdir(parents=True)
    (ssh / "config").write_text(
        'Include conf.d/*\nhost frontend "other"\n  HostName x\nHost=with-equals\n'
        "Host *.example !no wild?\nHostKeyAlias no\n"
    )
    (ssh / "conf.d" / "a").write_text("Host included\nInclude ~/.ssh/config\n")
    assert offered("audit", "--host", "") == ["local", "frontend", "other", "with-equals", "included"]


@pytest.mark.parametrize("command", ["audit", "doctor", "import", "diagnose"])
def test_every_command_that_takes_hosts_offers_them(here, command):
    assert offered(command, "--host", "l") == ["local"]


def test_diagnose_offers_services(here):
    assert offered("diagnose", "") == ["hashserver", "database", "a-list"]


def test_files_are_left_to_the_shell(here):
    for words in (("plan", "-f", "x"), ("show", "x"), ("apply", "x")):
        shell = ShellComplete(cli, {}, "seamless-reconcile", "_X")
        (item,) = shell.get_completions(list(words[:-1]), words[-1])
        assert item.type == "file"


# --- nothing raises, and nothing but plain words is offered ----------------------------------

HOSTILE = [
    b"",
    b"\xff\xfe\x00",
    b"services: [a, b]",
    b"services:\n  ok: running\n  [}",
    b"services:\n  ok: running\n  $(rm -rf ~): running\n  'a b': running\n  \"x\\e[31m\": running\n  -f: x\n",
    b"services:\n  ok: running\n? {a: b}\n: c\n",
    b"[" * 200_000,
    b"a: &a [*a]\nservices: {ok: *a}\n",
    b"services: {ok: x}\n" + b"- " * 100_000,
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_manifest_gives_what_can_be_read_of_it(here, content):
    (here / "seamless.reconcile.yaml").write_bytes(content)
    assert offered("plan", "--replace", "service") in ([], ["service.ok"])
    assert (offered("plan", "--replace", "service") == []) == (b"ok:" not in content)


def test_what_is_no_file_is_not_waited_for(here):
    (here / "seamless.reconcile.yaml").unlink()
    os.mkfifo(here / "seamless.reconcile.yaml")
    (here / ".ssh").mkdir()
    (here / ".ssh" / "config").mkdir()
    (here / ".seamless").write_text("no folder")
    assert offered("plan", "--target", "") == offered("audit", "--cluster", "") == []
    assert offered("audit", "--host", "") == ["local"]
    assert names.ssh_hosts(here / "\0") == []


# --- in the shells ---------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_asks_the_program_by_its_own_variable(shell):
    printed = CliRunner().invoke(cli, ["completion", shell])
    assert printed.exit_code == 0
    assert f"_SEAMLESS_RECONCILE_COMPLETE={shell}_complete" in printed.stdout
    assert "_seamless_reconcile_completion" in printed.stdout


def test_another_shell_is_a_usage_error():
    ended = CliRunner().invoke(cli, ["completion", "csh"])
    assert ended.exit_code == 64


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_program_answers_in_the_shells_own_way(here, shell):
    words = "seamless-reconcile plan --target service.h"
    env = {**os.environ, "_SEAMLESS_RECONCILE_COMPLETE": f"{shell}_complete"}
    # fish gives the word itself, the others its number.
    env |= {"COMP_WORDS": words, "COMP_CWORD": "service.h" if shell == "fish" else "3"}
    done = subprocess.run(
        [sys.executable, "-m", "seamless_reconcile"], check=False,
        env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "service.hashserver" in done.stdout
    assert "service.database" not in done.stdout
    assert done.stderr == ""


def test_bash_itself_completes(here):
    script = CliRunner().invoke(cli, ["completion", "bash"]).stdout
    (here / "seamless-reconcile").write_text(
        f"#!{sys.executable}\nimport sys\nsys.argv[0] = 'seamless-reconcile'\n"
        "from seamless_reconcile.cli.main import main\nmain()\n"
    )
    (here / "seamless-reconcile").chmod(0o755)
    words = "COMP_WORDS=(seamless-reconcile apply --target tunnel.); COMP_CWORD=3"
    call = "_seamless_reconcile_completion seamless-reconcile; printf '%s\\n' \"${COMPREPLY[@]}\""
    env = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{words}\n{call}"],
        check=False,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["tunnel.hashserver", "tunnel.database", "tunnel.a-list"], done.stderr


HEAVY = {
    "networkx",
    "pydantic",
    "paramiko",
    "rich",
    "deepdiff",
    "psutil",
    "seamless_config",
    "remote_http_launcher",
}


@pytest.mark.parametrize(
    ("words", "more"),
    [([""], {"yaml", "seamless_reconcile.cli.plan", "seamless_reconcile.cli.options"}),
     (["plan", "--target", ""], {"seamless_reconcile.workflow"})],
)  # fmt: skip
def test_completing_imports_nothing_heavy(here, words, more):
    code = (
        "import sys; from click.shell_completion import ShellComplete; "
        "from seamless_reconcile.cli.main import cli; "
        f"words = {words!r}; "
        "assert ShellComplete(cli, {}, 'x', '_X').get_completions(words[:-1], words[-1]); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split()) & (HEAVY | more) == set()
