"""What `diagnose` knows, as the page `docs/reference/diagnose.md`."""

from __future__ import annotations

from collections.abc import Iterator

from seamless_reconcile.diagnose.knowledge import Cause, Knowledge
from seamless_reconcile.diagnose.signs import SIGNS

_NAMES = {
    "name": "NAME", "key": "KEY", "host": "HOST", "type": "TYPE", "package": "PACKAGE",
    "environment": "environment", "raised_in": "DEPENDENCY", "workdir": "DIRECTORY", "on": "ssh HOST ",
    "in_env": "conda run -n ENVIRONMENT ",
}  # fmt: skip


def tables(known: Knowledge) -> str:
    """Give all tables of the page, below the part that is written by hand."""
    return "\n".join([*_symptoms(known), *_causes(known), *_client(known), *_rest(known)]) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _symptoms(known: Knowledge) -> Iterator[str]:
    yield "## Symptoms\n"
    yield "What state evidence shows; the first that matches is the service's.\n"
    yield "| id | health | symptom | meaning | where to look | fix |\n|---|---|---|---|---|---|"
    for one in known.symptoms:
        yield _row(one.id, one.health.value, one.title, one.meaning, one.look, _filled(one.fix))


def _causes(known: Knowledge) -> Iterator[str]:
    yield "\n## Causes\n"
    yield "*Possible*, *likely*: as sure as it gets. *Live*: told of services that run, too.\n"
    yield "| id | for | seen in | cause | why | fix |\n|---|---|---|---|---|---|"
    for one in sorted(known.causes, key=lambda cause: cause.id):
        yield _row(
            one.id,
            ", ".join(sorted(one.when.types)) or "all",
            _seen(one),
            _title(one),
            one.cause,
            _filled(one.fix),
        )


def _title(one: Cause) -> str:
    marks = [one.most.value] if one.most.rank else []
    marks += ["live"] if one.running else []
    return one.title + (f" *({', '.join(marks)})*" if marks else "")


def _seen(one: Cause) -> str:
    if one.unexplained:
        return "a traceback that nothing else explains"
    said = [f"`{_plain(expression.pattern)}`" for expression in one.log]
    if said:
        return ", ".join(said)
    return ", ".join(f"`{sign}`" for sign in sorted(one.when.all | one.when.any))


def _plain(pattern: str) -> str:
    """Give an expression as people read it."""
    for old, new in (("\\[", "["), ("\\]", "]"), ("\\d{1,5}", "N"), ("\\d\\d", "xx"), ("\\b", "")):
        pattern = pattern.replace(old, new)
    for size in ("200", "100"):
        pattern = pattern.replace(f".{{0,{size}}}", "…")
    return pattern


def _client(known: Knowledge) -> Iterator[str]:
    yield "\n## Errors of clients\n"
    yield "The last error in the text counts; the first of these that matches is told first.\n"
    yield "| id | kind | what it is | meaning | where to look |\n|---|---|---|---|---|"
    for one in known.client:
        yield _row(one.id, f"`{one.kind}`", one.title, one.meaning, one.look)
    yield "\n| client module | service |\n|---|---|"
    for file, kind in known.clients.items():
        yield _row(f"`{file.removesuffix('.py')}`", kind)


def _rest(known: Knowledge) -> Iterator[str]:
    yield "\n## Who owns what\n"
    yield "| service | package | program | made with | also |\n|---|---|---|---|---|"
    for kind, owner in known.owners.items():
        yield _row(kind, owner.package, f"`{owner.program}`", owner.framework, owner.also)
    yield "\n## Variables of this client\n"
    yield "| variable | effect | mind |\n|---|---|---|"
    for variable in known.variables:
        yield _row(f"`{variable.name}`", variable.effect, variable.trap)
    yield "\n## Signs\n"
    yield "What symptoms and causes are judged by; `evidence.signs` lists those that were seen.\n"
    yield "| sign | |\n|---|---|"
    for name, meaning in SIGNS.items():
        yield _row(f"`{name}`", meaning)


def _filled(text: str) -> str:
    return text.format(**_NAMES)
