"""The site's own way of following links; `make docs` builds all of it and fails at any warning."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from docs.make import site


def turned(text, at):
    return site.on_page_markdown(text, SimpleNamespace(file=SimpleNamespace(src_uri=at)))


@pytest.mark.parametrize(
    ("at", "link", "wanted"),
    [
        ("index.md", "[x](docs/cold.md#a)", "[x](cold.md#a)"),
        ("index.md", "![x](docs/assets/plan.svg)", "![x](assets/plan.svg)"),
        ("index.md", "[x](docs/adr/)", "[x](adr/README.md)"),
        ("index.md", "[x](manifests/ssh-with-tunnel.yaml)", "[x](manifests/ssh-with-tunnel.yaml)"),
        (
            "ci/github.md",
            "[x](../../manifests/ssh-with-tunnel.yaml)",
            "[x](../manifests/ssh-with-tunnel.yaml)",
        ),
        ("ci/github.md", "[x](../cold.md)", "[x](../cold.md)"),
        ("cold.md", "[x](../README.md)", "[x](index.md)"),
        ("cold.md", "[x](../tests/conftest.py)", "x"),
        ("cold.md", "[x](#a) [y](https://example.org/z)", "[x](#a) [y](https://example.org/z)"),
        ("cold.md", "`[x](../README.md)`", "`[x](../README.md)`"),
        ("changelog.md", "[Unreleased]: README.md", "[Unreleased]: index.md"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(at, link, wanted):
    assert turned(link, at) == wanted


def test_navigation_leaves_out_what_is_not_there():
    nav = ["index.md", "none.md", {"A": ["cold.md", {"B": "none.md"}]}, {"C": ["none.md"]}]
    assert site.on_config({"nav": nav})["nav"] == ["index.md", {"A": ["cold.md"]}]
