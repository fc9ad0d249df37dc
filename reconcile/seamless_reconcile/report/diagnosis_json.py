"""Diagnoses for programs (docs/reference/diagnose.md; additive within format_version 1).

Every text that a log or a client's error gave stands under a key that begins with `untrusted_`, and
nowhere else. `untrusted` lists these, and whatever else came from hosts. All text is safe to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rhl_helpers.secrets import redacted
from rhl_helpers.text import safe
from seamless_reconcile.diagnose.client_error import ClientError
from seamless_reconcile.diagnose.evidence import Case, Conda, Surroundings, view
from seamless_reconcile.diagnose.knowledge import Health, Knowledge, Owner
from seamless_reconcile.diagnose.logs import Log
from seamless_reconcile.diagnose.signs import idle_timeout
from seamless_reconcile.diagnose.tracebacks import Blame
from seamless_reconcile.diagnose.verdict import Diagnosis, Found, Next
from seamless_reconcile.exits import Exit
from seamless_reconcile.observed import Unknown
from seamless_reconcile.report.json_ import plain

FORMAT_VERSION = 1
UNTRUSTED = (
    "$.diagnoses[*].key",
    "$.diagnoses[*].causes[*].untrusted_line",
    "$.diagnoses[*].causes[*].raised_in",
    "$.diagnoses[*].evidence",
    "$.client_error.asked",
    "$.client_error.untrusted_line",
)
Object = dict[str, Any]


def diagnoses_to_dict(
    found: Sequence[Diagnosis],
    client: ClientError | None,
    around: Surroundings,
    known: Knowledge,
    *,
    total: int,
    tail: int,
    passive: bool,
    exit_code: Exit,
) -> Object:
    """Give everything as one object."""
    return {
        "format_version": FORMAT_VERSION,
        "diagnoses": [diagnosis_to_dict(one, known, tail=tail) for one in found],
        "client_error": client_to_dict(client, found, known) if client is not None else None,
        "client": around_to_dict(around, known),
        "services": total,
        "passive": passive,
        "exit_code": int(exit_code),
        "untrusted": list(UNTRUSTED),
    }


def diagnosis_to_dict(one: Diagnosis, known: Knowledge, *, tail: int) -> Object:
    """Give one diagnosis."""
    spec = one.case.spec
    return {
        "resource": safe(one.case.address),
        "name": safe(spec.name),
        "type": safe(spec.type),
        "host": safe(spec.host),
        "key": safe(spec.key),
        "declared": one.case.declared,
        "health": one.health.value,
        "sure": one.sure.value,
        "symptom": {
            "id": one.symptom.id,
            "title": one.symptom.title,
            "meaning": one.symptom.meaning,
            "look": one.symptom.look,
        },
        "causes": [_cause(cause) for cause in one.causes],
        "fix": one.fix,
        "owner": _owner(one.owner),
        "next": [_next(step) for step in one.next],
        "advice": [known.advice[name] for name in one.advice],
        "evidence": evidence_to_dict(one, tail=tail),
    }


def _cause(found: Found) -> Object:
    return {
        "id": found.cause.id,
        "title": found.cause.title,
        "sure": found.sure.value,
        "cause": found.cause.cause,
        "fix": found.fix,
        "package": safe(found.package),
        "seen_in": "log" if found.line else "surroundings",
        "untrusted_line": safe(found.line),
        "raised_in": _blame(found.blame),
    }


def _blame(found: Blame | None) -> Object | None:
    if found is None:
        return None
    frame = f"{found.frame.file}:{found.frame.line}"
    return {
        "kind": found.kind.value,
        "untrusted_package": safe(found.package),
        "called_by": safe(found.called_by) or None,
        "untrusted_frame": safe(f"{frame} in {found.frame.function}" if found.frame.function else frame),
    }


def _owner(owner: Owner | None) -> Object | None:
    if owner is None:
        return None
    return {
        "package": owner.package,
        "framework": owner.framework,
        "depends": list(owner.depends),
        "also": owner.also or None,
    }


def _next(step: Next) -> Object:
    return {"text": step.text, "command": step.command}


# --- evidence ------------------------------------------------------------------------------


def evidence_to_dict(one: Diagnosis, *, tail: int) -> Object:
    """Give what a diagnosis rests on."""
    case = one.case
    return {
        "signs": sorted(one.signs),
        "service": _safe(case.seen.view()),
        "state_file": _state_file(case),
        "process_alive": _process_alive(case),
        "port_open": _port_open(case),
        "handshake_on_host": _safe(view(case.on_host)),
        "handshake_through_client": _safe(view(case.through)),
        "tunnel": _safe(case.tunnel.view()),
        "idle_timeout": idle_timeout(case),
        "conda": _conda(case.conda),
        "environment": safe(case.prefix) or None,
        "packages": [
            {
                "package": safe(p.package),
                "version": p.version,
                "editable": p.editable,
                "location": p.location or None,
            }
            for p in case.installed
        ],
        "log": _log(case.log, tail),
    }


def _state_file(case: Case) -> Object | None:
    row = case.seen.row
    if row is None:
        malformed = case.host.malformed.get(case.spec.key)
        return {"problem": safe(malformed.reason)} if malformed is not None else None
    told = {
        "status": row.json_status or row.status,
        "pid": row.pid,
        "port": row.port,
        "workdir": row.workdir,
        "command": redacted(row.command or "") or None,
        "network_interface": row.network_interface,
        "meta": row.meta,
    }
    named: Object = _safe(plain(told))
    return named


def _process_alive(case: Case) -> bool | None:
    row = case.seen.row
    return row.live if row is not None else None


def _port_open(case: Case) -> bool | None:
    """Tell whether the port takes connections; the handshake shows it too."""
    if case.port_open is not None:
        return case.port_open
    told = view(case.on_host)
    return {"ok": True, "not ok": True, "silent": True, "closed": False}.get(told) if told else None


def _conda(conda: Conda | None) -> Object | None:
    if conda is None:
        return None
    return {
        "declared": safe(conda.declared) if conda.declared else None,
        "cached": conda.cached,
        "environments": [safe(one) for one in conda.environments[:_MANY]],
        "problem": safe(conda.problem) or None,
    }


_MANY = 100


def _log(log: Log | Unknown | None, tail: int) -> Object | None:
    if log is None:
        return None
    if isinstance(log, Unknown):
        return {"present": None, "problem": safe(log.reason), "cut": False, "untrusted_text": []}
    shown = log.lines[-tail:] if tail else ()
    return {
        "present": log.present,
        "problem": None,
        "cut": log.cut or len(shown) < len(log.lines),
        "untrusted_text": [safe(line) for line in shown],
    }


def _safe(values: Any) -> Any:
    if isinstance(values, str):
        return safe(values)
    if isinstance(values, dict):
        return {safe(str(name)): _safe(value) for name, value in values.items()}
    return [_safe(value) for value in values] if isinstance(values, (list, tuple)) else values


# --- this client ---------------------------------------------------------------------------


def client_to_dict(client: ClientError, found: Sequence[Diagnosis], known: Knowledge) -> Object:
    """Give what a client's error tells."""
    owner = known.owners.get(client.type)
    return {
        "patterns": [
            {"id": p.id, "kind": p.kind, "title": p.title, "meaning": p.meaning, "look": p.look}
            for p in client.patterns
        ],
        "service_type": client.type or None,
        "told_by": client.told_by or None,
        "owner": _owner(owner),
        "http_status": client.status,
        "retries_exhausted": client.exhausted,
        "asked": [f"{safe(host)}:{port}" for host, port in client.asked],
        "about": [safe(one.case.address) for one in about(client, found)],
        "notes": [safe(note) for note in notes(client, found, known)],
        "untrusted_line": safe(client.line),
    }


