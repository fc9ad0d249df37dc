"""Manifests as text: written to a file named `m.yaml` in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seamless_reconcile.declared import Entry, Manifest, ManifestError
from seamless_reconcile.manifest import load


class Written:
    """One folder of manifests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, *texts: str | bytes, environ: Mapping[str, str] | None = None) -> Manifest:
        paths = []
        for index, text in enumerate(texts):
            path = self.folder / ("m.yaml" if not index else f"m{index}.yaml")
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(path.name)
        return load(paths, environ or {})

    def problems(self, *texts: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ManifestError) as caught:
            self.load(*texts, environ=environ)
        assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
        return [str(problem) for problem in caught.value.problems]

    def entry(self, fields: str, environ: Mapping[str, str] | None = None) -> Entry:
        """Load one hashserver with these fields (flow style), defaults around it."""
        text = f"version: 1\ndefaults: {{cluster: c, project: p}}\nservices:\n  hashserver: {fields}\n"
        (entry,) = self.load(text, environ=environ).entries
        return entry


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.chdir(tmp_path)
    return Written(tmp_path)


@pytest.fixture
def one_problem(written: Written) -> Callable[..., str]:
    def check(*texts: str | bytes, environ: Mapping[str, str] | None = None) -> str:
        (problem,) = written.problems(*texts, environ=environ)
        return problem

    return check
