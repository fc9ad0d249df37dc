"""A plan for people: what is, what should be, what will be done, in which order, and what will not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.text import Text

from rhl_helpers.text import safe
from seamless_reconcile.plan import Plan, Resource, Verb, Verdict
from seamless_reconcile.report.screen import STYLES, UNICODE, Glyphs, Hanging, line, one_line, shown
from seamless_reconcile.report.words import Doing, Doings, doings, summary

_SYMBOL = 3
_INDENT = 2 + _SYMBOL + 1
_WIDEST = 34
"""Columns that addresses or brackets may take before they push what follows aside."""


def plan_text(plan: Plan, *, verbose: bool = False, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Give the whole plan: the tree by host, what is blocked, warnings, the order, the summary.

    Args:
        plan: what was planned.
        verbose: also the cause of each single action.
        glyphs: which characters the output can show.
    """
    page = _Page(plan, doings(plan), glyphs)
    parts: list[RenderableType] = [*page.hosts(), *page.blocked(), *page.warnings()]
    parts += page.actions(verbose=verbose)
    parts.append(summary_text(plan, page.found))
    return Group(*parts)


def summary_text(plan: Plan, found: Doings | None = None) -> Text:
    """Give the summary: one line, however narrow the terminal."""
    return one_line(summary(plan, found), "bold")


@dataclass(frozen=True, slots=True)
class _Page:
    """One plan being written."""

    plan: Plan
    found: Doings
    glyphs: Glyphs

    # --- the tree ----------------------------------------------------------------------

    def hosts(self) -> Iterator[RenderableType]:
        """Give one block for each host: its services, each between its tunnel and its cache."""
        hosts = _by_host(self.plan)
        every = [entry for chains in hosts.values() for chain in chains for entry in chain]
        widest = max((len(safe(r.address)) + 2 * depth for depth, r in every), default=0)
        for host, chains in hosts.items():
            yield one_line(host, "bold")
            for chain in chains:
                for depth, resource in chain:
                    yield from self._resource(depth, resource, min(widest, _WIDEST))
            yield Text()

    def _resource(self, depth: int, resource: Resource, widest: int) -> Iterator[RenderableType]:
        doing = self.found.of[resource.address]
        style = STYLES[doing]
        branch = "  " * (depth - 1) + self.glyphs.branch if depth else ""
        front = Text.assemble(
            "  ", (f"{doing.symbol:<{_SYMBOL}} ", style), (branch, "dim"), line(resource.address, style), "  "
        )
        yield Hanging(front, self._words(resource, doing), _INDENT + widest + 2)
        for detail in self._details(resource, doing):
            yield Hanging(Text(" " * (_INDENT + 2 * depth + 4)), detail)

    def _words(self, resource: Resource, doing: Doing) -> Text:
        if doing is Doing.NOTHING:
            return line(_state(resource))
        why = resource.note or str(resource.observed.get("reason", ""))
        if doing in (Doing.BLOCKED, Doing.LEFT):
            why = _state(resource)
        return Text.assemble((doing.word, STYLES[doing]), line(f": {why}" if why else ""))

    def _details(self, resource: Resource, doing: Doing) -> Iterator[Text]:
        for change in resource.changes:
            was, will = shown(change.observed), shown(change.desired)
            yield line(f"{safe(change.path)}: {was} {self.glyphs.arrow} {will}", "dim")
        needs = [address for address in resource.requires if address.startswith("service.")]
        if resource.kind == "service" and needs:
            yield line("requires " + ", ".join(needs), "dim")
        shared = [name for name in resource.names if name != resource.name]
        if resource.kind == "cache" and shared:
            yield line("shared with " + ", ".join(f"service.{name}" for name in shared), "dim")
        if doing is Doing.CLEAR:
            yield from _loss(resource)

    # --- what is not done, and what to know ---------------------------------------------

    def blocked(self) -> Iterator[RenderableType]:
        """Give what will not be done, and why, and what to do about it."""
        if not self.plan.blocked:
            return
        yield Text("Will not be done:", "bold")
        for blocked in self.plan.blocked:
            doing = self.found.of.get(blocked.resource, Doing.BLOCKED)
            doing = doing if doing is Doing.UNKNOWN else Doing.BLOCKED
            front = Text(f"  {doing.symbol:<{_SYMBOL}} ", STYLES[doing])
            yield Hanging(front, _said(blocked.resource, blocked.reason))
            if blocked.hint:
                yield Hanging(Text(" " * _INDENT), line(f"{self.glyphs.arrow} {blocked.hint}"))
        yield Text()

    def warnings(self) -> Iterator[RenderableType]:
        """Give what to know."""
        if not self.plan.warnings:
            return
        yield Text("Warnings:", "bold")
        for warned in self.plan.warnings:
            yield Hanging(Text(" " * _INDENT), _said(warned.resource, warned.message))
        yield Text()

    # --- the order -----------------------------------------------------------------------

    def actions(self, *, verbose: bool) -> Iterator[RenderableType]:
        """Give the actions, each with the numbers of those it waits for."""
        if not self.plan.actions:
            return
        yield Text("Actions, each after those in brackets:", "bold")
        after = [_brackets(action.requires) for action in self.plan.actions]
        wide, digits = min(max(map(len, after)), _WIDEST), len(str(len(after)))
        for action, before in zip(self.plan.actions, after, strict=True):
            front = Text.assemble("  ", (f"{before:>{wide}} ", "dim"), f"{action.id:>{digits}} ")
            yield Hanging(front, line(_what(action.verb, action.resource, action.host)))
            if verbose and action.cause:
                yield Hanging(Text(" " * (front.cell_len + 2)), line(action.cause, "dim"))
        yield Text()


