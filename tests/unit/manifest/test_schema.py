from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from seamless_reconcile.manifest import schema
from seamless_reconcile.manifest.model import SHAPES
from seamless_reconcile.manifest.problems import fields_at
from unit.manifest.json_schema import fits
from unit.manifest.test_load import CONTRACT, INLINE
from unit.manifest.test_problems import CASES


@pytest.fixture(scope="module")
def made():
    return schema()


def test_it_is_json_and_names_its_dialect(made):
    assert json.loads(json.dumps(made)) == made
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert made["title"] == "seamless-reconcile manifest"


def _schemas(node):
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key not in ("examples", "default"):
                yield from _schemas(value)
    elif isinstance(node, list):
        for item in node:
            yield from _schemas(item)


def test_every_field_of_a_service_is_described(made):
    for name in ("IdentityModel", "HandshakeModel", "LauncherModel"):
        fields = made["$defs"][name]["properties"]
        assert all(field["description"] for field in fields.values()), name
    for name in ("ServiceModel", "CacheModel"):
        long_form = made["$defs"][name]["anyOf"][-1]
        assert all(field["description"] for field in long_form["properties"].values()), name


def test_examples_fit_their_own_field(made):
    seen = [(one, example) for one in _schemas(made) for example in one.get("examples", [])]
    assert len(seen) > 5
    for one, example in seen:
        assert fits(example, one, made), (one, example)


def test_every_reference_leads_somewhere(made):
    references = {one["$ref"] for one in _schemas(made) if isinstance(one.get("$ref"), str)}
    assert {reference.removeprefix("#/$defs/") for reference in references} == set(made["$defs"])


SERVICES = [
    "{a: '${STATE:-running}'}",
    "{database: {idle_timeout: 10m, depends_on: a, cache: '${C}', tunnel: '${T}', protect: true}}",
    "{database: {idle_timeout: 1.5, depends_on: [a, b]}}",
    "{database: {cache: {state: cold, epoch: a, path: /a, marker: b}, stage: null, mode: '${M}'}}",
    "{a: {launcher: {workdir: '${D}/x', key: k, command: c, handshake: {path: p, port_name: q}}}}",
]
GOOD = [
    CONTRACT,
    INLINE,
    "version: 1\ndefaults: {project: 'x-${A}', stage: null, mode: '${M}'}\nservices: {}",
    *(f"version: 1\nservices: {services}" for services in SERVICES),
]


@pytest.mark.parametrize("text", GOOD)
def test_good_manifests_fit(made, text):
    assert fits(yaml.safe_load(text), made, made)


SHIPPED = sorted((Path(__file__).parents[3] / "manifests").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_manifests_fit(made, path):
    assert fits(yaml.safe_load(path.read_text()), made, made)


def test_there_are_shipped_manifests():
    assert SHIPPED


# What JSON Schema cannot say, or YAML 1.1 readers cannot see.
BEYOND = set(
    """
    empty|empty document|no services|nearly a type|no type|no|22:22|key on|number as name|too large
    |epoch without cold|cold jobserver|warm daskserver|marker without path|open to nothing|unset
    |control character|tag|twice|version 1.0|unknown dependency|depends on itself|idle for ever
    |launcher without configuration|configuration without launcher|launcher with an identity
    |launcher with a tunnel to nowhere|launcher with an ssh host only|launcher that evaluates
    |launcher that never idles|launcher cold without path|cluster name|half a port range
    |ports the wrong way round|hostile ssh name
    """.replace("\n    ", "")
    .strip()
    .split("|")
)


@pytest.mark.parametrize("case", sorted(set(CASES) - BEYOND))
def test_bad_manifests_do_not_fit(made, case):
    assert not fits(yaml.safe_load(CASES[case][0]), made, made)


def test_every_shape_has_its_fields():
    for path, model in SHAPES:
        fields = fields_at(tuple("x" if step == "*" else step for step in path))
        assert fields == list(model.model_fields)
    assert fields_at(("nowhere",)) == []
    assert fields_at(("clusters", "c", "frontends", 3)) == [
        "hostname",
        "ssh_hostname",
        "hashserver",
        "database",
        "jobserver",
        "daskserver",
    ]


def test_the_exceptions_are_cases():
    assert set(CASES) >= BEYOND
