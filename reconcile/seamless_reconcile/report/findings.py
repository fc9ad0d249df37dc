"""Findings of an audit, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from rich.console import Group, RenderableType
from rich.text import Text

from rhl_helpers.text import safe
from seamless_reconcile.audit import Finding, Scene, Severity
from seamless_reconcile.report import untrusted
from seamless_reconcile.report.json_ import dumps, plain
from seamless_reconcile.report.junit import clean
from seamless_reconcile.report.screen import Hanging, line, one_line
from seamless_reconcile.report.words import plural

FORMAT_VERSION = 1

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_NOUN = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


# --- for programs --------------------------------------------------------------------------


def audit_to_dict(scene: Scene, findings: Sequence[Finding]) -> dict[str, Any]:
    """Give a whole audit as programs read it."""
    return {
        "format_version": FORMAT_VERSION,
        "findings": [finding_to_dict(finding) for finding in findings],
        "hosts": [
            {
                "name": safe(name),
                "answered": facts.problem is None,
                "problem": safe(facts.problem.reason) if facts.problem else None,
            }
            for name, facts in scene.snapshot.hosts.items()
        ],
        "resources": resources(scene),
        "passive": scene.snapshot.passive,
        "untrusted": list(untrusted.AUDIT),
    }


def finding_to_dict(finding: Finding) -> dict[str, Any]:
    """Give one finding as programs read it; text in it that came from a host is made safe (S10)."""
    return {
        "id": finding.rule.id,
        "severity": finding.severity.value,
        "title": finding.rule.title,
        "resource": safe(finding.resource),
        "host": safe(finding.host),
        "message": safe(finding.message),
        "meaning": finding.rule.meaning,
        "remedy": safe(finding.remedy),
        "commands": [safe(command) for command in finding.commands],
        "evidence": _safe_values(dict(finding.evidence)),
    }


def resources(scene: Scene) -> list[dict[str, Any]]:
    """Give everything that was looked at, as it is: of each service its tunnel, itself and its cache."""
    found = []
    for name, spec in scene.desired.services.items():
        declared = name in scene.declared
        for kind, seen in (
            ("tunnel", scene.snapshot.tunnels[name]),
            ("service", scene.snapshot.services[name]),
        ):
            found.append(_resource(f"{kind}.{name}", kind, spec.host, declared, seen.view(), key=spec.key))
    for node in scene.snapshot.nodes:
        view = scene.snapshot.caches[node.name].view()
        declared = node.name in scene.declared
        found.append(
            _resource(node.address, "cache", node.host, declared, view, services=list(node.services))
        )
    return found


def _resource(
    address: str, kind: str, host: str, declared: bool, observed: dict[str, Any], **more: Any
) -> dict[str, Any]:
    named = {"address": address, "kind": kind, "host": host, "declared": declared, **more}
    return {**_safe_values(named), "observed": _safe_values(observed)}


def _safe_values(values: Any) -> Any:
    """Give JSON in which every text is safe to show; how deep it nests is capped."""
    return _safe(plain(values))


def _safe(values: Any) -> Any:
    if isinstance(values, str):
        return safe(values)
    if isinstance(values, dict):
        return {safe(str(name)): _safe(value) for name, value in values.items()}
    return [_safe(value) for value in values] if isinstance(values, list) else values


def findings_ndjson(findings: Sequence[Finding]) -> str:
    """Give one JSON object a line."""
    return "".join(dumps(finding_to_dict(finding)) + "\n" for finding in findings)


def findings_junit(findings: Sequence[Finding], fail_on: Severity) -> bytes:
    """Give a test case for each finding; those as grave as `fail_on` fail."""
    failing = [finding for finding in findings if finding.severity.rank <= fail_on.rank]
    suite = ET.Element(
        "testsuite",
        name="seamless-reconcile audit",
        tests=str(len(findings) or 1),
        failures=str(len(failing)),
    )
    if not findings:
        ET.SubElement(suite, "testcase", classname="seamless-reconcile", name="no findings")
    for finding in findings:
        name = clean(safe(f"{finding.rule.id} {finding.resource}"))
        where = clean(safe(f"seamless-reconcile.{finding.host}"))
        case = ET.SubElement(suite, "testcase", classname=where, name=name)
        told = f"{safe(finding.message)}\n{finding.rule.meaning}\ndo: {safe(finding.remedy)}"
        if finding in failing:
            failure = ET.SubElement(case, "failure", message=clean(safe(finding.message)))
            failure.text = clean(told)
        else:
            ET.SubElement(case, "system-out").text = clean(told)
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text


# --- for people ----------------------------------------------------------------------------


def summary(scene: Scene, findings: Sequence[Finding]) -> str:
    """Give the last line."""
    services = sum(1 for seen in scene.snapshot.services.values() if seen.row is not None)
    where = f"{plural(services, 'service')} on {plural(len(scene.snapshot.hosts), 'host')}"
    if scene.snapshot.passive:
        where += "; handshakes were left out (--passive): running and open are as recorded, not verified"
    if not findings:
        return f"No findings: {where}."
    count = Counter(finding.severity for finding in findings)
    parts = [plural(count[severity], _NOUN[severity]) for severity in Severity if count[severity]]
    return f"Audit: {', '.join(parts)}; {where}."


def findings_text(findings: Sequence[Finding], last: str) -> RenderableType:
    """Give findings for people: the gravest first, each with its meaning and what to do."""
    parts: list[RenderableType] = []
    for finding in findings:
        front = Text.assemble(
            (f"{finding.rule.id} ", STYLES[finding.severity]),
            (f"{finding.severity.value:<8}", STYLES[finding.severity]),
        )
        where = f"{finding.resource} on {finding.host}" if finding.host else finding.resource
        parts.append(Hanging(front, line(f"{where}: {finding.rule.title}: {finding.message}")))
        parts.append(Hanging(Text(" " * 5), line(finding.rule.meaning, "dim")))
        parts.append(Hanging(Text(" " * 5), line(f"do: {finding.remedy}")))
    if parts:
        parts.append(Text())
    return Group(*parts, one_line(last, "bold"))


def findings_markdown(findings: Sequence[Finding], last: str) -> str:
    """Give a table, as merge requests and wikis show it."""
    rows = ["| id | severity | resource | host | what | do |", "|---|---|---|---|---|---|"]
    for finding in findings:
        cells = (
            finding.rule.id, finding.severity.value, finding.resource, finding.host,
            f"{finding.rule.title}: {finding.message}", finding.remedy,
        )  # fmt: skip
        rows.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join([*([*rows, ""] if findings else []), _cell(last), ""])


def _cell(text: str) -> str:
    r"""Give text that Markdown reads as text: no markup, no HTML, no link, no further cell."""
    escaped = safe(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    escaped = "".join(f"\\{char}" if char in "*_`[]#!~>" else char for char in escaped)
    # Bare addresses and names become links and mentions by themselves.
    return escaped.replace("://", ":&#8203;//").replace("@", "&#64;").replace("www.", "www&#46;")
