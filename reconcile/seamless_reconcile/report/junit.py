"""JUnit XML, as CI systems read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

# What XML 1.0 cannot hold at all.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: object) -> str:
    """Give text that XML can hold."""
    return _NOT_XML.sub("\ufffd", str(text))


def certificate_junit(certificate: Mapping[str, Any]) -> bytes:
    """Give a certificate as one test suite: a case for the proof, one for the command."""
    failures = (not certificate["holds"]) + (certificate["exit_code"] not in (0, None))
    suite = ET.Element("testsuite", name="seamless-reconcile run", tests="2", failures=str(int(failures)))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(certificate):
        ET.SubElement(properties, "property", name=name, value=clean(value))
    proof = ET.SubElement(
        suite, "testcase", classname="seamless-reconcile", name="the caches were cold and used"
    )
    if not certificate["holds"]:
        failure = ET.SubElement(proof, "failure", message=clean(certificate["finding"]))
        failure.text = clean("\n".join(certificate["reasons"]))
    command = ET.SubElement(
        suite, "testcase", classname="seamless-reconcile", name=clean(" ".join(certificate["command"]))
    )
    if certificate["exit_code"] is None:
        ET.SubElement(command, "skipped", message="not run")
    elif certificate["exit_code"] != 0:
        ET.SubElement(command, "failure", message=f"exit code {certificate['exit_code']}")
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text


def _properties(certificate: Mapping[str, Any]) -> list[tuple[str, object]]:
    fields = ("finding", "began", "ended", "exit_code", "record")
    return [(f"seamless.{name}", certificate[name]) for name in fields] + [
        (f"seamless.{cache['address']}", f"{cache['before']['state']} -> {cache['after']['state']}")
        for cache in certificate["caches"]
    ]
