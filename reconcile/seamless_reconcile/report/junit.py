"""JUnit XML, as CI systems read it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

# What XML 1.0 cannot hold at all.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CLASS = "seamless-reconcile"


def clean(text: object) -> str:
    """Give text that XML can hold."""
    return _NOT_XML.sub("\ufffd", str(text))


def certificate_junit(certificate: Mapping[str, Any]) -> bytes:
    """Give a certificate as one test suite: a case for the proof, one for the command."""
    suite = ET.Element("testsuite", _attributes(certificate))
    properties = ET.SubElement(suite, "properties")
    for name, value in certificate_properties(certificate):
        ET.SubElement(properties, "property", name=name, value=clean(value))
    proof = ET.SubElement(suite, "testcase", classname=_CLASS, name="the caches were cold and used")
    if not certificate["holds"]:
        failure = ET.SubElement(proof, "failure", message=clean(certificate["finding"]))
        failure.text = clean("\n".join(certificate["reasons"]))
    name = clean(" ".join(certificate["command"]))
    command = ET.SubElement(suite, "testcase", classname=_CLASS, name=name, time=_seconds(certificate))
    if certificate["exit_code"] is None:
        ET.SubElement(command, "skipped", message="not run")
    elif certificate["exit_code"] != 0:
        ET.SubElement(command, "failure", message=f"exit code {certificate['exit_code']}")
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text


def certificate_properties(certificate: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give what a certificate says as names and values, for a JUnit file's properties."""
    fields = ("finding", "holds", "began", "ended", "exit_code", "record")
    found: list[tuple[str, object]] = [(name, certificate[name]) for name in fields]
    found.append(("manifest", " ".join(certificate["manifest"]["files"])))
    found += [("reason", reason) for reason in certificate["reasons"]]
    found += [("not_covered", line) for line in certificate["uncovered"]]
    found += [
        (cache["address"], f"{cache['path']}: {cache['before']['state']} -> {cache['after']['state']}")
        for cache in certificate["caches"]
    ]
    return [(f"seamless.{name}", "" if value is None else str(value)) for name, value in found]


def _attributes(certificate: Mapping[str, Any]) -> dict[str, str]:
    failures = (not certificate["holds"]) + (certificate["exit_code"] not in (0, None))
    attributes = {
        "name": "seamless-reconcile run",
        "tests": "2",
        "failures": str(failures),
        "errors": "0",
        "skipped": str(int(certificate["exit_code"] is None)),
        "time": _seconds(certificate),
        "hostname": clean(certificate["who"]["client"]),
    }
    # The schema of JUnit files wants a time without a zone.
    return {**attributes, **({"timestamp": certificate["began"][:19]} if certificate["began"] else {})}


def _seconds(certificate: Mapping[str, Any]) -> str:
    if not certificate["ended"]:
        return "0.000"
    began, ended = (dt.datetime.fromisoformat(certificate[name]) for name in ("began", "ended"))
    return f"{max(0.0, (ended - began).total_seconds()):.3f}"
