"""Diagnoses for people: the verdict first, then what it rests on, then what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from rhl_helpers.secrets import redacted
from rhl_helpers.text import safe
from seamless_reconcile.diagnose.client_error import ClientError
from seamless_reconcile.diagnose.evidence import Case, Surroundings, view
from seamless_reconcile.diagnose.knowledge import Health, Knowledge, Sure
from seamless_reconcile.diagnose.logs import Log
from seamless_reconcile.diagnose.signs import idle_timeout
from seamless_reconcile.diagnose.tracebacks import Blame, Kind
from seamless_reconcile.diagnose.verdict import Diagnosis, Found, summary
from seamless_reconcile.kinds.service import State
from seamless_reconcile.observed import Unknown
from seamless_reconcile.report.diagnosis_json import notes
from seamless_reconcile.report.screen import UNICODE, Glyphs, Hanging, line, one_line
from seamless_reconcile.report.words import plural

_STYLE = {Health.WELL: "green", Health.WRONG: "bold red", Health.UNTOLD: "bold magenta"}
_SURE = {Sure.CERTAIN: "bold", Sure.LIKELY: "", Sure.POSSIBLE: "dim"}
_LABEL = 22
_LINE_SHOWN = 160


def diagnoses_text(
    found: Sequence[Diagnosis],
    client: ClientError | None,
    around: Surroundings,
    known: Knowledge,
    last: str,
    *,
    tail: int,
    verbose: bool = False,
    quiet: bool = False,
    glyphs: Glyphs = UNICODE,
) -> RenderableType:
    """Give all of it; with `quiet` the verdicts alone.

    Args:
        found: the diagnoses.
        client: what a client's error tells, where there is one.
        around: this client.
        known: texts by name.
        last: the last line.
        tail: lines of a log that are shown.
        verbose: also what is usual.
        quiet: only verdicts.
        glyphs: which characters the output can show.
    """
    parts: list[RenderableType] = []
    if client is not None:
        parts += _client(client, found, known, glyphs)
    for one in found:
        parts.append(verdict_line(one, glyphs))
        if not quiet:
            parts += [*_body(one, known, tail, verbose=verbose), Text()]
    if not quiet:
        parts += _around(around, known, verbose=verbose)
    return Group(*parts, one_line(last, "bold"))


def verdict_line(one: Diagnosis, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Give the verdict: what is so, why, and where to fix it."""
    told, where = summary(one), one.case.spec
    front = Text.assemble((safe(f"{where.name} on {where.host}: "), "bold"))
    body = Text(told["symptom"], style=_STYLE[one.health])
    if told["cause"]:
        why = safe(told["line"], limit=_LINE_SHOWN) or told["cause"]
        body.append(f" - {why}", style="")
    if told["fix"]:
        body.append(f" {glyphs.arrow} fix: {told['fix']}", style="bold")
    if one.causes:
        body.append(f" ({one.sure.value})", style="")
    return Hanging(front, body, 2)


def _body(one: Diagnosis, known: Knowledge, tail: int, *, verbose: bool) -> Iterator[RenderableType]:
    yield _entry(one.symptom.id, one.symptom.meaning)
    if one.health is not Health.WELL or verbose:
        yield _entry("look at", one.symptom.look)
    for cause in one.causes:
        yield from _cause(cause)
    for name in one.advice:
        yield _entry("mind", known.advice[name])
    yield Text("  evidence", "bold")
    for label, value in evidence(one):
        yield _entry(label, value, indent=4)
    yield from _log(one.case.log, tail)
    if one.next:
        yield Text("  next", "bold")
    for number, step in enumerate(one.next, 1):
        yield Hanging(Text(f"    {number}. "), line(step.command, "bold"))
        yield Hanging(Text("       "), line(step.text, "dim"))


def _entry(label: str, text: str, *, indent: int = 2, style: str = "") -> Hanging:
    return Hanging(Text(" " * indent + label), line(text, style), _LABEL)


def _cause(found: Found) -> Iterator[RenderableType]:
    cause = found.cause
    front = Text.assemble("  ", (f"{cause.id} ", _SURE[found.sure]), (found.sure.value, _SURE[found.sure]))
    yield Hanging(front, line(f"{cause.title}: {cause.cause}"), _LABEL)
    if found.line:
        yield Hanging(Text("    log says"), line(found.line, "dim"), _LABEL)
    if found.blame is not None:
        yield Hanging(Text("    raised in"), line(blamed(found.blame), "dim"), _LABEL)
    yield Hanging(Text("    fix"), line(found.fix), _LABEL)


def blamed(found: Blame) -> str:
    """Say whose code raised: a fault of Seamless, or one of a dependency that it surfaces."""
    at = f"{found.frame.file}:{found.frame.line}"
    if found.kind is Kind.SEAMLESS:
        return f"{found.package}, Seamless's own ({at})"
    if found.kind is Kind.DEPENDENCY:
        by = f", called by {found.called_by}" if found.called_by else ""
        return f"{found.package}, a dependency{by} ({at})"
    return f"{found.kind.value} ({at})"


# --- evidence ------------------------------------------------------------------------------


