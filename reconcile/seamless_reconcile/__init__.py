"""Declare what Seamless services, caches and tunnels should be; converge to it, safely.

For programs: what is named here is the public interface (docs/api.md). Each name is imported when it is
used, so importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from seamless_reconcile.declared import ManifestError, Problem
    from seamless_reconcile.events import Event, Reporter, Silent
    from seamless_reconcile.outcomes import Applied, Outcome, Result
    from seamless_reconcile.plan import Action, Blocked, Plan, Resource, Verb, Verdict, Warned
    from seamless_reconcile.workflow import (
        Locked,
        NotApproved,
        Options,
        PlanFileError,
        SavedPlan,
        Session,
        Settings,
        StalePlan,
        load_saved,
    )

__all__ = [
    "Action",
    "Applied",
    "Blocked",
    "Event",
    "Locked",
    "ManifestError",
    "NotApproved",
    "Options",
    "Outcome",
    "Plan",
    "PlanFileError",
    "Problem",
    "Reporter",
    "Resource",
    "Result",
    "SavedPlan",
    "Session",
    "Settings",
    "Silent",
    "StalePlan",
    "Verb",
    "Verdict",
    "Warned",
    "__version__",
    "load_saved",
]

_MODULES = {
    "declared": ("ManifestError", "Problem"),
    "events": ("Event", "Reporter", "Silent"),
    "outcomes": ("Applied", "Outcome", "Result"),
    "plan": ("Action", "Blocked", "Plan", "Resource", "Verb", "Verdict", "Warned"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # for a type checker there are only the names above

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib  # noqa: PLC0415 - most programs that import this package use nothing of it

        found: object = getattr(importlib.import_module(f"{__name__}.{_HOME.get(name, 'workflow')}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
