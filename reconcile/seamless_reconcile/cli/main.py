"""The program: which commands there are, and how it ends."""

from __future__ import annotations

import gc
import sys
from typing import Any

import click

from seamless_reconcile import __version__
from seamless_reconcile.cli.failures import exit_of
from seamless_reconcile.cli.lazy import LazyGroup

_HERE = "seamless_reconcile.cli."
_COMMANDS = {
    "validate": (_HERE + "validate", "Check the manifest; contact nothing."),
    "plan": (_HERE + "plan", "Show what is, what should be, and what would be done; change nothing."),
    "apply": (_HERE + "apply", "Make it so: plan, ask, act, verify."),
    "audit": (_HERE + "audit", "Find what is wrong, doubtful or forgotten; change nothing."),
    "diagnose": (_HERE + "diagnose", "Say why a service fails, and which package to fix; change nothing."),
    "doctor": (_HERE + "doctor", "Check the way to hosts and their helpers; change nothing."),
    "import": (_HERE + "import_", "Write a manifest of what is there; change nothing."),
    "run": (_HERE + "run", "Run a command on cold caches, and prove that it did."),
    "show": (_HERE + "show", "Show a saved plan."),
    "graph": (_HERE + "graph", "Draw what requires what, from the manifest alone."),
    "schema": (_HERE + "schema", "Print the manifest's JSON Schema."),
    "completion": (_HERE + "completion", "Let a shell complete commands, options and names."),
    "demo": (_HERE + "demo", "The whole story on this machine, in a throw-away folder."),
}


class Program(LazyGroup):
    """The group, ending with the contract's exit codes instead of click's."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run one command and exit."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except BaseException as error:  # noqa: BLE001 - every end of the program becomes an exit code
            code = exit_of(error)
        sys.exit(int(code or 0))


@click.command(
    "seamless-reconcile",
    cls=Program,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done or in sync, 1 error or not converged, 2 changes (with --detailed-exitcode), "
    "3 something unknown, 4 stale plan, 5 blocked or not approved, 64 usage, 65 bad manifest, 75 locked, "
    "130 interrupted.",
)
@click.version_option(__version__, prog_name="seamless-reconcile")
def cli() -> None:
    """Declare what Seamless services, caches and tunnels should be; converge to it, safely."""


def main() -> None:
    """Run the command line and exit."""
    try:
        cli.main(prog_name="seamless-reconcile")
    finally:
        # The process ends: no collector need walk once more through all that was imported (40 ms).
        gc.freeze()
