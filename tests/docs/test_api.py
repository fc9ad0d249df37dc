"""The program of docs/api.md, run as a user would: twice, and then on a manifest that is wrong."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs/api.md"


@pytest.mark.services
def test_the_example_makes_it_so_and_then_finds_it_so(user):
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    program = user.write(example, "program.py")
    user.clusters({"local_cluster": "here", "here": user.local()})
    user.manifest({"database": "running"}, cluster="here", project="api")
    first = user.run(sys.executable, program)
    assert first.returncode == 0, first.stderr
    assert "service.database absent drift\n" in first.stdout
    assert "begun: launch service.database\nended: done\n" in first.stdout
    assert first.stdout.endswith("all is well\n")
    again = user.run(sys.executable, program)
    assert again.returncode == 0, again.stderr
    assert "service.database running in_sync\n" in again.stdout
    assert "begun" not in again.stdout
    user.manifest({"database": "runing"}, cluster="here", project="api")
    wrong = user.run(sys.executable, program)
    assert wrong.returncode == 65
    assert "did you mean `running`?" in wrong.stdout
