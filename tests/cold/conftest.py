"""Proofs with real services on this machine, in a throw-away home; no ssh is involved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab import Lab
from lab.user import User

PAIR = ("hashserver", "database")
BOTH_COLD = {name: {"state": "running", "cache": "cold"} for name in PAIR}


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab() as running:
        yield running


class Prover:
    """A user who proves things: one project, its two services declared cold and running."""

    def __init__(self, user: User) -> None:
        self.user = user
        user.clusters({"local_cluster": "here", "here": user.local()})
        user.project("demo", "here", execution="process")
        user.manifest(BOTH_COLD, cluster="here", project="demo")
        self.tools = (
            user.home / "bin"
        )  # what lies in a `bin` is no part of what Seamless identifies a computation by
        self.tools.mkdir()
        user.write("one two three\n", "words.txt")

    @property
    def env(self) -> dict[str, str]:
        return {"PATH": f"{self.tools}:{self.user.env['PATH']}"}

    def tool(self, name: str, script: str) -> None:
        """Put a program on the user's PATH."""
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, *words: str, code: int, options: tuple[str, ...] = ()):
        """Run a command on cold caches; it must end with that code. Gives its streams."""
        argv = ("run", "--yes", "--certificate", "c.json", *options, "--", *words)
        return self.user.sr(*argv, code=code, env=self.env)

    @property
    def certificate(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.user.folder / "c.json").read_text())
        return found


@pytest.fixture(scope="module")
def prover(user: User) -> Prover:
    return Prover(user)
