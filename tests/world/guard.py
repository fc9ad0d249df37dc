"""What `rhl-guard` lets through, under each of its policies, in its own words."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from world.command import SYSTEM, normal
from world.files import File, inside

if TYPE_CHECKING:
    from world.machine import SimHost

HELPER = re.compile(r"rhl-[a-z][a-z-]*")
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
SEAMLESS_MARKERS = ("seamless.db", ".HASHSERVER_PREFIX")
NO_POLICY = (
    "configure rhl-guard with one path-policy flag: --data-roots PATH, "
    "--clear-policy seamless, --clear-policy marker:NAME, or --permissive-paths; "
    "see the rhl-guard docstring / README Path policy section"
)


class Policy(NamedTuple):
    """A guard's path policy; neither roots nor markers: permissive."""

    roots: tuple[str, ...] | None = None
    markers: tuple[str, ...] | None = None


class Refused(Exception):
    """The guard's stderr line."""


def parse_policy(host: SimHost, argv: tuple[str, ...]) -> Policy | None:
    """Read the guard's own command line.

    `--data-roots` takes the roots themselves here, separated by colons, in place of a file's name.
    """
    chosen: list[Policy] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name == "--permissive-paths":
            chosen.append(Policy())
            continue
        if name not in ("--data-roots", "--clear-policy"):
            raise Refused(f"rhl-guard: configuration error: unknown rhl-guard option: {word}")
        value = value if equals else next(words, "")
        chosen.append(_policy(host, name, value))
    if len(chosen) > 1:
        text = "--data-roots, --clear-policy, and --permissive-paths are mutually exclusive"
        raise Refused(f"rhl-guard: configuration error: {text}")
    return chosen[0] if chosen else None


def _policy(host: SimHost, name: str, value: str) -> Policy:
    if not value:
        wants = "a path" if name == "--data-roots" else "a value"
        raise Refused(f"rhl-guard: configuration error: {name} requires {wants}")
    if name == "--data-roots":
        return Policy(roots=tuple(host.tree.real(host.expand(root)) for root in value.split(":")))
    if value == "seamless":
        return Policy(markers=SEAMLESS_MARKERS)
    if not value.startswith("marker:"):
        raise Refused("rhl-guard: configuration error: --clear-policy must be 'seamless' or 'marker:NAME'")
    marker = value.removeprefix("marker:")
    if marker in ("", ".", "..") or "/" in marker or "\\" in marker:
        text = "--clear-policy marker:NAME requires a simple marker filename"
        raise Refused(f"rhl-guard: configuration error: {text}")
    return Policy(markers=(marker,))


def check_command(host: SimHost, command: str) -> list[str]:
    """Check a command line as sshd hands it over; gives the argv that would run."""
    policy = parse_policy(host, host.guard or ())
    if not command.strip():
        raise Refused("rhl-guard: rejected: empty command (interactive session not allowed)")
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise Refused(f"rhl-guard: rejected: command parse error: {exc}") from None
    while words and ASSIGNMENT.match(words[0]):
        words = words[1:]
    if not words:
        raise Refused("rhl-guard: rejected: empty command after stripping variable assignments")
    if not HELPER.fullmatch(words[0]):
        raise Refused(f"rhl-guard: rejected: command not in whitelist: {command[:120]!r}")
    check(host, words, policy)
    return words


def check(host: SimHost, argv: list[str] | tuple[str, ...], policy: Policy | None) -> None:
    """Check the paths of one helper call."""
    if argv[0] not in ("rhl-clear", "rhl-ps-persistent", "rhl-launch-service"):
        return
    if policy is None:
        raise Refused(f"rhl-guard: rejected: {NO_POLICY}")
    paths, problem = _paths(argv)
    if problem:
        raise Refused(f"rhl-guard: rejected: {problem}")
    for raw in paths:
        path = normal(host.expand(raw))
        problem = _heuristics(host, path) or _by_policy(
            host, path, policy, launch=argv[0] == "rhl-launch-service"
        )
        if problem:
            raise Refused(f"rhl-guard: rejected: {problem}")


def _paths(argv: list[str] | tuple[str, ...]) -> tuple[list[str], str]:
    """Find the paths a client chose."""
    if argv[0] == "rhl-clear":
        return list(argv[1:2]), ""
    wanted = ("--workdir",) if argv[0] == "rhl-launch-service" else ("--level", "--file", "--marker")
    launch = argv[0] == "rhl-launch-service"
    found: list[str] = []
    index = 1
    while index < len(argv):
        word = argv[index]
        index += 1
        if launch and word == "--":
            break
        if word in wanted:
            if index >= len(argv):
                return found, f"{argv[0]} {word} requires a {'path' if launch else 'value'}"
            if launch:
                found.append(argv[index])
            index += 1
        elif launch and word.startswith("--workdir="):
            found.append(word.split("=", 1)[1])
        elif not launch and not word.startswith("-"):
            found.append(word)
    return found, ""


def _heuristics(host: SimHost, path: str) -> str:
    if not path.startswith("/"):
        return f"path must be absolute after ~ expansion: {path}"
    real = host.tree.real(path)
    home = host.tree.real(host.home)
    if real == home or inside(home, real):
        return f"path must not be $HOME or an ancestor of $HOME: {path}"
    if any(part.startswith(".") for part in (*path.split("/"), *real.split("/"))):
        return f"path must not contain dot-prefixed segments: {path}"
    if real in SYSTEM:
        return f"refusing system-root directory: {path}"
    return ""


def _by_policy(host: SimHost, path: str, policy: Policy, *, launch: bool) -> str:
    real = host.tree.real(path)
    if policy.roots is not None:
        if not any(real == root or inside(real, root) for root in policy.roots):
            return f"path is outside configured --data-roots: {path}"
        return ""
    if policy.markers is None or launch:
        return ""
    if any(isinstance(host.tree.find(f"{real}/{marker}"), File) for marker in policy.markers):
        return ""
    return f"path does not contain required marker file ({', '.join(policy.markers)}): {path}"
