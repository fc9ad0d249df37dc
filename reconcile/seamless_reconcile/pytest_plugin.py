"""`pytest --seamless-cold MANIFEST`: a test session on cold caches, with its proof (docs/ci/pytest.md).

This module is imported by every pytest where seamless-reconcile is installed: it only registers
options and a fixture. Everything else is imported once somebody asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from seamless_reconcile.proof.pytest_cold import Cold

NAME = "seamless-cold"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options."""
    group = parser.getgroup("seamless-reconcile", "Seamless services on cold caches")
    group.addoption(
        "--seamless-cold",
        action="append",
        metavar="MANIFEST",
        help="Before the tests, make the services and caches as this manifest says, without asking; "
        "afterwards prove that the tests ran on cold caches. May be repeated: a union.",
    )
    group.addoption(
        "--seamless-cold-restore",
        action="store_true",
        help="Afterwards put the services back as they were, running or not.",
    )
    group.addoption("--seamless-certificate", metavar="FILE", help="Write what was proved, as JSON.")


def pytest_configure(config: pytest.Config) -> None:
    """Bring in the rest, where it is asked for: once, in the process that started the session."""
    option = config.option
    asked = bool(option.seamless_cold)
    if not asked and (option.seamless_cold_restore or option.seamless_certificate):
        raise pytest.UsageError(
            "--seamless-cold-restore and --seamless-certificate need --seamless-cold MANIFEST"
        )
    if asked and not _runs_nothing(option) and not hasattr(config, "workerinput"):
        from seamless_reconcile.proof.pytest_cold import plugin  # noqa: PLC0415 - see above

        config.pluginmanager.register(plugin(config), NAME)


def _runs_nothing(option: object) -> bool:
    """Tell whether this is only to show something: nothing is to be cleared for that."""
    shows = ("collectonly", "showfixtures", "show_fixtures_per_test", "setupplan")
    return any(getattr(option, name, False) for name in shows)


@pytest.fixture(scope="session")
def seamless_cold(request: pytest.FixtureRequest) -> Cold | None:
    """Give the manifests of `--seamless-cold` and the certificate so far; None without that option."""
    if not request.config.option.seamless_cold:
        return None
    from seamless_reconcile.proof.pytest_cold import cold_of  # noqa: PLC0415 - see above

    return cold_of(request.config)
