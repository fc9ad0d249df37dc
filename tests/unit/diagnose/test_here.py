"""What this machine itself tells: versions, editable installs, variables; nothing is run for it."""

from __future__ import annotations

import json
import sys

import pytest

from seamless_reconcile.diagnose.here import installed, surroundings, versions
from seamless_reconcile.diagnose.loading import knowledge


@pytest.fixture
def environment(tmp_path):
    """Make a Python environment with packages in it."""
    site = tmp_path / "lib" / "python3.11" / "site-packages"

    def add(name, version, origin=None):
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if origin is not None:
            (folder / "direct_url.json").write_text(origin)
        return str(tmp_path)

    return add


def of(prefix, *names):
    return [(one.package, one.version, one.editable, one.location) for one in installed(prefix, names)]


def test_packages_of_an_environment(environment):
    environment("Seamless_Database", "2.1.0")
    prefix = environment("peewee", "4.5.3")
    environment("other", "1")
    assert of(prefix, "seamless-database", "peewee", "missing") == [
        ("peewee", "4.5.3", False, ""),
        ("seamless-database", "2.1.0", False, ""),
    ]


@pytest.mark.parametrize(
    ("origin", "editable"),
    [
        ({"url": "file:///src/hashserver", "dir_info": {"editable": True}}, True),
        ({"url": "file:///src/hashserver", "dir_info": {}}, False),
        ({"url": "https://x/y.whl", "archive_info": {}}, False),
        ({"dir_info": ["editable"]}, False),
        (["odd"], False),
    ],
)
def test_an_editable_install_is_known_by_its_origin(environment, origin, editable):
    prefix = environment("hashserver", "1.1.0", json.dumps(origin))
    location = "file:///src/hashserver" if editable else ""
    assert of(prefix, "hashserver") == [("hashserver", "1.1.0", editable, location)]


@pytest.mark.parametrize("origin", ["{", "[" * 100_000, '{"dir_info": {"editable": true}}'])
def test_an_origin_that_is_none_is_no_error(environment, origin):
    environment("hashserver", "1.1.0", origin)
    assert of(environment("peewee", "4"), "hashserver", "peewee") == [("peewee", "4", False, "")]


def test_no_environment_holds_nothing(tmp_path):
    assert of(str(tmp_path / "nowhere"), "hashserver") == []


def test_the_own_environment_is_read_like_any_other():
    assert [one.package for one in installed(sys.prefix, ["click", "pydantic"])] == ["click", "pydantic"]
    assert set(versions(["click", "no-such-package-anywhere"])) == {"click"}


def test_variables_that_are_not_set_are_not_told():
    assert surroundings({"HOME": "/x", "http_proxy": ""}, knowledge()).variables == {}


@pytest.mark.parametrize("spared", ["*", "localhost,127.0.0.1", " 127.0.0.1 , x, localhost"])
def test_a_proxy_that_spares_this_machine_is_no_trap(spared):
    environ = {"HTTP_PROXY": "http://proxy:1", "NO_PROXY": spared}
    assert surroundings(environ, knowledge()).traps == ()
    assert surroundings({"REMOTE_HTTP_LAUNCHER_DIR": "/x"}, knowledge()).traps == (
        "REMOTE_HTTP_LAUNCHER_DIR",
    )
