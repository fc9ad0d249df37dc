"""A hook of mkdocs: the repository's own pages and examples are part of the site; links fit both.

In the repository a link leads from file to file, also out of docs/. In the site README is the first page,
and CONTRIBUTING, CHANGELOG and the example manifests lie beside the others.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
FILES = {
    "LICENSE": "LICENSE.txt",
    **{f"manifests/{p.name}": f"manifests/{p.name}" for p in (ROOT / "manifests").iterdir()},
}
_FOLDERS = {"manifests": "index.md", "docs/adr": "adr/README.md", "docs": "index.md"}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_NAMED = re.compile(r"^(\[[^\]]+\]: )(?!https?:)\S+$", re.MULTILINE)
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def on_config(config: Any) -> Any:
    """Leave out of the navigation what is not there (yet)."""
    config["nav"] = [entry for entry in map(_there, config["nav"] or []) if entry]
    return config


def _there(entry: Any) -> Any:
    if isinstance(entry, str):
        return entry if entry in PAGES.values() or (ROOT / "docs" / entry).exists() else None
    ((title, value),) = entry.items()
    if isinstance(value, list):
        inside = [one for one in map(_there, value) if one]
        return {title: inside} if inside else None
    return entry if _there(value) else None


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside docs/."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - tests read this file without mkdocs

    for source, target in (PAGES | FILES).items():
        files.append(File.generated(config, target, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn the repository's links into the site's."""
    at = page.file.src_uri
    source = {target: name for name, target in PAGES.items()}.get(at, f"docs/{at}")
    parts = _CODE.split(_NAMED.sub(r"\1index.md", markdown))
    parts[::2] = [_LINK.sub(lambda found: _link(found, source, at), part) for part in parts[::2]]
    return "".join(parts)


def _link(found: re.Match[str], source: str, at: str) -> str:
    mark, text, path, anchor = found[1], found[2], found[3], found[4] or ""
    if not path or "://" in path:
        return found[0]
    target = site_path(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
    if target is None:
        return text  # a file of the source tree: not in the site
    return f"{mark}[{text}]({posixpath.relpath(target, posixpath.dirname(at) or '.')}{anchor})"


def site_path(name: str) -> str | None:
    """Give where a file of the repository is in the site; None if it is not."""
    known = (_FOLDERS | PAGES | FILES).get(name)
    return known or (name.removeprefix("docs/") if name.startswith("docs/") else None)