def about(client: ClientError, found: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Give the services that a client's error is about: by its port, else by their type."""
    by_port = [
        one
        for one in found
        if client.ports & {one.case.tunnel.local_port, one.case.seen.port}
        and (not client.type or one.case.spec.type == client.type)
    ]
    return by_port or [one for one in found if client.type and one.case.spec.type == client.type]


def notes(client: ClientError, found: Sequence[Diagnosis], known: Knowledge) -> list[str]:
    """Give what to know besides."""
    said = [known.advice["retries"]] if client.exhausted else []
    meant = about(client, found)
    for one in meant:
        ports = {port for port in (one.case.tunnel.local_port, one.case.seen.port) if port}
        if one.health is Health.WELL:
            said.append(
                f"{one.case.spec.name} is well now: it was restarted since, or what is asked of it fails"
            )
        if client.ports and ports and not client.ports & ports:
            asked = ", ".join(map(str, sorted(client.ports)))
            now = ", ".join(map(str, sorted(ports)))
            said.append(
                f"the client asked port {asked}, {one.case.spec.name} is on port {now}: "
                "the program holds an old address; start it anew"
            )
    if not meant:
        said.append(known.advice["cardinal"])
    return said


def around_to_dict(around: Surroundings, known: Knowledge) -> Object:
    """Give what is known of this client."""
    effects = {one.name: one for one in known.variables}
    return {
        "variables": [
            {
                "name": name,
                "value": value,
                "effect": effects[name].effect,
                "trap": effects[name].trap if name in around.traps else None,
            }
            for name, value in around.variables.items()
        ],
        "packages": dict(around.packages),
    }
