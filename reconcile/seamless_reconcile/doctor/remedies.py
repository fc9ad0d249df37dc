"""Words and commands that remedies are made of. Pure.

People paste them into a shell, and ssh hands them to another one: what is not plain is quoted, or stands
as a placeholder (S10).
"""

from __future__ import annotations

import re
import shlex

from rhl_helpers.reachability import Greeting, Route
from rhl_helpers.transport.output import PATH_PREFIX

PACKAGE = "remote-http-launcher"
_PLAIN = re.compile(r"[A-Za-z0-9~/_][A-Za-z0-9~/._@%+=,:-]{0,254}")


def plain(text: object, otherwise: str = "HOST") -> str:
    """Give a text that a shell takes as one word, or a placeholder."""
    return str(text) if _PLAIN.fullmatch(str(text)) else otherwise


def word(text: str) -> str:
    """Quote one word of this machine's own; a leading `~/` stays what it is."""
    return text if _PLAIN.fullmatch(text) else shlex.quote(text)


def on(host: str, command: str) -> str:
    """Give a command as it is typed here: through ssh, unless it is this machine's."""
    return command if host == "local" else f"ssh {plain(host)} {command}"


def place(host: str) -> str:
    """Give the name of a machine as remedies have it."""
    return "here" if host == "local" else host


def probe_by_hand(host: str) -> str:
    """Give the reachability probe: a helper with conda's base first on PATH."""
    return f"ssh {plain(host)} '{PATH_PREFIX}' rhl-ps --json"


def install(version: str = "") -> str:
    """Say how the helpers get onto a host."""
    wanted = f"'{PACKAGE}{version}'" if version else PACKAGE
    return (
        f"pip install {wanted} there, into the system's Python (as root) or conda's base environment "
        "(~/miniforge3 or ~/miniconda3); nothing has to be changed in any client"
    )


def scan(route: Route) -> str:
    """Give the command that shows the fingerprints of a host's keys."""
    settings = route.settings
    if route.proxied:
        return f"ssh {plain(settings.alias)} (it goes through a proxy, so ssh-keyscan cannot ask)"
    return f"{_keyscan(route)} | ssh-keygen -lf -"


def _keyscan(route: Route, kind: str = "") -> str:
    settings = route.settings
    port = "" if settings.port == 22 else f" -p {settings.port}"  # noqa: PLR2004 - ssh's own
    only = f" -t {kind}" if kind else ""
    return f"ssh-keyscan{port}{only} {plain(settings.hostname)}"


def record(route: Route, greeting: Greeting) -> str:
    """Say how a key is put on record, once a person has compared it."""
    file = known_hosts_file(route)
    kind = greeting.key.kind.removeprefix("ssh-").split("-")[0]
    if route.proxied or route.settings.host_key_alias is not None:
        return f"ssh {plain(route.settings.alias)} true, and answer yes"
    return f"{_keyscan(route, plain(kind, 'ed25519'))} >> {word(file)}"


def forget(route: Route, greeting: Greeting) -> str:
    """Give the command that removes a key that is not valid any more."""
    name = greeting.names[0] if greeting.names else route.settings.hostname
    return f"ssh-keygen -f {word(known_hosts_file(route))} -R {shlex.quote(name)}"


def known_hosts_file(route: Route) -> str:
    """Give the file that the user's known hosts stand in."""
    return route.settings.known_hosts[0] if route.settings.known_hosts else "~/.ssh/known_hosts"
