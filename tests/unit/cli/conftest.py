"""The command line over a session that contacts nothing."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from seamless_reconcile import workflow
from seamless_reconcile.cli.main import cli
from unit.cli.fake import Script, session_class


@pytest.fixture
def script(monkeypatch, tmp_path):
    """A session to script; the working folder has a default manifest, the state folder is a new one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEAMLESS_RECONCILE_STATE_DIR", str(tmp_path / "state"))
    for name in ("NO_COLOR", "TERM", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "seamless.reconcile.yaml").write_text("version: 1\n")
    made = Script()
    monkeypatch.setattr(workflow, "Session", session_class(made))
    return made


@pytest.fixture
def run(script):
    """Run the command line; gives exit code, stdout and stderr."""

    def call(*args, stdin=""):
        result = CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stderr
        return SimpleNamespace(
            code=result.exit_code,
            out=result.stdout,
            err=result.stderr,
            json=lambda: json.loads(result.stdout),
        )

    return call
