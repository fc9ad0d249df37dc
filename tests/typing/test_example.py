"""The example of docs/api.md keeps to the types, by mypy's strict rules; so does how `api.py` uses them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_documents_example_and_every_use_are_typed(tmp_path):
    (example,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/api.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "example.py").write_text(example)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-warn-unreachable",
         "--follow-imports", "silent", str(ROOT / "tests/typing/api.py"), str(tmp_path / "example.py")],
        cwd=ROOT, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
