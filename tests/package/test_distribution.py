"""Wheel and sdist: what is in them, what they say of themselves, and that they work on their own."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling import build

import seamless_reconcile

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"seamless_reconcile": ROOT / "reconcile", "rhl_helpers": ROOT / "helpers"}


def built(folder: Path, root: Path) -> zipfile.ZipFile:
    """Build the wheel as a build front end does: by the backend's hook, in the project's folder."""
    before = Path.cwd()
    os.chdir(root)
    try:
        return zipfile.ZipFile(folder / build.build_wheel(str(folder)))
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    with built(tmp_path_factory.mktemp("wheel"), ROOT) as made:
        yield made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        name = build.build_sdist(str(folder))
    finally:
        os.chdir(before)
    with tarfile.open(folder / name) as made:
        yield made


def ours():
    """Give every file of the packages, as it is installed."""
    return {
        str(path.relative_to(root))
        for name, root in PACKAGES.items()
        for path in (root / name).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def test_wheel_holds_both_packages_whole_and_nothing_else(wheel):
    installed = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert installed == ours()
    assert {f"{name}/py.typed" for name in PACKAGES} <= installed


def test_wheel_brings_the_man_pages(wheel):
    pages = {Path(name).name for name in wheel.namelist() if ".data/data/share/man/man1/" in name}
    assert pages == {path.name for path in (ROOT / "docs/man").iterdir()}
    assert "seamless-reconcile.1" in pages


def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_version_is_the_programs(wheel):
    assert metadata(wheel)["Version"] == seamless_reconcile.__version__
    assert f"-{seamless_reconcile.__version__}-py3-none-any.whl" in wheel.filename


def test_metadata_tells_who_can_use_it(wheel):
    told = metadata(wheel)
    assert told["Requires-Python"] == ">=3.10"
    assert told["License-Expression"] == "MIT"
    assert told.get_all("Provides-Extra") == ["services"]
    assert {"Typing :: Typed", "Framework :: Pytest"} <= set(told.get_all("Classifier"))
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload().startswith("# seamless-reconcile\n")


def test_services_are_needed_only_with_the_extra(wheel):
    required = metadata(wheel).get_all("Requires-Dist")
    plain = {line.split(">")[0].split("<")[0] for line in required if "extra ==" not in line}
    assert "click" in plain
    assert not plain & {"hashserver", "seamless-database", "seamless-jobserver", "seamless-dask", "pytest"}


def test_wheel_of_the_sdist_is_the_wheel(wheel, sdist, tmp_path):
    sdist.extractall(tmp_path, filter="data")
    (root,) = tmp_path.iterdir()
    with built(tmp_path, root) as again:
        assert {(i.filename, i.CRC) for i in again.infolist()} == {
            (i.filename, i.CRC) for i in wheel.infolist()
        }


def test_sdist_brings_what_a_packager_needs(sdist):
    names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "tests/conftest.py",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--version"], f"seamless-reconcile, version {seamless_reconcile.__version__}\n"),
        (["schema"], (ROOT / "docs/schema/manifest.schema.json").read_text()),
        (["validate", "-f", str(ROOT / "manifests/local-development.yaml")], "ok: 3 services on 1 host\n"),
    ],
    ids=lambda value: value[0].lstrip("-") if isinstance(value, list) else "",
)
def test_wheel_works_without_the_source_tree(wheel, tmp_path, words, said):
    site = tmp_path / "site"
    wheel.extractall(site)  # noqa: S202 - it was just built
    # Python puts PYTHONPATH before the editable install that the tests run from.
    code = (
        "import seamless_reconcile as ours, rhl_helpers as other, sys\n"
        f"assert all(one.__file__.startswith({str(site)!r}) for one in (ours, other))\n"
        f"sys.argv = ['seamless-reconcile', *{words!r}]\n"
        "from seamless_reconcile.cli.main import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(site), "HOME": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, said), done.stderr


# --- what programs import --------------------------------------------------------------------


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import seamless_reconcile; print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    others = {name.partition(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names
    assert others == {"seamless_reconcile"}
    assert "seamless_reconcile." not in done.stdout


def test_every_public_name_is_there():
    for name in seamless_reconcile.__all__:
        assert getattr(seamless_reconcile, name) is not None
    assert dir(seamless_reconcile) == sorted(seamless_reconcile.__all__)
    with pytest.raises(AttributeError, match="Sesion"):
        _ = seamless_reconcile.Sesion
