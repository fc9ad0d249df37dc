"""The shipped examples, read and resolved as a user with an empty home would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from seamless_reconcile.declared import Manifest
from seamless_reconcile.desired import Desired
from seamless_reconcile.manifest import load
from seamless_reconcile.resolver import resolve

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "manifests").glob("*.yaml"))

Read = Callable[..., tuple[Manifest, Desired]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `example` once for each."""
    if "example" in metafunc.fixturenames:
        metafunc.parametrize("example", EXAMPLES, ids=[path.stem for path in EXAMPLES])


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture
def read_example(tmp_path: Path) -> Read:
    """Read and resolve one example by its name; keywords are environment variables."""

    def read(name: str, **environ: str) -> tuple[Manifest, Desired]:
        values: Mapping[str, str] = {"HOME": str(tmp_path), **environ}
        manifest = load([ROOT / "manifests" / f"{name}.yaml"], values)
        return manifest, resolve(manifest, environ=values)

    return read
