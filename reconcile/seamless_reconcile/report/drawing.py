"""What an audit looked at as pictures: one SVG a host, a row for each service.

State is told by words and by the shape of the border; colour only repeats it.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rhl_helpers.text import safe
from seamless_reconcile.audit import Finding, Scene

BOX, TALL, GAP, ROW, PAD, HEAD = 176, 44, 34, 60, 16, 46
WIDTH = 3 * BOX + 2 * GAP + 2 * PAD
_LETTERS = 19
_NAME = 44


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was found of one resource: its ids, and how grave the gravest is."""

    ids: str = ""
    style: str = ""


_Marks = Mapping[tuple[str, str], _Mark]
_NONE = _Mark()


@dataclass(frozen=True, slots=True)
class _Box:
    """One resource: where it stands and what it says."""

    kind: str
    title: str
    label: str
    state: str
    mark: _Mark
    x: int
    y: int


def escaped(text: object, limit: int = 2_000) -> str:
    """Give text that HTML and SVG show as it is, inside and outside of attributes (S10)."""
    return html.escape(safe(str(text), limit=limit), quote=True)


def drawing(scene: Scene, findings: Sequence[Finding]) -> str:
    """Give the pictures, one after another; empty where there is nothing to draw."""
    marks = _marks(findings)
    return "\n".join(_picture(scene, host, marks) for host in scene.snapshot.hosts)


def _picture(scene: Scene, host: str, marks: _Marks) -> str:
    boxes, lines = _column(scene, host, marks)
    rows = sum(1 for spec in scene.desired.services.values() if spec.host == host)
    height = HEAD + rows * ROW + PAD
    label = escaped(host, 60)
    parts = (_host(scene, host, height, marks), *lines, *(_drawn(box) for box in boxes))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">' + "".join(parts) + "</svg>"
    )


def _marks(findings: Sequence[Finding]) -> dict[tuple[str, str], _Mark]:
    """Give what was found of each resource, by host and address; the gravest comes first."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: one.severity.rank):
        found.setdefault((finding.host, finding.resource), []).append(finding)
    return {
        where: _Mark(" ".join(dict.fromkeys(one.rule.id for one in those)), those[0].severity.value)
        for where, those in found.items()
    }


def _column(scene: Scene, host: str, marks: _Marks) -> tuple[list[_Box], list[str]]:
    """Place what lives on one host: a cache that several services share stands in the first one's row."""
    names = [name for name, spec in scene.desired.services.items() if spec.host == host]
    y_of = {name: HEAD + place * ROW for place, name in enumerate(names)}
    boxes: list[_Box] = []
    lines: list[str] = []
    xs = [PAD + step * (BOX + GAP) for step in range(3)]
    for name, y in y_of.items():
        key = f"key.{scene.desired.services[name].key}"
        for kind, x in (("tunnel", xs[0]), ("service", xs[1])):
            seen = (
                scene.snapshot.tunnels[name].state
                if kind == "tunnel"
                else scene.snapshot.services[name].state
            )
            address = f"{kind}.{name}"
            mark = marks.get((host, address)) or marks.get((host, key if kind == "service" else ""), _NONE)
            boxes.append(_Box(kind, address, name, seen.value, mark, x, y))
        lines.append(_line(xs[0] + BOX, y, xs[1], y))
    for node in scene.snapshot.nodes:
        if node.host == host:
            y = y_of[node.services[0]]
            mark = marks.get((host, node.address)) or marks.get((host, f"path.{node.path}"), _NONE)
            state = scene.snapshot.caches[node.name].state.value
            boxes.append(_Box("cache", f"{node.address} {node.path}", node.path, state, mark, xs[2], y))
            lines += [_line(xs[1] + BOX, y_of[name], xs[2], y) for name in node.services]
    return boxes, lines


def _host(scene: Scene, host: str, height: int, marks: _Marks) -> str:
    mark = marks.get((host, f"host.{host}"), _NONE)
    away = "not known: " if scene.snapshot.hosts[host].problem else ""
    told = f'<tspan class="{mark.style}"> {away}{escaped(mark.ids)}</tspan>' if mark.ids else ""
    empty = "" if any(s.host == host for s in scene.desired.services.values()) or away else " no service"
    return (
        f'<rect class="host" x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="8"/>'
        f'<text class="name" x="{PAD}" y="{PAD + 12}">{_short(host, _NAME)}{empty}{told}</text>'
    )


def _line(x1: int, y1: int, x2: int, y2: int) -> str:
    middle, half = (x1 + x2) // 2, TALL // 2
    near, far = y1 + half, y2 + half
    return f'<path class="line" d="M{x1} {near} C{middle} {near} {middle} {far} {x2} {far}"/>'


_WELL = frozenset(
    {"running", "open", "closed", "absent", "empty", "pristine", "populated", "stopped", "starting"}
)


def _drawn(box: _Box) -> str:
    """Draw one: a pill for a tunnel, a rectangle for a service, a drum for a cache."""
    style = f"found {box.mark.style}" if box.mark.ids else "well" if box.state in _WELL else "odd"
    state = f"{box.state} {box.mark.ids}".rstrip()
    shape = _SHAPES[box.kind].format(x=box.x, y=box.y, r=box.x + BOX, b=box.y + TALL, w=BOX, h=TALL)
    middle = box.x + BOX // 2
    return (
        f'<g class="{style}"><title>{escaped(box.title)}: {escaped(state)}</title>{shape}'
        f'<text class="name" x="{middle}" y="{box.y + 19}" text-anchor="middle">{_short(box.label)}</text>'
        f'<text x="{middle}" y="{box.y + 35}" text-anchor="middle">{escaped(state, 28)}</text></g>'
    )


_SHAPES = {
    "tunnel": '<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="22"/>',
    "service": '<rect x="{x}" y="{y}" width="{w}" height="{h}"/>',
    "cache": '<path d="M{x} {y} q88 -8 {w} 0 V{b} q-88 8 -{w} 0 Z"/>',
}


def _short(text: str, letters: int = _LETTERS) -> str:
    """Give the end of a name that is too long: there names and paths differ."""
    shown = safe(text)
    return html.escape(shown if len(shown) <= letters else "…" + shown[-letters + 1 :], quote=True)
