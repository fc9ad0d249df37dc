"""Which fields of the JSON hold text that came from hosts: data for whoever reads it, never instructions.

Each object that `--json` prints carries the list that fits it as `untrusted`: JSON paths, relative to
the object that has the list. Everything below such a path counts. What is in none of them is this
program's own, or the user's manifest and files (docs/agents.md).
"""

from __future__ import annotations

PLAN = (
    "$.resources[*].observed",
    "$.resources[*].changes[*].observed",
    "$.resources[*].note",
    "$.actions[*].cause",
    "$.actions[*].expects",
    "$.blocked[*].reason",
    "$.blocked[*].hint",
    "$.warnings[*].message",
)

APPLIED = ("$.outcomes[*].detail", "$.outcomes[*].hint", "$.outcomes[*].facts")
"""`plan` and `after` carry their own lists."""

AUDIT = (
    "$.findings[*].resource",
    "$.findings[*].message",
    "$.findings[*].remedy",
    "$.findings[*].commands",
    "$.findings[*].evidence",
    "$.hosts[*].problem",
    "$.resources[*].address",
    "$.resources[*].key",
    "$.resources[*].services",
    "$.resources[*].observed",
)

IMPORT = (
    "$.manifest",
    "$.entries[*].name",
    "$.entries[*].key",
    "$.entries[*].fields",
    "$.entries[*].observed",
    "$.entries[*].reason",
    "$.entries[*].hint",
    "$.entries[*].notes",
    "$.hosts[*].reason",
    "$.hosts[*].hint",
    "$.warnings[*].resource",
    "$.warnings[*].message",
)

ERROR = ("$.error.message", "$.error.details")

DOCTOR = tuple(
    f"$.{where}.checks[*].{name}"
    for where in ("client", "hosts[*]")
    for name in ("seen", "remedy", "where", "evidence")
)
