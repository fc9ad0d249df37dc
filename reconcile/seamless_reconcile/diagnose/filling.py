"""Put names into texts and commands. Pure.

People, and agents, paste commands into a shell, and ssh hands them to another one: what is not plain
is left out (S10), its place says what belongs there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rhl_helpers.text import safe
from rhl_helpers.transport.base import LOCAL
from rhl_helpers.transport.output import PATH_PREFIX
from seamless_reconcile.diagnose.knowledge import Knowledge

MAX_STEPS = 6
_PLAIN = re.compile(r"[A-Za-z0-9~/_][A-Za-z0-9~/._@:-]{0,254}")
_HERE = "this machine"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What can be put in.

    Attributes:
        declared: whether a manifest names the service.
        conda: the declared conda environment; empty if none.
        package: the package at fault.
        raised_in: the dependency that raised.
    """

    name: str
    key: str
    host: str
    type: str
    workdir: str = ""
    declared: bool = True
    conda: str = ""
    package: str = ""
    raised_in: str = "dependency"


def filled(text: str, wanted: Wanted) -> str:
    """Give a text for people with its names put in; one safe line."""
    environment = f"conda environment {wanted.conda}" if wanted.conda else "Python environment"
    return safe(
        text.format(
            name=wanted.name,
            key=wanted.key,
            host=_HERE if wanted.host == LOCAL else wanted.host,
            type=wanted.type,
            package=wanted.package,
            environment=environment,
            raised_in=wanted.raised_in,
            # Where no manifest names the service, only its host says where it works.
            workdir=wanted.workdir if wanted.declared else "its directory",
            on="",
            in_env="",
        )
    )


def command(text: str, wanted: Wanted) -> str:
    """Give a command with its names put in."""

    def plain(value: str, otherwise: str) -> str:
        return value if _PLAIN.fullmatch(value) else otherwise

    host = plain(wanted.host, "HOST")
    conda = plain(wanted.conda, "ENVIRONMENT") if wanted.conda else ""
    by = "-p" if conda.startswith(("/", "~")) else "-n"
    return text.format(
        name=plain(wanted.name, "NAME"),
        key=plain(wanted.key, "KEY"),
        host=host,
        type=wanted.type,
        package=plain(wanted.package, "PACKAGE"),
        environment=conda or "ENVIRONMENT",
        raised_in=wanted.raised_in,
        workdir=plain(wanted.workdir, "DIRECTORY"),
        on="" if wanted.host == LOCAL else f"ssh {host} '{PATH_PREFIX}' ",
        in_env=f"conda run {by} {conda} " if conda else "",
    )


def steps_of(names: Sequence[str], wanted: Wanted, known: Knowledge) -> Iterator[tuple[str, str]]:
    """Give the steps as text and command, in the order of the table: look, repair, bring up."""
    told = 0
    for name, step in known.steps.items():
        if name not in names or told == MAX_STEPS:
            continue
        template = step.command if wanted.declared or not step.otherwise else step.otherwise
        # What only a manifest can do cannot be done for a service that none names.
        if not wanted.declared and "{name}" in template:
            continue
        told += 1
        yield filled(step.text, wanted), command(template, wanted)
