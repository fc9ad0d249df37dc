"""Findings in every format; whatever a host says in them stays text (S10)."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from plans.samples import HOSTILE
from rhl_helpers.rows import ServerRow
from seamless_reconcile.audit import Severity, find
from seamless_reconcile.audit.scene import finding
from seamless_reconcile.kinds import cache
from seamless_reconcile.report import findings as report
from seamless_reconcile.report.html import audit_html
from seamless_reconcile.report.json_ import dumps
from seamless_reconcile.report.screen import rendered
from seamless_reconcile.resolver.frontends import Frontend
from simulated.bench import spec_of
from unit.audit.scenes import GONE, HEALTHY, READ_ONLY, RESULTS, SCENES, STORE, healthy, look, shared
from world import build
from world.transport import Fault

NASTY = HOSTILE + "</script><script>alert(1)</script><img src=x onerror=alert(1)>]]>&lt;$style"


def everything():
    """A scene with findings of all severities."""
    world = build(GONE, STORE)
    build(replace(HEALTHY, cache="foreign"), RESULTS, world=world)
    scene = look(world, spec_of(STORE))
    found = find(scene)
    assert {one.severity for one in found} == set(Severity)
    return scene, found


def hostile():
    """A scene and a finding in which everything that can be is hostile."""
    scene = healthy()
    row = ServerRow(key="k", meta={"reconcile": {"epoch": NASTY, "launch_id": NASTY}})
    service = replace(scene.snapshot.services["hashserver"], reason=NASTY, row=row)
    node = replace(scene.snapshot.nodes[0], path=NASTY)
    stored = replace(
        scene.snapshot.caches["hashserver"], path=NASTY, reason=NASTY, epoch=NASTY,
        nested=(cache.Nested(NASTY),),
    )  # fmt: skip
    snapshot = replace(
        scene.snapshot, services={"hashserver": service}, nodes=(node,), caches={"hashserver": stored}
    )
    more = {"key": NASTY, "path": NASTY, NASTY: [NASTY, {NASTY: NASTY}]}
    found = [finding(id_, f"key.{NASTY}", NASTY, NASTY, **more) for id_ in ("R102", "R304", "R110")]
    return replace(scene, snapshot=snapshot), found


def unsafe(text):
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")}


def strings(value):
    if isinstance(value, str):
        yield value
    for item in value if isinstance(value, list) else ():
        yield from strings(item)
    for name, item in value.items() if isinstance(value, dict) else ():
        yield name
        yield from strings(item)


class Page(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.within = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.within.append(tag)

    def handle_endtag(self, tag):
        self.within.append("/" + tag)

    def handle_data(self, data):
        self.text += data

    def count(self, tag):
        return sum(1 for element, _ in self.elements if element == tag)


def page(scene, found):
    return audit_html(scene, found, report.summary(scene, found))


# --- hostile text --------------------------------------------------------------------------


def test_json_and_ndjson_are_ascii_and_their_text_is_safe_to_show():
    scene, found = hostile()
    whole = dumps(report.audit_to_dict(scene, found))
    lines = report.findings_ndjson(found)
    for text in (whole, lines):
        assert text.isascii()
        for line in text.splitlines():
            assert not any(unsafe(one) or "\n" in one for one in strings(json.loads(line)))
    assert len(lines.splitlines()) == len(found)


def test_deep_evidence_does_not_break_json():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    assert dumps(report.finding_to_dict(finding("R102", "service.x", "h", "m", deep=deep)))


@pytest.mark.parametrize("width", [40, 120, 1_000_000])
def test_text_is_safe_and_no_markup(width):
    scene, found = hostile()
    text = rendered(report.findings_text(found, report.summary(scene, found)), width=width)
    assert not unsafe(text)
    assert "[red]markup[/red]" in text.replace("\n", " ") or width == 40


def test_markdown_has_no_markup_of_the_hosts():
    _, found = hostile()
    text = report.findings_markdown(found, NASTY)
    assert not unsafe(text)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)
    assert not re.search(r"<(?!br)|(?<!\\)[`\[\]*]|(?<!\\)!\[", text)


@pytest.mark.parametrize("address", ["https://evil.example/x", "www.evil.example", "@everyone", "![x](y)"])
def test_markdown_makes_no_links_and_no_mentions_of_names(address):
    text = report.findings_markdown([finding("R102", "service.x", "h", address)], "")
    assert address not in text


def test_junit_is_xml_whose_text_is_safe():
    _, found = hostile()
    suite = ET.fromstring(report.findings_junit(found, Severity.WARNING))  # noqa: S314 - our own
    assert [case.find("failure") is not None for case in suite] == [True, True, False]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert not unsafe("".join(suite.itertext()))
    assert all(not unsafe(v) for element in suite.iter() for v in element.attrib.values())


def test_html_shows_hostile_text_as_text():
    scene, found = hostile()
    text = page(scene, found)
    assert not unsafe(text)
    shown, plain = (
        Page(text),
        Page(page(healthy(), [finding(one.rule.id, "key.k", "h", "m") for one in found])),
    )
    # Where a long name may be broken is told by elements of our own.
    for tag in {tag for tag, _ in shown.elements} - {"wbr"}:
        assert shown.count(tag) == plain.count(tag), tag
    assert {name for _, attrs in shown.elements for name in attrs} == {
        name for _, attrs in plain.elements for name in attrs
    }
    assert "<img src=x onerror=alert(1)>" in shown.text


# --- the page ------------------------------------------------------------------------------


def test_the_page_fetches_nothing_and_runs_only_its_own_script():
    text = page(*everything())
    shown = Page(text)
    for _, attrs in shown.elements:
        assert not {"src", "href", "srcset", "action", "style", "xlink:href"} & set(attrs)
        assert not any(name.startswith("on") for name in attrs)
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = (attrs["content"] for tag, attrs in shown.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        ((body,),) = ([found] for found in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL))
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_says_everything_without_script_and_without_colour():
    scene, found = everything()
    text = page(scene, found)
    shown = Page(text)
    assert ("form", {"hidden": None}) in shown.elements
    rows = [attrs for tag, attrs in shown.elements if "data-severity" in attrs]
    assert [row["data-severity"] for row in rows] == [one.severity.value for one in found]
    assert not any("hidden" in row for row in rows)
    for one in found:
        assert one.rule.id in shown.text
        assert all(step.removeprefix("$") in shown.text for step in one.steps)
    assert "✖ error" in shown.text
    assert "prefers-color-scheme:dark" in text


def test_the_picture_has_every_resource_with_its_state_and_what_was_found():
    scene, found = everything()
    picture = ET.fromstring(re.search(r"<svg.*</svg>", page(scene, found), re.DOTALL)[0])  # noqa: S314 - our own
    said = {group[0].text for group in picture.iter("{http://www.w3.org/2000/svg}g")}
    assert "service.hashserver: stale R102" in said
    assert "tunnel.hashserver: closed" in said
    assert f"service.{RESULTS.key}: running R110" in said
    assert f"cache.{RESULTS.key} ~/databases/p: foreign R304" in said
    assert len(said) == 6
    # Nothing lies on anything else.
    shapes = [
        (float(shape.get("x")), float(shape.get("y")))
        for shape in picture.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(set(shapes)) == len(shapes)


def test_a_shared_cache_is_drawn_once_with_a_line_from_each_service():
    scene = shared()
    text = page(scene, find(scene))
    assert text.count('class="line"') == 4
    assert len(re.findall(r"<title>cache\.", text)) == 1


def test_a_page_without_findings_says_so():
    scene = healthy()
    shown = Page(page(scene, ()))
    assert "Nothing was found." in shown.text
    assert shown.count("form") == 0


# --- the rest ------------------------------------------------------------------------------


def test_the_summary_counts_and_says_what_was_left_out():
    scene, found = everything()
    assert report.summary(scene, found) == "Audit: 1 error, 1 warning, 1 note; 2 services on 1 host."
    assert report.summary(healthy(), ()) == "No findings: 1 service on 1 host."
    passive = look(build(HEALTHY, STORE), spec_of(STORE), passive=True)
    assert "not verified" in report.summary(passive, ())


def test_no_findings_in_every_format():
    assert report.findings_ndjson(()) == ""
    assert report.findings_markdown((), "No findings.") == "No findings.\n"
    suite = ET.fromstring(report.findings_junit((), Severity.INFO))  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("1", "0", 1)


def test_json_tells_what_was_looked_at():
    scene, found = everything()
    told = report.audit_to_dict(scene, found)
    assert told["format_version"] == 1
    assert told["hosts"] == [{"name": "frontend", "answered": True, "problem": None}]
    declared = {one["address"]: one["declared"] for one in told["resources"]}
    assert declared["service.hashserver"] is True
    assert declared[f"service.{RESULTS.key}"] is False
    assert {one["kind"] for one in told["resources"]} == {"tunnel", "service", "cache"}
    assert all("state" in one["observed"] for one in told["resources"])


@pytest.mark.parametrize("id_", SCENES)
def test_every_finding_can_be_told_in_every_format(id_):
    scene = SCENES[id_]()
    found = find(scene)
    assert json.loads(dumps(report.audit_to_dict(scene, found)))["findings"]
    assert id_ in rendered(report.findings_text(found, ""))
    assert id_ in page(scene, found)
    assert id_ in report.findings_markdown(found, "")
    assert id_.encode() in report.findings_junit(found, Severity.INFO)


def test_the_page_says_when_and_by_whom_it_was_made():
    scene, found = everything()
    assert "2026-01-02, by x &lt;y&gt;" in audit_html(scene, found, "", "2026-01-02, by x <y>")


def test_commands_of_the_page_are_marked_as_such_and_words_are_not():
    scene, found = everything()
    text = page(scene, found)
    (one,) = (one for one in found if one.rule.id == "R110")
    for step in one.steps:
        shown = html.escape(step.removeprefix("$"), quote=True)
        assert (f"<li><code>{shown}</code></li>" in text) == step.startswith("$")
        assert (f"<li>{shown}</li>" in text) != step.startswith("$")


def test_there_is_one_picture_a_host_and_none_is_wider_than_another():
    world = build(GONE, STORE)
    build(HEALTHY, RESULTS, host="second", world=world)
    build(HEALTHY, READ_ONLY, host="second", world=world)
    world.faults.append(Fault("unreachable", host="third", times=None))
    hosts = tuple(Frontend(name) for name in ("frontend", "second", "third"))
    world.add_host("third")
    scene = look(world, hosts=hosts)
    text = page(scene, find(scene))
    pictures = [
        ET.fromstring(one)  # noqa: S314 - our own
        for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    ]
    assert [one.get("aria-label") for one in pictures] == ["frontend", "second", "third"]
    assert len({one.get("width") for one in pictures}) == 1
    heights = [int(one.get("height")) for one in pictures]
    assert heights[1] > heights[0] > heights[2]
    assert "not known: R401" in "".join(pictures[2].itertext())


def test_the_page_prints_light_and_without_its_filter():
    text = page(*everything())
    assert "@media screen and (prefers-color-scheme:dark)" in text
    printed = text.partition("@media print{")[2].partition("</style>")[0]
    assert "form,details:not([open]){display:none" in printed
    assert "break-inside:avoid" in printed
