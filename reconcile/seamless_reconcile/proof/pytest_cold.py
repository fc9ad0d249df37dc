"""The working part of the pytest plugin: imported only with `--seamless-cold` (see `pytest_plugin`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from rhl_helpers.errors import HelperError
from seamless_reconcile.cli.interrupt import Begun, reluctantly, stops
from seamless_reconcile.declared import ManifestError
from seamless_reconcile.exits import Exit, of_apply
from seamless_reconcile.proof.trial import Trial
from seamless_reconcile.pytest_plugin import NAME
from seamless_reconcile.report.junit import certificate_properties
from seamless_reconcile.report.ndjson import Several
from seamless_reconcile.report.progress import PlainProgress
from seamless_reconcile.workflow import Locked, Session, Settings

LOCK_TIMEOUT = 60.0
"""Seconds to wait for another run of this user, as `run` does."""
_WORKER_KEY = "seamless_cold"


@dataclass(frozen=True, slots=True)
class Cold:
    """What a test can know of the proof it is part of.

    Attributes:
        manifests: the files, absolute paths.
        certificate: what was proved before the tests; the end is not known yet.
    """

    manifests: tuple[str, ...]
    certificate: Mapping[str, Any]


def cold_of(config: pytest.Config) -> Cold | None:
    """Give it to a test, also in a process of pytest-xdist."""
    sent = getattr(config, "workerinput", {}).get(_WORKER_KEY)
    if sent is not None:
        value = json.loads(sent)
        return Cold(tuple(value["manifest"]["files"]), value)
    found = config.pluginmanager.get_plugin(NAME)
    return found.cold if isinstance(found, Plugin) else None


def plugin(config: pytest.Config) -> Plugin:
    """Load the manifests.

    Raises:
        UsageError: with everything that is wrong with them; nothing was contacted.
    """
    option = config.option
    files = tuple(str(Path(config.invocation_params.dir, name)) for name in option.seamless_cold)
    certificate = option.seamless_certificate
    held = ExitStack()
    try:
        begun = Begun()
        progress = Several(begun, PlainProgress(_Terminal(config).line))
        settings = Settings(files=files, environ=dict(os.environ), lock_timeout=LOCK_TIMEOUT)
        session = held.enter_context(Session.open(settings, progress))
        words = ("pytest", *map(str, config.invocation_params.args))
        trial = Trial(session, words, restore=option.seamless_cold_restore, guard=reluctantly)
        target = Path(config.invocation_params.dir, certificate) if certificate else None
        made = Plugin(config, trial, begun, target, held)
        made.write()
    except ManifestError as exc:
        held.close()
        raise pytest.UsageError("--seamless-cold: " + "\n".join(map(str, exc.problems))) from None
    except OSError as exc:
        held.close()
        raise pytest.UsageError(f"--seamless-cold: {exc}") from None
    config.add_cleanup(made.close)
    return made


class _Terminal:
    """Where lines go: pytest's own terminal, as far as it is there."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def line(self, text: str) -> None:
        """Write one line, with `-v` only."""
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and self._config.option.verbose > 0:
            reporter.write_line(text)


class Plugin:
    """One session: made cold before it, judged after it.

    Args:
        config: pytest's.
        trial: the proof in the making.
        begun: whether anything was changed yet.
        target: where the certificate goes.
        held: what ends with the session.
    """

    def __init__(
        self, config: pytest.Config, trial: Trial, begun: Begun, target: Path | None, held: ExitStack
    ) -> None:
        self._config, self._trial, self._begun, self._target, self._held = config, trial, begun, target, held
        self._lost = ""
        self._tests_exit: int | None = None

    @property
    def cold(self) -> Cold:
        """What a test can know of it."""
        value = self._trial.certificate()
        return Cold(tuple(value["manifest"]["files"]), value)

    def write(self) -> None:
        """Write what is proved so far: also before the tests, so that no older file is taken for it.

        Raises:
            OSError.
        """
        if self._target is not None:
            text = json.dumps(self._trial.certificate(), indent=2) + "\n"
            self._target.write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Put services back, where asked for and not done yet; let them go."""
        self._held.close()

    # --- before ----------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Make it so, and prove it cold; without that there is no session."""
        stop = Event()
        try:
            self._held.enter_context(self._trial)
            with stops(stop, self._begun):
                ready = self._trial.begin(stop=stop)
        except Locked as exc:
            self._abort(f"locked: {exc}", Exit.LOCKED)
        except (HelperError, OSError) as exc:
            self._abort(str(exc), Exit.ERROR)
        if ready:
            return
        applied = self._trial.applied
        code = Exit.UNPROVEN if applied is None or applied.converged else of_apply(applied) or Exit.ERROR
        self._abort("; ".join((self._trial.finding.value, *self._trial.reasons())), code)

    def _abort(self, why: str, code: int) -> None:
        self._finish()
        message = f"--seamless-cold: no test was run: {why}"
        if self._trial.problem:
            message += f"; {self._trial.problem}"
        pytest.exit(message, returncode=int(code))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a process of pytest-xdist what its tests can know."""
        node.workerinput[_WORKER_KEY] = json.dumps(self._trial.certificate())

    # --- after -----------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge, put back, write; fail a session that passed and proves nothing."""
        try:
            self._trial.end(int(exitstatus))
        except (HelperError, OSError) as exc:
            self._trial.problem = str(exc)
        self._finish()
        self._record()
        if int(exitstatus) == 0:
            session.exitstatus = self._exit()

    def _exit(self) -> int:
        if not self._trial.holds:
            return int(Exit.UNPROVEN)
        return int(Exit.ERROR if self._lost or self._trial.problem else Exit.OK)

    def _finish(self) -> None:
        """Let everything go, and write the certificate."""
        self.close()
        try:
            self.write()
        except OSError as exc:
            self._lost = f"the certificate could not be written: {exc}"

    def _record(self) -> None:
        """Put the certificate's properties into the JUnit file, where there is one."""
        # pytest gives these to fixtures only, and with pytest-xdist no fixture runs in this process.
        from _pytest.junitxml import xml_key  # noqa: PLC0415 - see above

        xml = self._config.stash.get(xml_key, None)
        if xml is not None:
            for name, value in certificate_properties(self._trial.certificate()):
                xml.add_global_property(name, value)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was proved, last."""
        trial = self._trial
        terminalreporter.section("seamless-cold")
        proof = trial.proof
        if proof is not None and proof.holds:
            places = ", ".join(cache.address for cache in proof.caches)
            terminalreporter.write_line(
                f"proof: genuine: {places} cold before, written by the tests", green=True
            )
        else:
            terminalreporter.write_line(f"proof: {trial.finding.value}; these tests prove nothing", red=True)
            for reason in trial.reasons():
                terminalreporter.write_line(f"  {reason}")
        for line in proof.uncovered if proof else ():
            terminalreporter.write_line(f"not covered: {line}")
        for line in filter(None, (trial.problem, self._lost)):
            terminalreporter.write_line(f"error: {line}", red=True)
        if self._target is not None and not self._lost:
            terminalreporter.write_line(f"certificate: {self._target}")
