"""A plan for people: what is, what should be, what will be done, in which order, and what will not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from rhl_helpers.text import safe
from seamless_reconcile.plan import Plan, Resource, Verb, Verdict
from seamless_reconcile.report.screen import STYLES, UNICODE, Glyphs, line, shown
from seamless_reconcile.report.words import Doing, Doings, doings, summary

_SYMBOL_WIDTH = 3


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
    said = line(summary(plan, found), "bold")
    said.no_wrap, said.overflow = True, "ignore"
    return said


def rows(*widths: int | None) -> Table:
    """Make a borderless table whose long cells wrap under themselves."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for width in widths:
        table.add_column(width=width, overflow="fold")
    return table


@dataclass(frozen=True, slots=True)
class _Page:
    """One plan being written."""

    plan: Plan
    found: Doings
    glyphs: Glyphs

    # --- the tree ----------------------------------------------------------------------

    def hosts(self) -> Iterator[RenderableType]:
        """Give one block for each host: its services, each between its tunnel and its cache."""
        for host, chains in _by_host(self.plan).items():
            yield line(host, "bold")
            widest = max(len(safe(r.address)) + 2 * depth for chain in chains for depth, r in chain)
            table = rows(1, _SYMBOL_WIDTH, min(widest, 34), None)
            for chain in chains:
                for depth, resource in chain:
                    self._resource(table, depth, resource)
            yield table
            yield Text()

    def _resource(self, table: Table, depth: int, resource: Resource) -> None:
        doing = self.found.of[resource.address]
        style = STYLES[doing]
        branch = "  " * (depth - 1) + self.glyphs.branch if depth else ""
        address = Text(branch, style="dim") + line(resource.address, style)
        table.add_row("", Text(doing.symbol, style), address, self._words(resource, doing))
        for detail in self._details(resource, doing):
            table.add_row("", "", "", detail)

    def _words(self, resource: Resource, doing: Doing) -> Text:
        if doing is Doing.NOTHING:
            return line(_state(resource))
        why = resource.note or str(resource.observed.get("reason", ""))
        if doing in (Doing.BLOCKED, Doing.LEFT):
            why = _state(resource)
        return line(doing.word, STYLES[doing]) + line(f": {why}" if why else "")

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
        table = rows(1, _SYMBOL_WIDTH, None)
        for blocked in self.plan.blocked:
            doing = self.found.of.get(blocked.resource, Doing.BLOCKED)
            doing = doing if doing is Doing.UNKNOWN else Doing.BLOCKED
            table.add_row("", Text(doing.symbol, STYLES[doing]), _said(blocked.resource, blocked.reason))
            if blocked.hint:
                table.add_row("", "", line(f"{self.glyphs.arrow} {blocked.hint}"))
        yield table
        yield Text()

    def warnings(self) -> Iterator[RenderableType]:
        """Give what to know."""
        if not self.plan.warnings:
            return
        yield Text("Warnings:", "bold")
        table = rows(1, _SYMBOL_WIDTH, None)
        for warned in self.plan.warnings:
            table.add_row("", "", _said(warned.resource, warned.message))
        yield table
        yield Text()

    # --- the order -----------------------------------------------------------------------

    def actions(self, *, verbose: bool) -> Iterator[RenderableType]:
        """Give the actions, each with the numbers of those it waits for."""
        if not self.plan.actions:
            return
        yield Text("Actions, each after those in brackets:", "bold")
        after = [_brackets(action.requires) for action in self.plan.actions]
        table = rows(1, min(max(map(len, after)), 20), len(str(len(after))), None)
        table.columns[1].justify = table.columns[2].justify = "right"
        for action, before in zip(self.plan.actions, after, strict=True):
            table.add_row(
                "",
                Text(before, "dim"),
                str(action.id),
                line(_what(action.verb, action.resource, action.host)),
            )
            if verbose and action.cause:
                table.add_row("", "", "", line(f"  {action.cause}", "dim"))
        yield table
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
