"""What `plan --json` and `apply --json` print, to ask questions of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Seen:
    """A plan, as printed."""

    raw: dict[str, Any]

    @property
    def in_sync(self) -> bool:
        """Whether there is nothing to do."""
        return bool(self.raw["in_sync"])

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """All resources by address."""
        return {resource["address"]: resource for resource in self.raw["resources"]}

    @property
    def verbs(self) -> list[tuple[str, str]]:
        """What would be done, to which resource."""
        return [(action["verb"], action["resource"]) for action in self.raw["actions"]]

    @property
    def states(self) -> dict[str, str]:
        """The observed state of every resource."""
        return {address: resource["observed"]["state"] for address, resource in self.resources.items()}

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of every resource."""
        return {address: resource["verdict"] for address, resource in self.resources.items()}

    @property
    def blocked(self) -> dict[str, str]:
        """What will not be done, and why."""
        return {blocked["resource"]: blocked["reason"] for blocked in self.raw["blocked"]}

    @property
    def causes(self) -> dict[tuple[str, str], str]:
        """Why each thing would be done."""
        return {(action["verb"], action["resource"]): action["cause"] for action in self.raw["actions"]}

    def key(self, name: str) -> str:
        """Give the key of a service."""
        return str(self.resources[f"service.{name}"]["key"])

    def observed(self, address: str) -> dict[str, Any]:
        """Give what was observed of a resource."""
        found: dict[str, Any] = self.resources[address]["observed"]
        return found


@dataclass(frozen=True)
class Applied:
    """How an apply ended, as printed."""

    raw: dict[str, Any]

    @property
    def plan(self) -> Seen:
        """What was to be done."""
        return Seen(self.raw["plan"])

    @property
    def seen(self) -> Seen:
        """What is now."""
        return Seen(self.raw["after"] or self.raw["plan"])

    @property
    def converged(self) -> bool:
        """Whether everything is as declared."""
        return bool(self.raw["converged"])

    @property
    def results(self) -> dict[tuple[str, str], str]:
        """How each action ended."""
        return {(o["verb"], o["resource"]): o["result"] for o in self.raw["outcomes"]}

    @property
    def details(self) -> dict[tuple[str, str], str]:
        """What was said of each action."""
        return {(o["verb"], o["resource"]): o["detail"] for o in self.raw["outcomes"]}

    @property
    def done(self) -> list[tuple[str, str]]:
        """What was done."""
        return [(o["verb"], o["resource"]) for o in self.raw["outcomes"] if o["result"] == "done"]
