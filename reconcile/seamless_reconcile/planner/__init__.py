"""From what is and what should be to one ordered plan. Pure: no reading, no asking, no printing.

clears  which caches are to be cleared, and what forbids it
fates   what happens to each service: left, started, restarted, stopped, removed, blocked
routes  what happens to each tunnel
terrain who is near whom on a host, so that no decision compares every pair
warmth  what stays warm around caches that are to be cold
steps   the actions that follow, and what each requires
make    all of it, as a `Plan`
"""

from seamless_reconcile.planner.make import Options, make_plan

__all__ = ["Options", "make_plan"]
