"""A session: manifests loaded and resolved, hosts connected, the loop at hand.

This is the public way in for programs; the command line uses nothing else.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as StopEvent
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from rhl_helpers.text import safe
from seamless_reconcile.agreement import NotApproved, StalePlan
from seamless_reconcile.events import Event, OneAtATime, Reporter, Silent
from seamless_reconcile.locks import Locked, claims, host_locks
from seamless_reconcile.plan import Plan
from seamless_reconcile.planner import Options
from seamless_reconcile.reaching import Connections, Kind, real_reach
from seamless_reconcile.saved import PlanFileError, SavedPlan, differences, load_saved, write_saved
from seamless_reconcile.state import FileMemory, FolderRecord, state_folder

if TYPE_CHECKING:
    from typing_extensions import Self

    from seamless_reconcile.declared import Manifest
    from seamless_reconcile.desired import Desired
    from seamless_reconcile.loop import Loop
    from seamless_reconcile.outcomes import Applied
    from seamless_reconcile.snapshot import Snapshot

__all__ = [
    "Locked",
    "NotApproved",
    "Options",
    "PlanFileError",
    "SavedPlan",
    "Session",
    "Settings",
    "StalePlan",
    "load_saved",
]

DEFAULT_FILE = "seamless.reconcile.yaml"
THINKING_SECONDS = 1.0
"""An approval that took longer was given by a person, and the world went on meanwhile."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is told besides its manifests.

    Attributes:
        files: manifest files; the default is `seamless.reconcile.yaml` here.
        ssh: "auto", "paramiko" or "openssh".
        timeout: seconds for each reading call; None for each call's own.
        parallel: actions at once.
        lock_timeout: seconds to wait for another run of this user.
    """

    files: tuple[str, ...] = (DEFAULT_FILE,)
    ssh: Kind = "auto"
    timeout: float | None = None
    parallel: int = 8
    lock_timeout: float = 0.0
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Session:
    """One manifest, resolved, with connections that are made when first needed.

    Use as a context manager. Nothing is contacted before `plan` or `apply`.
    """

    def __init__(self, manifest: Manifest, desired: Desired, settings: Settings, reporter: Reporter) -> None:
        self.manifest = manifest
        self.desired = desired
        self._settings = settings
        self._reporter = OneAtATime(reporter)
        self._connections = Connections(settings.ssh, settings.timeout)
        self._folder = state_folder()
        self._memory = FileMemory(self._folder)
        self._holding = False

    @classmethod
    def open(cls, settings: Settings, reporter: Reporter | None = None) -> Session:
        """Load and resolve the manifests.

        Raises:
            ManifestError: with everything that is wrong with them; nothing was contacted.
        """
        from seamless_reconcile.resolver import resolve_files  # noqa: PLC0415 - `show` needs no manifest

        manifest, desired = resolve_files(settings.files, environ=settings.environ)
        return cls(manifest, desired, settings, reporter or Silent())

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._connections.close()

    def _loop(self, *listeners: Reporter) -> Loop:
        self._connections.begin(self.desired.hosts)
        # Imported while the hosts are being reached.
        from seamless_reconcile.loop import Loop  # noqa: PLC0415

        reads, acts, timeout = self._connections.reading, self._connections.changing, self._settings.timeout
        reading = real_reach(reads, self._memory, changing=False, timeout=timeout)
        changing = real_reach(acts, self._memory, changing=True, timeout=timeout)
        return Loop(
            self.desired, reading, changing, _All((self._reporter, *listeners)), self._settings.parallel
        )

    def plan(self, options: Options | None = None, *, passive: bool = False) -> Plan:
        """Read once and plan; nothing is changed anywhere (S6).

        Raises:
            KeyError: with an address in `options` that the manifest does not have.
        """
        return self._loop().plan(options or Options(), passive=passive)[0]

    def apply(
        self,
        options: Options | None = None,
        *,
        approve: Callable[[Plan], bool] | None = None,
        stop: StopEvent | None = None,
    ) -> Applied:
        """Make it so.

        Args:
            options: what to narrow it to.
            approve: shown the plan, says whether to go on; None means yes. What changes while it
                thinks makes the plan stale.
            stop: set it to end after the actions in hand.

        Raises:
            NotApproved, StalePlan, Locked, KeyError (see `plan`).
        """
        options = options or Options()

        def agree(plan: Plan) -> None:
            if approve is None:
                return
            began = time.monotonic()
            if not approve(plan):
                raise NotApproved(plan)
            # Every action looks again in any case; what a person has read must still be the whole of it.
            if time.monotonic() - began > THINKING_SECONDS:
                self._still(plan, options)

        return self._apply(options, agree, stop or StopEvent())

    def look(self) -> Snapshot:
        """Read once and judge, without planning; nothing is changed anywhere (S6)."""
        return self._loop().plan(Options())[1]

    def keys(self) -> dict[str, tuple[str, str]]:
        """Give host and launcher key of each service, by name."""
        return {name: (spec.host, spec.key) for name, spec in self.desired.services.items()}

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Keep every other apply of this user off these services until the block ends (a proof).

        Raises:
            Locked.
        """
        with claims(self._folder, self.keys().values(), wait=self._settings.lock_timeout):
            self._holding = True
            try:
                yield
            finally:
                self._holding = False

    def apply_desired(self, desired: Desired, *, stop: StopEvent | None = None) -> Applied:
        """Make something else of the same services so, without asking (`run --restore`)."""
        other = Session(self.manifest, desired, self._settings, self._reporter)
        other._holding = self._holding
        with other:
            return other.apply(stop=stop)

    def apply_saved(self, saved: SavedPlan, *, stop: StopEvent | None = None) -> Applied:
        """Do what a saved plan says, if everything it was made on still holds.

        Nothing in the file is acted on: it is planned anew from the manifest, and refused where
        that gives anything else (a saved plan is untrusted).

        Raises:
            StalePlan, Locked.
        """
        if saved.digest != self._digest():
            raise StalePlan(["the manifest, the cluster files or the environment it uses have changed"])
        foreign = [address for address in saved.options.targets if not self._has(address)]
        foreign += [address for address in saved.options.replace if not self._has(address, replaceable=True)]
        if foreign:
            raise StalePlan([f"{safe(address)}: the manifest has no such address" for address in foreign])

        def agree(plan: Plan) -> None:
            _raise_if_stale(saved.plan, plan)

        applied = self._apply(saved.options, agree, stop or StopEvent())
        if not applied.outcomes:
            _raise_if_stale(saved.plan, applied.plan)
        return applied

    def _has(self, address: str, *, replaceable: bool = False) -> bool:
        kind, _, name = address.partition(".")
        spec = self.desired.services.get(name)
        if kind == "cache":
            return not replaceable and spec is not None and spec.cache is not None
        return kind in ("tunnel", "service") and spec is not None

    def _still(self, plan: Plan, options: Options) -> None:
        """Look again after a person took time to read the plan (S7)."""
        again, _ = self._loop().plan(options)
        _raise_if_stale(plan, again)

    def _apply(self, options: Options, agree: Callable[[Plan], None], stop: StopEvent) -> Applied:
        records: list[FolderRecord] = []
        listener = _Late()

        def record(plan: Plan) -> FolderRecord:
            from seamless_reconcile.report.json_ import plan_to_dict  # noqa: PLC0415

            try:
                kept = FolderRecord(self._folder)
                records.append(kept)
                kept.write("plan.json", plan_to_dict(plan))
            except OSError as exc:
                raise OSError(exc.errno, f"nothing was done: {exc.strerror}", str(self._folder)) from exc
            listener.to = kept
            return kept

        with self._locked():
            try:
                applied = self._loop(listener).apply(options, agree=agree, record=record, stop=stop)
                for kept in records:
                    from seamless_reconcile.report.json_ import applied_to_dict  # noqa: PLC0415

                    # On a full disk the user is told how it ended all the same.
                    with suppress(OSError):
                        kept.write("applied.json", applied_to_dict(applied))
                return applied
            finally:
                for kept in records:
                    kept.close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other runs of this user from these services and hosts while one of them is changed (L5)."""
        wait = self._settings.lock_timeout
        with ExitStack() as held:
            if not self._holding:
                held.enter_context(claims(self._folder, self.keys().values(), wait=wait))
            held.enter_context(host_locks(self._folder, self.desired.hosts, wait=wait))
            yield

    def save(self, plan: Plan, options: Options, path: str | Path) -> None:
        """Save a plan for `apply_saved`.

        Raises:
            OSError: it could not be written.
        """
        write_saved(Path(path), SavedPlan(plan, self.manifest.files, options, self._digest()))

    def _digest(self) -> str:
        """Stand for everything that was declared and what it resolved to."""
        # Without the places in the files: a saved plan names those by absolute paths.
        placeless = {name: replace(spec, at=None) for name, spec in self.desired.services.items()}
        text = f"{self.manifest.digest}\n{replace(self.desired, services=placeless)!r}"
        return hashlib.sha256(text.encode()).hexdigest()


def _raise_if_stale(planned: Plan, now: Plan) -> None:
    found = differences(planned, now)
    if found:
        raise StalePlan(found)


class _Late:
    """A listener that comes to be during the run: the record."""

    to: Reporter | None = None

    def on_event(self, event: Event) -> None:
        if self.to is not None:
            self.to.on_event(event)


class _All:
    """Several reporters as one."""

    def __init__(self, reporters: tuple[Reporter, ...]) -> None:
        self._lock, self._reporters = Lock(), reporters

    def on_event(self, event: Event) -> None:
        with self._lock:
            for reporter in self._reporters:
                reporter.on_event(event)
