"""What keeps a plan that was made from being done."""

from __future__ import annotations

from seamless_reconcile.plan import Plan


class NotApproved(Exception):
    """The plan was shown and not approved, or there was nobody to ask (exit 5)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("the plan was not approved")
        self.plan = plan


class StalePlan(Exception):
    """What the plan was made on has changed (exit 4).

    Attributes:
        differences: what has, one line each.
    """

    def __init__(self, differences: list[str]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences
