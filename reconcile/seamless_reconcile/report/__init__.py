"""What people and programs see of a run. A new output format is one new file over the same values.

words     what becomes of each resource, and the summary line: the one vocabulary of all formats
screen    how text reaches a terminal or a pipe: safe (S10), coloured or not, at which width
text      a plan, for people
applied   how an apply ended, for people
json_     plans, outcomes and events, for programs; `wire` reads plans back
ndjson    events, appended to a file as they happen
findings  an audit, as text, JSON, NDJSON, JUnit and Markdown; html as a page, `drawing` its picture
graphs    the manifest's graph as text, dot and mermaid
progress  what happens while it happens, as plain lines; `live` on a terminal
"""