def _what(verb: Verb, resource: str, host: str) -> str:
    where = "" if resource.startswith("tunnel.") else f" on {host}"
    return f"{verb.value} {resource}{where}"


def _brackets(requires: Iterable[int]) -> str:
    ids = ",".join(str(number) for number in requires)
    return f"[{ids}] ->" if ids else ""


def _said(resource: str, text: str) -> Text:
    return line(f"{resource}: {text}" if resource else text)


def _state(resource: Resource) -> str:
    """Say how a resource is, with what tells most about it."""
    seen = resource.observed
    parts = [str(seen.get("state", "?"))]
    if isinstance(seen.get("port"), int) and resource.kind == "service":
        parts.append(f"port {seen['port']}")
    if isinstance(seen.get("local_port"), int):
        parts.append(f"local port {seen['local_port']}")
    if resource.kind == "cache" and isinstance(seen.get("size"), int):
        parts.append(_bytes(seen["size"]))
    if seen.get("verified") is False:
        parts.append("not verified")
    if resource.kind == "cache" and resource.desired.get("state") == "keep":
        parts.append("to keep")
    if resource.verdict is not Verdict.IN_SYNC and seen.get("reason"):
        parts.append(str(seen["reason"]))
    return ", ".join(parts)


def _loss(resource: Resource) -> Iterator[Text]:
    """Say what a clear removes: nobody should have to guess that."""
    seen = resource.observed
    size = _bytes(seen["size"]) if isinstance(seen.get("size"), int) else "size not known"
    yield line(f"removes all in {shown(seen.get('path', 'its directory'))}", "bold")
    yield line(f"{size}, last modified {shown(seen['modified']) if seen.get('modified') else 'not known'}")
    nested = seen.get("nested")
    for path in nested if isinstance(nested, list) else ():
        yield line(f"with the cache inside it: {shown(path)}", "bold")


def _bytes(size: int) -> str:
    return f"{size:,} bytes" if size < 1000 else f"{decimal(size)} ({size:,} bytes)"  # noqa: PLR2004 - one kB


# --- grouping ------------------------------------------------------------------------------

Chain = list[tuple[int, Resource]]
"""The resources of one service with their depths: tunnel, service, cache."""


def _by_host(plan: Plan) -> dict[str, list[Chain]]:
    """Group resources by the host of their service; what belongs to no service stands alone."""
    tunnels = {r.name: r for r in plan.resources if r.kind == "tunnel"}
    caches = {name: r for r in plan.resources if r.kind == "cache" for name in (r.names or (r.name,))}
    hosts: dict[str, list[Chain]] = {}
    placed: set[str] = set()
    for service in plan.resources:
        if service.kind != "service":
            continue
        members = [tunnels.get(service.name), service, caches.get(service.name)]
        chain = [r for r in members if r is not None and r.address not in placed]
        placed.update(r.address for r in chain)
        hosts.setdefault(service.host, []).append(list(enumerate(chain)))
    for other in plan.resources:
        if other.address not in placed:
            hosts.setdefault(other.host, []).append([(0, other)])
    return hosts
