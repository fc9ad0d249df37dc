"""One pass of reading: what the helpers and this machine say, turned into a snapshot.

Nothing here changes anything, and nothing here concludes anything: the rules are in `kinds`.
"""

from seamless_reconcile.observe.snapshot import Start, observe

__all__ = ["Start", "observe"]
