"""What the documents say of `import` is so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from seamless_reconcile.importing.report import import_to_dict
from seamless_reconcile.report.untrusted import IMPORT
from unit.importing.worlds import HEALTHY, Site

DOCS = Path(__file__).resolve().parents[3] / "docs"
FENCED = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
REFERENCE = (DOCS / "reference" / "import.md").read_text()


def test_the_reference_shows_what_is_printed(site: Site) -> None:
    site.launch("database", replace(HEALTHY, tunnel="misrouted"), cluster="far", project="p")
    told = import_to_dict(site.imports("far"), "m.yaml")
    (shown,) = (json.loads(body) for body in FENCED.findall(REFERENCE))
    assert list(shown) == list(told)
    for name in ("entries", "hosts"):
        assert list(shown[name][0]) == list(told[name][0])
    assert list(shown["entries"][0]["observed"]) == list(told["entries"][0]["observed"])
    assert shown["untrusted"] == list(IMPORT)


def test_the_comments_that_the_how_to_shows_are_those_that_are_written(site: Site) -> None:
    page = (DOCS / "import.md").read_text()
    site.add(site.place.spec("hashserver", cluster="far", project="p"))
    site.add(
        site.place.spec("database", cluster="far", project="p", stage="early", idle_timeout=10800),
        replace(HEALTHY, tunnel="none", client="absent"),
        meta={},
    )
    shown = page.partition("```yaml\n")[2].partition("```")[0].replace("mycluster", "far")
    shown = shown.replace("myproject", "p").replace("frontend", "front")
    written = site.proven("far").text
    assert [line for line in shown.splitlines() if line not in written.splitlines()] == []
