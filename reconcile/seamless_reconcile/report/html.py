"""An audit as one page: nothing is fetched, nothing runs but the few lines below.

Whatever comes from a host is escaped (S10), and the page's own policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from string import Template

from seamless_reconcile.audit import Finding, Scene, Severity
from seamless_reconcile.report.drawing import drawing, escaped
from seamless_reconcile.report.findings import finding_to_dict
from seamless_reconcile.report.json_ import dumps

_SIGNS = {Severity.ERROR: "✖", Severity.WARNING: "▲", Severity.INFO: "●"}

_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--soft:#57606a;--rule:#d0d7de;--box:#f6f8fa;
--error:#b42318;--warning:#8a5a00;--info:#0b5cad}
@media(prefers-color-scheme:dark){:root{--ground:#0f1318;--text:#e6edf3;--soft:#9aa5b1;--rule:#3a424c;
--box:#1a2027;--error:#ff8a80;--warning:#f0c060;--info:#7fb8ff}}
body{margin:0 auto;padding:1.5rem;max-width:82rem;background:var(--ground);color:var(--text);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.25rem 0}
.soft{color:var(--soft)}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.5rem .75rem;border-bottom:1px solid var(--rule);
overflow-wrap:anywhere}
th{white-space:nowrap}td.host{min-width:6rem}td.id,td.severity{white-space:nowrap;overflow-wrap:normal;font-weight:600}
.error{color:var(--error)}.warning{color:var(--warning)}.info{color:var(--info)}
code,pre{font:.875em/1.45 ui-monospace,monospace}pre{white-space:pre-wrap;margin:.25rem 0}
form{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:center;margin:.5rem 0}
[hidden]{display:none}
input[type=search]{font:inherit;padding:.3rem .5rem;min-width:16rem;color:inherit;background:var(--box);
border:1px solid var(--rule);border-radius:4px}
svg{font:13px system-ui,sans-serif}svg text{fill:var(--text)}svg .name{font-weight:600}
svg .host{fill:none;stroke:var(--rule)}svg .line{fill:none;stroke:var(--soft);stroke-width:1.5}
svg g>rect,svg g>path{fill:var(--box);stroke:var(--soft);stroke-width:1}
svg g.odd>rect,svg g.odd>path{stroke-dasharray:5 3;stroke-width:2}
svg g.found>rect,svg g.found>path{stroke:currentColor;stroke-width:3}
"""

_SCRIPT = """
const form=document.querySelector("form"),rows=[...document.querySelectorAll("tbody tr")];
function show(){
  const words=form.text.value.toLowerCase().split(/\\s+/),on=new Set(new FormData(form).getAll("severity"));
  let shown=0;
  for(const row of rows){
    const text=row.textContent.toLowerCase();
    row.hidden=!on.has(row.dataset.severity)||!words.every(word=>text.includes(word));
    shown+=!row.hidden;
  }
  form.querySelector("output").textContent=shown+" of "+rows.length+" shown";
}
if(form){form.hidden=false;form.addEventListener("input",show);
form.addEventListener("submit",event=>event.preventDefault());show();}
"""

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'sha256-$style_hash'; script-src 'sha256-$script_hash'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>seamless-reconcile audit</title>
<style>$style</style>
</head>
<body>
<h1>seamless-reconcile audit</h1>
<p>$summary</p>
<h2>Findings</h2>
$findings
<h2 id="picture">What was looked at</h2>
<p class="soft">A column for each host; in each row a tunnel, the service it leads to, and its cache.
Thick border: something was found; dashed: neither well nor found fault with.</p>
<div class="wide">$drawing</div>
<script>$script</script>
</body>
</html>
""")


def audit_html(scene: Scene, findings: Sequence[Finding], last: str) -> str:
    """Give the page.

    Args:
        scene: what was looked at.
        findings: what was found.
        last: the summary line.
    """
    return _PAGE.substitute(
        style=_STYLE,
        style_hash=_hash(_STYLE),
        script=_SCRIPT,
        script_hash=_hash(_SCRIPT),
        summary=escaped(last),
        findings=_table(findings) if findings else "<p>Nothing was found.</p>",
        drawing=drawing(scene, findings),
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _table(findings: Sequence[Finding]) -> str:
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("Id", "Severity", "Resource", "Host", "What", "Do")
    )
    rows = "\n".join(_row(finding) for finding in findings)
    return (
        f'{_form()}\n<div class="wide"><table>\n<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>"
    )


def _form() -> str:
    """Give the filter, which a page without script does not show."""
    boxes = " ".join(
        f'<label><input type="checkbox" name="severity" value="{severity.value}" checked> '
        f"{severity.value}</label>"
        for severity in Severity
    )
    return (
        f'<form hidden><label>Filter <input type="search" name="text" autocomplete="off"></label> {boxes} '
        '<output class="soft"></output></form>'
    )


def _row(finding: Finding) -> str:
    told = finding_to_dict(finding)
    severity = finding.severity
    evidence = escaped(dumps(told["evidence"]))
    cells = (
        f'<td class="id">{escaped(finding.rule.id)}</td>'
        f'<td class="severity {severity.value}">{_SIGNS[severity]} {severity.value}</td>'
        f'<td>{escaped(finding.resource)}</td><td class="host">{escaped(finding.host)}</td>'
        f"<td><strong>{escaped(finding.rule.title)}</strong>: {escaped(finding.message)}"
        f'<p class="soft">{escaped(finding.rule.meaning)}</p>'
        f"<details><summary>Evidence</summary><pre>{evidence}</pre></details></td>"
        f"<td><code>{escaped(finding.remedy)}</code></td>"
    )
    return f'<tr data-severity="{severity.value}">{cells}</tr>'
