"""`graph` and `validate` on a real manifest: they resolve, and contact nothing."""

from __future__ import annotations

import socket
import subprocess

import pytest
from click.testing import CliRunner

from seamless_reconcile import workflow
from seamless_reconcile.cli.main import cli

MANIFEST = """\
version: 1
defaults: {cluster: far, project: p}
services:
  hashserver: {state: running, cache: cold}
  database: running
  jobserver: stopped
clusters:
  far:
    tunnel: true
    workers: 1
    frontends:
      - hostname: far.example
        hashserver: {bufferdir: /data/b, network_interface: localhost}
        database: {database_dir: /data/d, network_interface: localhost}
        jobserver: {conda: null, network_interface: localhost, port_start: 5000, port_end: 5100}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seamless.reconcile.yaml").write_text(MANIFEST)

    def refuse(*args, **kwargs):
        raise AssertionError("nothing may be contacted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    return lambda *args: CliRunner().invoke(cli, list(args))


def test_graph_text(run):
    assert run("graph").stdout == (
        "tunnel.hashserver: open\n"
        "└ service.hashserver on far.example: running\n"
        "  └ cache.hashserver on far.example: cold /data/b/p\n"
        "tunnel.database: open\n"
        "└ service.database on far.example: running\n"
        "  └ cache.database on far.example: keep /data/d/p\n"
        "tunnel.jobserver: closed\n"
        "└ service.jobserver on far.example: stopped\n"
        "  └ service.hashserver (above)\n"
        "  └ service.database (above)\n"
    )


@pytest.mark.parametrize(("form", "start"), [("dot", "digraph seamless {"), ("mermaid", "flowchart LR")])
def test_graph_pictures(run, form, start):
    result = run("graph", "--format", form)
    assert result.exit_code == 0
    assert result.stdout.startswith(start)
    assert "cold /data/b/p" in result.stdout


def test_validate_counts(run):
    result = run("validate")
    assert (result.exit_code, result.stdout) == (0, "ok: 3 services on 1 host\n")


def test_a_real_problem_has_its_place(run, tmp_path):
    (tmp_path / "seamless.reconcile.yaml").write_text(MANIFEST.replace("stopped", "stoped"))
    result = run("validate")
    assert result.exit_code == 65
    assert result.stderr.startswith("seamless.reconcile.yaml:6:")


def test_a_saved_plan_does_not_depend_on_how_the_manifest_was_named(run, tmp_path):
    def digest(path):
        return workflow.Session.open(workflow.Settings(files=(str(path),)))._digest()

    assert digest("seamless.reconcile.yaml") == digest(tmp_path / "seamless.reconcile.yaml")
