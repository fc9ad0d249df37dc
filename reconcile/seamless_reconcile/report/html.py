"""An audit as one page: nothing is fetched, nothing runs but the few lines below.

Whatever comes from a host is escaped (S10), and the page's own policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
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
@media screen and (prefers-color-scheme:dark){:root{--ground:#0f1318;--text:#e6edf3;--soft:#9aa5b1;
--rule:#3a424c;--box:#1a2027;--error:#ff8a80;--warning:#f0c060;--info:#7fb8ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:90rem;background:var(--ground);color:var(--text);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.25rem 0}
.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.5rem .75rem;border-bottom:1px solid var(--rule)}
td{overflow-wrap:anywhere}th,td.id,td.severity{white-space:nowrap}
td.id,td.severity{font-weight:600;overflow-wrap:normal}
td.resource{min-width:11rem}td.host{min-width:7rem}td.what{min-width:18rem}td.do{width:32%;min-width:16rem}
.error{color:var(--error)}.warning{color:var(--warning)}.info{color:var(--info)}
code,pre{font:.875em/1.45 ui-monospace,monospace}pre{white-space:pre-wrap;margin:.25rem 0}
ol{margin:0;padding-left:1.25rem}li:only-child{list-style:none;margin-left:-1.25rem}li+li{margin-top:.25rem}
li code{background:var(--box);border:1px solid var(--rule);border-radius:4px;padding:.05rem .3rem;
user-select:all;-webkit-box-decoration-break:clone;box-decoration-break:clone}
form{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:center;margin:.5rem 0}
[hidden]{display:none!important}
input[type=search]{font:inherit;padding:.3rem .5rem;width:16rem;max-width:100%;color:inherit;
background:var(--box);border:1px solid var(--rule);border-radius:4px}
.hosts{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}
svg{max-width:100%;height:auto;font:13px system-ui,sans-serif}svg text{fill:var(--text)}
svg .name{font-weight:600}svg tspan{fill:currentColor}svg .host{fill:none;stroke:var(--rule)}
svg .line{fill:none;stroke:var(--soft);stroke-width:1.5}
svg g>rect,svg g>path{fill:var(--box);stroke:var(--soft);stroke-width:1}
svg g.odd>rect,svg g.odd>path{stroke-dasharray:5 3;stroke-width:2}
svg g.found>rect,svg g.found>path{stroke:currentColor;stroke-width:3}
@media (max-width:60rem){
thead{display:none}table,tbody{display:block}
tr{display:flex;flex-wrap:wrap;gap:0 1rem;padding:.75rem 0;border-bottom:1px solid var(--rule)}
td{border:0;padding:.1rem 0;min-width:0!important}td.what,td.do{width:100%}}
@media print{body{max-width:none;padding:0;font-size:11pt}form,details:not([open]){display:none!important}
tr,svg{break-inside:avoid}h2{break-after:avoid}}
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
<p class="soft">$made</p>
<h2>Findings</h2>
$findings
<h2>What was looked at</h2>
<p class="soft">A box for each host; in each row a tunnel (rounded), the service it leads to (square), and its
cache (a drum). Thick border: something was found; dashed: neither well nor found fault with.</p>
<div class="hosts">$drawing</div>
<script>$script</script>
</body>
</html>
""")


def audit_html(scene: Scene, findings: Sequence[Finding], last: str, made: str = "") -> str:
    """Give the page.

    Args:
        scene: what was looked at.
        findings: what was found.
        last: the summary line.
        made: when, and by whom.
    """
    return _PAGE.substitute(
        style=_STYLE,
        style_hash=_hash(_STYLE),
        script=_SCRIPT,
        script_hash=_hash(_SCRIPT),
        summary=escaped(last),
        made=escaped(made),
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
    return f"{_form(findings)}\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _form(findings: Sequence[Finding]) -> str:
    """Give the filter, which a page without script does not show."""
    count = Counter(finding.severity for finding in findings)
    boxes = " ".join(
        f'<label><input type="checkbox" name="severity" value="{severity.value}" checked> '
        f'<span class="{severity.value}">{_SIGNS[severity]}</span> '
        f"{severity.value} ({count[severity]})</label>"
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
        f'<td class="resource">{_parted(finding.resource)}</td>'
        f'<td class="host">{_parted(finding.host)}</td>'
        f'<td class="what"><strong>{escaped(finding.rule.title)}</strong>: {escaped(finding.message)}'
        f'<p class="soft">{escaped(finding.rule.meaning)}</p>'
        f"<details><summary>Evidence</summary><pre>{evidence}</pre></details></td>"
        f'<td class="do">{_steps(finding)}</td>'
    )
    return f'<tr data-severity="{severity.value}">{cells}</tr>'


def _parted(name: str) -> str:
    """Give a name that may break where people would break it."""
    return re.sub(r"(?<=[./-])(?=\w)", "<wbr>", escaped(name))


def _steps(finding: Finding) -> str:
    """Give what to do: commands as such, to be taken whole by a click."""
    items = "".join(
        f"<li><code>{escaped(step[1:])}</code></li>" if step.startswith("$") else f"<li>{escaped(step)}</li>"
        for step in finding.steps
    )
    return f"<ol>{items}</ol>"
