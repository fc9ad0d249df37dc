"""What a doctor found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from rhl_helpers.text import safe
from seamless_reconcile.doctor import Checked, Examination, HostReport, Status
from seamless_reconcile.doctor.values import HERE
from seamless_reconcile.doctor.verdicts import exit_of
from seamless_reconcile.report import untrusted
from seamless_reconcile.report.json_ import plain
from seamless_reconcile.report.screen import Hanging, line, one_line
from seamless_reconcile.report.words import plural

FORMAT_VERSION = 1

_STYLE = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FIX: "bold red",
    Status.UNKNOWN: "bold magenta",
    Status.SKIPPED: "dim",
}
VERDICTS = {Status.OK: "well", Status.WARNING: "works", Status.FIX: "to fix", Status.UNKNOWN: "unknown"}
"""The word for a whole host, by the gravest of its checks."""
_COUNTED = ((Status.FIX, "to fix"), (Status.UNKNOWN, "untold"), (Status.WARNING, "to mind"))
_INDENT = 7
_ALONE = "No manifest here, and neither --cluster nor --host: only this machine was looked at."


@dataclass(frozen=True, slots=True)
class Signs:
    """The sign in front of each check; never colour alone."""

    ok: str = "✓"
    warning: str = "!"
    fix: str = "✗"
    unknown: str = "?"
    skipped: str = "–"  # noqa: RUF001 - a dash is meant

    def of(self, status: Status) -> str:
        """Give the sign of a status."""
        return str(getattr(self, status.value))

    @classmethod
    def for_encoding(cls, encoding: str | None) -> Signs:
        """Choose what the output can say."""
        try:
            "✓✗".encode(encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return ASCII
        return UNICODE


UNICODE = Signs()
ASCII = Signs("+", "!", "x", "?", "-")


# --- for programs --------------------------------------------------------------------------


def examination_to_dict(examination: Examination) -> dict[str, Any]:
    """Give a whole examination as programs read it; texts in it are safe to show, and untrusted."""
    return {
        "format_version": FORMAT_VERSION,
        "client": report_to_dict(examination.here),
        "hosts": [report_to_dict(report) for report in examination.hosts],
        "summary": {
            "hosts": len(examination.hosts),
            "well": sum(1 for report in examination.hosts if report.status in (Status.OK, Status.WARNING)),
            "to_fix": examination.count(Status.FIX),
            "untold": examination.count(Status.UNKNOWN),
            "warnings": examination.count(Status.WARNING),
        },
        "exit_code": int(exit_of(examination)),
        "untrusted": list(untrusted.DOCTOR),
    }


def report_to_dict(report: HostReport) -> dict[str, Any]:
    """Give one host, or this machine."""
    return {
        "name": safe(report.name),
        "status": report.status.value,
        "clusters": [safe(name) for name in report.clusters],
        "seconds": round(report.seconds, 3),
        "checks": [checked_to_dict(one) for one in report.checks],
    }


def checked_to_dict(one: Checked) -> dict[str, Any]:
    """Give one check."""
    return {
        "id": one.check.id,
        "title": one.check.title,
        "status": one.status.value,
        "seen": safe(one.seen),
        "meaning": one.check.meaning,
        "remedy": safe(one.remedy),
        "where": safe(one.where),
        "evidence": _safe(plain(dict(one.evidence))),
    }


def _safe(values: Any) -> Any:
    if isinstance(values, str):
        return safe(values)
    if isinstance(values, dict):
        return {safe(str(name)): _safe(value) for name, value in values.items()}
    return [_safe(value) for value in values] if isinstance(values, list) else values


# --- for people ----------------------------------------------------------------------------


def examination_text(
    examination: Examination, signs: Signs = UNICODE, *, verbose: bool = False, quiet: bool = False
) -> RenderableType:
    """Give an examination for people: each machine with its checks, then a line for each, then one for all.

    Args:
        examination: what was found.
        signs: the characters for how a check ended.
        verbose: also why each check matters, and what each conclusion was drawn from.
        quiet: only the summary.
    """
    parts: list[RenderableType] = []
    for report in () if quiet else examination.reports:
        parts += [*_report(report, signs, verbose=verbose), Text()]
    if not examination.hosts:
        parts.append(Hanging(Text(), line(_ALONE)))
    parts += _lines(examination, signs)
    return Group(*parts, one_line(summary(examination), "bold"))


def _title(report: HostReport) -> str:
    if report.name == HERE:
        return "this machine"
    named = f" ({', '.join(report.clusters)})" if report.clusters else ""
    return f"{report.name}{named}"


def _report(report: HostReport, signs: Signs, *, verbose: bool) -> Iterator[RenderableType]:
    yield line(_title(report), "bold")
    for skipped, checks in groupby(report.checks, key=_skip_reason):
        group = list(checks)
        if skipped and len(group) > 1 and not verbose:
            # What is left out for one reason is told once.
            yield _row(signs, Status.SKIPPED, f"{group[0].check.id} to {group[-1].check.id}", skipped)
            continue
        for one in group:
            yield from _check(one, signs, verbose=verbose)


def _skip_reason(one: Checked) -> str:
    return one.seen if one.status is Status.SKIPPED else ""


def _row(signs: Signs, status: Status, id_: str, text: str) -> RenderableType:
    style = _STYLE[status]
    front = Text.assemble("  ", (f"{signs.of(status)} {id_} ", style))
    return Hanging(front, line(text, "dim" if status is Status.SKIPPED else ""))


def _check(one: Checked, signs: Signs, *, verbose: bool) -> Iterator[RenderableType]:
    yield _row(signs, one.status, one.check.id, f"{one.check.title}: {one.seen}")
    told = one.status not in (Status.OK, Status.SKIPPED)
    if told or verbose:
        yield Hanging(Text(" " * _INDENT), line(one.check.meaning, "dim"))
    if one.remedy:
        yield Hanging(Text(" " * _INDENT), line(f"do{_where(one)}: {one.remedy}"))
    if verbose:
        for name, value in one.evidence.items():
            yield Hanging(Text(" " * _INDENT), line(f"{name}: {_shown(value)}", "dim"))


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value)
    return str(value)


def _where(one: Checked) -> str:
    if not one.where:
        return ""
    return " here" if one.where == HERE else f" on {one.where}"


def _lines(examination: Examination, signs: Signs) -> Sequence[RenderableType]:
    """Give one line a machine: its sign, its name, its verdict, how much is to do, what comes first."""
    rows = []
    names = [_title(report) for report in examination.reports]
    wide = min(max(len(name) for name in names), 40)
    for report, name in zip(examination.reports, names, strict=True):
        verdict = f"{signs.of(report.status)} {safe(name):<{wide}}  {VERDICTS[report.status]:<9}"
        body = "; ".join(part for part in (_counts(report), _first(report)) if part)
        rows.append(Hanging(Text(verdict, style=_STYLE[report.status]), line(body)))
    return rows


def _counts(report: HostReport) -> str:
    return ", ".join(f"{report.count(status)} {word}" for status, word in _COUNTED if report.count(status))


def _first(report: HostReport) -> str:
    first = report.first
    return f"{first.check.id} {first.check.title}: {safe(first.seen, limit=120)}" if first else ""


def summary(examination: Examination) -> str:
    """Give the last line."""
    hosts = examination.hosts
    well = sum(1 for report in hosts if report.status in (Status.OK, Status.WARNING))
    parts = [f"{number} {word}" for status, word in _COUNTED if (number := examination.count(status))]
    found = ", ".join(parts) or "nothing to do"
    if not hosts:
        return f"Doctor: {found}."
    return f"Doctor: {found}; {well} of {plural(len(hosts), 'host')} in working order."
