"""From options to a session of the workflow."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rhl_helpers.text import safe
from seamless_reconcile.cli.options import DEFAULT_FILE, Asked, Narrowed
from seamless_reconcile.cli.output import Output
from seamless_reconcile.declared import Location, ManifestError, Problem
from seamless_reconcile.events import Reporter
from seamless_reconcile.report.ndjson import EventsFile, Several

if TYPE_CHECKING:  # the workflow brings everything with it: it is imported when a session is opened
    from seamless_reconcile.planner import Options
    from seamless_reconcile.workflow import Session


def files_of(asked: Asked) -> tuple[str, ...]:
    """Give the manifests: those named, or the default one.

    Raises:
        ManifestError: if there is neither.
    """
    if asked.files:
        return asked.files
    if Path(DEFAULT_FILE).exists():
        return (DEFAULT_FILE,)
    raise ManifestError(
        [
            Problem(
                Location(DEFAULT_FILE, 1, 1),
                "there is no manifest in this folder",
                "name one with -f FILE, or write one; `seamless-reconcile schema` describes it",
            )
        ]
    )


@contextmanager
def opened(asked: Asked, out: Output, *more: Reporter, events: Path | None = None) -> Iterator[Session]:
    """Open a session that reports to the user, to the events file and to whoever else wants to know."""
    files = files_of(asked)
    with reporting(out, *more, events=events) as reporter:
        from seamless_reconcile.workflow import Session, Settings  # noqa: PLC0415 - see above

        settings = Settings(
            files=files,
            ssh=asked.ssh,
            timeout=asked.timeout,
            parallel=asked.parallel,
            lock_timeout=asked.lock_timeout,
            environ=dict(os.environ),
        )
        with Session.open(settings, reporter) as session:
            yield session


@contextmanager
def reporting(
    out: Output, *more: Reporter, events: Path | None = None, progress: Reporter | None = None
) -> Iterator[Reporter]:
    """Give who tells the user and the events file what happens; gives the screen back at the end.

    Args:
        out: how the command talks.
        more: whoever else wants to know, before these.
        events: the events file, if there is to be one.
        progress: who tells the user, where that is not what `out` would choose.
    """
    with ExitStack() as stack:
        stack.enter_context(_library_logs(out))
        log = _events_file(events) if events else None
        if log is not None:
            stack.callback(log.close)
        progress = progress or out.progress()
        stack.callback(getattr(progress, "pause", lambda: None))
        yield Several(*more, *([log] if log else []), progress)
    if log is not None and log.problem:
        out.say(f"--events: not all could be written: {log.problem}")


class _Said(logging.Handler):
    """Give what libraries log (paramiko, stamina) as diagnostics, one safe line each."""

    def __init__(self, out: Output) -> None:
        super().__init__(logging.WARNING)
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        """Say it with `-v`; the errors it is about are told in any case, in this program's words."""
        if self._out.verbose:
            self._out.say(f"{record.name}: {record.getMessage()}")


@contextmanager
def _library_logs(out: Output) -> Iterator[None]:
    handler = _Said(out)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _events_file(path: Path) -> EventsFile:
    try:
        return EventsFile(path)
    except OSError as exc:
        raise click.BadParameter(f"{path}: {exc.strerror}", param_hint="'--events'") from None


def options_of(narrowed: Narrowed) -> Options:
    """Give the planner's options."""
    from seamless_reconcile.planner import Options  # noqa: PLC0415 - see above

    return Options(targets=narrowed.targets, replace=narrowed.replace)


def unknown_address(session: Session, address: str) -> click.UsageError:
    """Make the usage error for a `--target` or `--replace` that cannot be one."""
    names = list(session.desired.services)
    known = [f"{kind}.{name}" for name in names for kind in ("service", "cache", "tunnel")]
    if address in known and address.startswith("cache."):
        return click.UsageError(f"{address}: services and tunnels can be replaced, a cache cannot")
    bare = [one for one in known if one.partition(".")[2] == address]
    near = bare[:1] or difflib.get_close_matches(address, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "addresses are service.NAME, cache.NAME and tunnel.NAME"
    return click.UsageError(safe(f"the manifest has no {address}; {hint}", limit=300))


@contextmanager
def addresses_checked(session: Session, narrowed: Narrowed) -> Iterator[None]:
    """Turn the planner's KeyError about an address the user gave into a usage error."""
    try:
        yield
    except KeyError as exc:
        address = exc.args[0] if exc.args else None
        if address not in (*narrowed.targets, *narrowed.replace):
            raise
        raise unknown_address(session, address) from None
