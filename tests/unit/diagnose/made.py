"""Cases made by hand: a state, a log, and what else matters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rhl_helpers.transport.base import Answer
from seamless_reconcile.diagnose.evidence import Case, Conda
from seamless_reconcile.diagnose.loading import knowledge
from seamless_reconcile.diagnose.logs import Log, read_log
from seamless_reconcile.diagnose.verdict import Diagnosis, diagnose
from seamless_reconcile.facts import Evidence, ServiceFacts, TunnelFacts
from seamless_reconcile.kinds import service, tunnel
from seamless_reconcile.observed import Absent, Present
from unit.core.values import host, row, spec

HERE = Path(__file__).parent
LOGS = sorted((HERE / "logs").glob("*.log"))
ERRORS = sorted((HERE / "errors").glob("*.txt"))
ARGV = {"hashserver": "hashserver", "database": "seamless-database", "jobserver": "seamless-jobserver"}


def case(state: str = "alive", kind: str = "hashserver", log: Log | None = None, **more: Any) -> Case:
    """Give a service in a state: alive, starting (died so), running (died so), failed, absent, stuck."""
    key = f"{kind}-c-rw-p"
    wished = spec(kind, type=kind, key=key, **more.pop("spec", {}))
    command = f"{ARGV.get(kind, 'seamless-dask-wrapper')} --timeout 600"
    shown = {
        "alive": row(key, command=command),
        "starting": row(key, command=command, status="stale", json_status="starting", live=False, port=None),
        "running": row(key, command=command, status="stale", json_status="running", live=False),
        "failed": row(key, command=command, status="failed", json_status="failed", live=False, port=None),
        "stuck": row(key, command=command, json_status="starting", port=None),
    }
    there = shown.get(state)
    answer = Answer.OK if state == "alive" else None
    facts = ServiceFacts(
        Absent() if there is None else Present(there),
        answer,
        Evidence.NONE,
        age=1e6 if state == "stuck" else None,
    )
    listing = host(*([there] if there else []))
    seen = service.classify(wished, facts, listing)
    way = tunnel.classify(wished, TunnelFacts(None), there, service_known=True)
    found = Case(wished, listing, seen, way, on_host=answer, log=log if log is not None else read_log(b""))
    return replace(found, **more)


def told(state: str = "alive", kind: str = "hashserver", text: bytes | None = b"", **more: Any) -> Diagnosis:
    """Diagnose a service with this log."""
    return diagnose(case(state, kind, read_log(text), **more), knowledge())


def ids(found: Diagnosis) -> list[str]:
    return [one.cause.id for one in found.causes]


CONDA = Conda("seamless", cached=True, environments=("/c", "/c/envs/seamless", "/c/envs/other"), base="/c")
