"""Do what the plan says, no more: look again right before each action, and observe what came of it.

schedule  which action when
perform   one action, whatever its verb
services  stop, save_log, remove_state
launch    launch, and wait until it answers
caches    clear, and the receipts of databases that are cold
clearing  the passes that emptying a directory takes
tunnels   close_tunnel, open_tunnel
"""

from seamless_reconcile.apply.caches import settle_receipts
from seamless_reconcile.apply.perform import Context, perform
from seamless_reconcile.apply.schedule import run_actions

__all__ = ["Context", "perform", "run_actions", "settle_receipts"]