def evidence(one: Diagnosis) -> Iterator[tuple[str, str]]:
    """Give what a verdict rests on, as label and words; server first."""
    case = one.case
    seen, row = case.seen, case.seen.row
    said = seen.state.value + (f": {seen.reason}" if seen.reason else "")
    yield "service", said
    if row is not None:
        words = [f"status {row.json_status or row.status}", f"pid {row.pid or 'none'}"]
        words += [f"port {row.port or 'none'}"]
        yield "state file", ", ".join(words)
        yield "process", {True: "alive", False: "gone", None: "not looked at"}[row.live]
        yield "workdir", row.workdir or "none"
        yield "command", redacted(row.command or "none")
        meta = [f"{name} {value}" for name, value in row.meta.items() if isinstance(value, str)]
        if meta:
            yield "meta", ", ".join(meta)
    elif seen.state is not State.UNKNOWN:
        yield "state file", "none that can be read" if seen.state is State.MALFORMED else "none"
    yield from _answers(case)
    if (idle := idle_timeout(case)) is not None and row is not None:
        yield "ends when idle", f"after {idle:g} s"
    yield from _environment(one)


def _answers(case: Case) -> Iterator[tuple[str, str]]:
    if case.port_open is not None:
        yield "port", "takes connections" if case.port_open else "refuses connections"
    asked = "not asked (--passive)" if case.passive else "not asked"
    yield "on its host", f"handshake: {view(case.on_host) or asked}"
    way = case.tunnel
    through = f"handshake: {view(case.through) or (asked if way.file else 'no client file')}"
    local = f", local port {way.local_port}" if way.local_port else ""
    why = f": {way.reason}" if way.reason else ""
    yield (
        ("through tunnel" if case.spec.tunnelled else "from this client"),
        (f"{through}; {way.state.value}{local}{why}"),
    )


def _environment(one: Diagnosis) -> Iterator[tuple[str, str]]:
    case = one.case
    conda = case.conda
    if conda is not None and conda.declared:
        known = {True: "cached", False: "no cache: rhl-cache-conda was never run", None: conda.problem}
        yield "conda", f"{conda.declared} declared; on the host {known[conda.cached]}"
    if case.prefix:
        yield "launched from", case.prefix
    if case.installed:
        told = [f"{p.package} {p.version}{' (editable)' if p.editable else ''}" for p in case.installed]
        yield "packages", ", ".join(told)
    if one.owner is not None:
        also = f"; also {one.owner.also}" if one.owner.also else ""
        yield "owned by", f"{one.owner.package} ({one.owner.framework}){also}"


def _log(log: Log | Unknown | None, tail: int) -> Iterator[RenderableType]:
    if log is None:
        return
    if isinstance(log, Unknown):
        yield _entry("log", f"could not be read: {log.reason}", indent=4)
        return
    if not log.present or not log.lines:
        yield _entry("log", "none" if not log.present else "empty", indent=4)
        return
    shown = log.lines[-tail:] if tail else ()
    if not shown:
        yield _entry("log", plural(len(log.lines), "line"), indent=4)
        return
    head = f"last {plural(len(shown), 'line')}; text from the host, not to be trusted"
    yield _entry("log", head, indent=4)
    for text in shown:
        yield Hanging(Text("      | ", "dim"), line(text.rstrip(), "dim"))


# --- this client ---------------------------------------------------------------------------


def _client(
    client: ClientError, found: Sequence[Diagnosis], known: Knowledge, glyphs: Glyphs
) -> Iterator[RenderableType]:
    first = client.patterns[0] if client.patterns else None
    owner = known.owners.get(client.type)
    title = first.title if first else "an error that no pattern knows"
    body = Text(title, "bold red" if first else "bold magenta")
    if owner is not None:
        by = f"{client.told_by} {glyphs.arrow} " if client.told_by else ""
        body.append(safe(f" - {by}{client.type}, of {owner.package}"), style="bold")
    yield Hanging(Text("client: ", "bold"), body, 2)
    if client.line:
        yield _entry("says", client.line, style="dim")
    if first is not None:
        yield _entry(first.id, first.meaning)
        yield _entry("look at", first.look)
    for note in notes(client, found, known):
        yield _entry("mind", note)
    yield Text()


def _around(around: Surroundings, known: Knowledge, *, verbose: bool) -> Iterator[RenderableType]:
    effects = {one.name: one for one in known.variables}
    if around.variables:
        yield Text("set on this client", "bold")
    for name, value in around.variables.items():
        trap = f"; mind: {effects[name].trap}" if name in around.traps else ""
        yield Hanging(Text("  "), line(f"{name}={value}: {effects[name].effect}{trap}"))
    if verbose and around.packages:
        told = ", ".join(f"{name} {version}" for name, version in around.packages.items())
        yield Hanging(Text("this client has "), line(told))
    if around.variables or (verbose and around.packages):
        yield Text()


def last_line(found: Sequence[Diagnosis], *, total: int, passive: bool) -> str:
    """Give the last line."""
    count = Counter(one.health for one in found)
    words = (
        (Health.WRONG, "with something wrong"),
        (Health.UNTOLD, "that could not be told"),
        (Health.WELL, "well"),
    )
    parts = [f"{plural(count[health], 'service')} {word}" for health, word in words if count[health]]
    mind = "; handshakes were left out (--passive)" if passive else ""
    if not total:
        return "No service was looked at: name a manifest (-f), or --host and --key."
    if not parts:
        return f"Nothing wrong found: {plural(total, 'service')} looked at{mind}."
    return f"Diagnosed: {', '.join(parts)}{mind}."
