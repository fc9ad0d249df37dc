"""Where the time goes: one converged plan and one cold restart, by their events and Python's log."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from benchmarks import restart
from benchmarks.peers import reconcile
from benchmarks.site import Site, site

_SHOWN = 14


def all_of() -> dict[str, str]:
    """Give all profiles, by title."""
    with site(1) as here:
        found = {
            "imports of a passive plan": _imports(here),
            "one converged plan": _events(here, "plan", "--passive"),
        }
    with restart.storage() as here:
        restart.soil(here)
        found["one cold restart"] = _events(here, "apply", "--yes")
    return found


def _imports(here: Site) -> str:
    """Give the packages that took longest to import, each with what it brought along for itself."""
    done = here.user.run("seamless-reconcile", "plan", "--passive", env={"PYTHONPROFILEIMPORTTIME": "1"})
    own: dict[str, int] = {}
    for line in done.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            package = parts[2].strip().partition(".")[0]
            own[package] = own.get(package, 0) + int(parts[0])
    longest = sorted(own.items(), key=lambda item: -item[1])
    lines = [f"{micro / 1000:7.1f} ms  {name}" for name, micro in longest[:_SHOWN]]
    rest = sum(micro for _, micro in longest[_SHOWN:])
    return "\n".join([*lines, f"{rest / 1000:7.1f} ms  all others ({len(longest) - _SHOWN})"])


def _events(here: Site, *words: str) -> str:
    """Give the events of one run, in seconds from the start of the process."""
    log = here.user.folder / "events.ndjson"
    log.unlink(missing_ok=True)
    began = time.time()
    run = reconcile(here, *words, "--events", str(log))()
    lines = ["  0.00  the process starts"]
    for line in log.read_text().splitlines():
        event = json.loads(line)
        at = datetime.fromisoformat(event["time"]).timestamp() - began
        lines.append(f"{at:6.2f}  {_told(event)}")
    return "\n".join([*lines, f"{run.seconds:6.2f}  the process has ended"])


def _told(event: dict[str, Any]) -> str:
    about = event.get("action") or event.get("outcome")
    what = f" {about['verb']} {about['resource']}" if isinstance(about, dict) else ""
    host = f" {event['host']}" if isinstance(event.get("host"), str) else ""
    return f"{event['event']}{what}{host}"
