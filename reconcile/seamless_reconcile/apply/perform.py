"""One action: look again, act, observe; and whatever happens becomes an outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rhl_helpers.client import ForwardFailed
from rhl_helpers.errors import HelperError
from seamless_reconcile.apply import caches, launch, services, tunnels
from seamless_reconcile.apply.context import Context, Step, failed
from seamless_reconcile.outcomes import Outcome
from seamless_reconcile.plan import Action, Verb

__all__ = ["Context", "perform"]

_STEPS: Mapping[Verb, Callable[[Context, Action], Step]] = {
    Verb.CLOSE_TUNNEL: tunnels.close_tunnel,
    Verb.SAVE_LOG: services.save_log,
    Verb.STOP: services.stop,
    Verb.REMOVE_STATE: services.remove_state,
    Verb.CLEAR: caches.clear,
    Verb.LAUNCH: launch.launch,
    Verb.OPEN_TUNNEL: tunnels.open_tunnel,
}


def perform(context: Context, action: Action) -> Outcome:
    """Run one action; errors of hosts and of this machine become its outcome."""
    began = context.reach.clock.monotonic()
    try:
        step = _STEPS[action.verb](context, action)
    except HelperError as exc:
        step = failed(f"{exc.kind} on {exc.host}: {exc.detail}", exc.hint)
    except ForwardFailed as exc:
        step = failed(str(exc))
    except OSError as exc:
        step = failed(f"on this machine: {exc}", "check disk space and permissions here")
    seconds = context.reach.clock.monotonic() - began
    return Outcome(action, step.result, step.detail, step.hint, seconds, step.facts)
